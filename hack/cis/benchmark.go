package cis

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// File is where the claims are, relative to the root of the repository.
const File = "docs/cis.yaml"

// longest is how far ahead a waiver may end.
const longest = 366 * 24 * time.Hour

// Check is one check of the benchmark with exactly one claim.
type Check struct {
	// ID is that of the benchmark, such as 1.2.14, and Title says in our words what it asks for.
	ID    string `json:"id"`
	Title string `json:"title"`
	// Tests show it: each is the folder of a package and the name of a function.
	Tests []string `json:"tests,omitempty"`
	// Kubeadm is what kubeadm makes of our configuration; `make verify-cloud` looks at it.
	Kubeadm *Kubeadm `json:"kubeadm,omitempty"`
	// Setting is a value in a template of the nodes.
	Setting *Setting `json:"setting,omitempty"`
	// Text is what a file says.
	Text *Text `json:"text,omitempty"`
	// NotApplicable says why there is nothing to check.
	NotApplicable string `json:"notApplicable,omitempty"`
	// Waived says why it does not hold, or was not seen.
	Waived *Waiver `json:"waived,omitempty"`
	// Note is what a reader of the claim has to know in addition.
	Note string `json:"note,omitempty"`
}

// Kubeadm is a claim about a file that kubeadm writes.
type Kubeadm struct {
	// File is relative to kubeadm's folder, such as kube-apiserver.yaml or pki/*.key.
	File string `json:"file"`
	// Has and Lacks are texts, such as arguments of a program.
	Has   []string `json:"has,omitempty"`
	Lacks []string `json:"lacks,omitempty"`
	// Mode is the most that the file's rights may be, in octal.
	Mode string `json:"mode,omitempty"`
}

// Setting is a claim about a value in a file of YAML, or in a template of one.
type Setting struct {
	// File is relative to the root of the repository.
	File string `json:"file"`
	// Path leads to the value; an entry of a list is found by its name.
	Path string `json:"path"`
	// Value is the whole value, Contains a part of it.
	Value    string `json:"value,omitempty"`
	Contains string `json:"contains,omitempty"`
}

// Text is a claim about a file of the repository.
type Text struct {
	// File is relative to the root of the repository.
	File string `json:"file"`
	// Has and Lacks are texts.
	Has   []string `json:"has,omitempty"`
	Lacks []string `json:"lacks,omitempty"`
}

// Waiver is a check that does not hold yet.
type Waiver struct {
	// Why it does not, and what stands in its place.
	Why string `json:"why"`
	// Until is the last day, as 2006-01-02.
	Until string `json:"until"`
}

// Read reads the claims of the repository at root.
func Read(root string) ([]Check, error) {
	text, err := os.ReadFile(filepath.Join(root, File))
	if err != nil {
		return nil, err
	}
	var checks []Check
	if err := yaml.UnmarshalStrict(text, &checks); err != nil {
		return nil, fmt.Errorf("reading %s: %w", File, err)
	}
	return checks, nil
}

// Complete is an error that names the checks of the benchmark that have no
// claim, those that have one and are not in it, and those that come twice.
func Complete(checks []Check) error {
	var wrong error
	claimed := map[string]bool{}
	for _, c := range checks {
		if claimed[c.ID] {
			wrong = errors.Join(wrong, fmt.Errorf("check %s comes twice", c.ID))
		}
		claimed[c.ID] = true
	}
	for _, id := range IDs() {
		if !claimed[id] {
			wrong = errors.Join(wrong, fmt.Errorf("check %s has no claim: say how it stands in %s", id, File))
		}
		delete(claimed, id)
	}
	for _, c := range checks {
		if claimed[c.ID] {
			wrong = errors.Join(wrong, fmt.Errorf("the benchmark has no check %s", c.ID))
		}
	}
	return wrong
}

// sections are how many checks each section of CIS Kubernetes benchmark 1.12 has.
var sections = []struct {
	name   string
	checks int
}{
	{"1.1", 21}, {"1.2", 30}, {"1.3", 7}, {"1.4", 2},
	{"2", 7},
	{"3.1", 3}, {"3.2", 2},
	{"4.1", 10}, {"4.2", 14}, {"4.3", 1},
	{"5.1", 13}, {"5.2", 12}, {"5.3", 2}, {"5.4", 2}, {"5.5", 1}, {"5.6", 4},
}

// IDs are those of all checks, in the order of the benchmark.
func IDs() []string {
	var ids []string
	for _, section := range sections {
		for n := range section.checks {
			ids = append(ids, fmt.Sprintf("%s.%d", section.name, n+1))
		}
	}
	return ids
}

// claims are the words for what a check has, of which there is one in a valid check.
func (c Check) claims() []string {
	var claims []string
	add := func(has bool, claim string) {
		if has {
			claims = append(claims, claim)
		}
	}
	add(len(c.Tests) > 0, tested)
	add(c.Kubeadm != nil, configured)
	add(c.Setting != nil, configured)
	add(c.Text != nil, configured)
	add(c.NotApplicable != "", notApplicable)
	add(c.Waived != nil, waived)
	return claims
}

const (
	tested        = "tested"
	configured    = "configured"
	notApplicable = "not applicable"
	waived        = "waived"
)

// Verify is an error if a check says nothing or two things, if its waiver has
// ended, or if a file of the repository at root is not as it claims. What
// kubeadm writes is not looked at here: see CheckKubeadm.
func (c Check) Verify(root string, now time.Time) error {
	if err := c.verify(root, now); err != nil {
		return fmt.Errorf("check %s (%s): %w", c.ID, c.Title, err)
	}
	return nil
}

func (c Check) verify(root string, now time.Time) error {
	if claims := c.claims(); len(claims) != 1 {
		return fmt.Errorf("it must have one claim, and has: %s", strings.Join(claims, ", "))
	}
	switch {
	case c.Title == "":
		return errors.New("it has no title")
	case c.Waived != nil:
		return c.Waived.verify(now)
	case c.Setting != nil:
		return c.Setting.verify(root)
	case c.Text != nil:
		return c.Text.verify(root)
	}
	return nil
}

func (w Waiver) verify(now time.Time) error {
	until, err := time.Parse(time.DateOnly, w.Until)
	switch {
	case err != nil:
		return fmt.Errorf("until must be a day such as 2027-01-31: %w", err)
	case w.Why == "":
		return errors.New("its waiver says no reason")
	case !now.Before(until.AddDate(0, 0, 1)):
		return fmt.Errorf("its waiver ended on %s: make it hold, or say again why not", w.Until)
	case until.Sub(now) > longest:
		return fmt.Errorf("its waiver would last until %s: a year at most", w.Until)
	}
	return nil
}
