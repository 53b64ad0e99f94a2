package tofu

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Finding is what a checker says of a resource or a file.
type Finding struct {
	// Tool is the checker, Rule its name for the rule.
	Tool, Rule string
	// Resource is the address of the resource, or the file where there is none.
	Resource string
	// Title is the rule in words.
	Title string
}

// String is the finding on one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s: %s", f.Tool, f.Rule, f.Resource, f.Title)
}

// Waiver says why a finding stays, and until when.
type Waiver struct {
	// Rules are the names of the rule with all checkers that have it.
	Rules []string `json:"rules"`
	// Resources are patterns (path.Match) of what it is waived for.
	Resources []string `json:"resources"`
	// Reason says why it stays.
	Reason string `json:"reason"`
	// Expires is the last day, as 2006-01-02.
	Expires string `json:"expires"`
}

// longest is how far ahead a waiver may expire.
const longest = 366 * 24 * time.Hour

// ReadWaivers reads waivers, and refuses those without a reason, a resource or
// a date, and those that would last for more than a year.
func ReadWaivers(text []byte, now time.Time) ([]Waiver, error) {
	var waivers []Waiver
	if err := yaml.UnmarshalStrict(text, &waivers); err != nil {
		return nil, fmt.Errorf("reading the waivers: %w", err)
	}
	var wrong error
	for _, w := range waivers {
		if err := w.check(now); err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("waiver of %s: %w", strings.Join(w.Rules, ", "), err))
		}
	}
	return waivers, wrong
}

func (w Waiver) check(now time.Time) error {
	if len(w.Rules) == 0 || len(w.Resources) == 0 || w.Reason == "" {
		return errors.New("rules, resources and reason must be given")
	}
	for _, pattern := range w.Resources {
		if _, err := path.Match(pattern, ""); err != nil || strings.Trim(pattern, "*") == "" {
			return fmt.Errorf("%q is no pattern of a resource", pattern)
		}
	}
	expires, err := time.Parse(time.DateOnly, w.Expires)
	switch {
	case err != nil:
		return fmt.Errorf("expires must be a day such as 2027-01-31: %w", err)
	case now.After(expires.AddDate(0, 0, 1)):
		return fmt.Errorf("it expired on %s: fix what it waives, or say again why not", w.Expires)
	case expires.Sub(now) > longest:
		return fmt.Errorf("it would last until %s: a year at most", w.Expires)
	}
	return nil
}

func (w Waiver) covers(f Finding) bool {
	return slices.Contains(w.Rules, f.Rule) && slices.ContainsFunc(w.Resources, func(pattern string) bool {
		matches, _ := path.Match(pattern, f.Resource)
		return matches
	})
}

// Waive answers how many findings a waiver covers, and an error that names the
// findings without one and the rules of waivers that no finding has. Only rules of the
// checkers that ran count as unused: names begin with their prefix.
func Waive(findings []Finding, waivers []Waiver, prefixes []string) (int, error) {
	used := map[string]bool{}
	waived := 0
	var wrong []string
	for _, f := range findings {
		i := slices.IndexFunc(waivers, func(w Waiver) bool { return w.covers(f) })
		if i < 0 {
			wrong = append(wrong, f.String())
			continue
		}
		waived++
		used[f.Rule] = true
	}
	for _, w := range waivers {
		for _, rule := range w.Rules {
			ran := slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(rule, prefix) })
			if ran && !used[rule] {
				wrong = append(wrong, "nothing is found of "+rule+" any more: remove it from the waivers")
			}
		}
	}
	if len(wrong) == 0 {
		return waived, nil
	}
	slices.SortFunc(wrong, cmp.Compare)
	return waived, errors.New(strings.Join(slices.Compact(wrong), "\n"))
}
