package alerts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// file is what Prometheus reads rules from: spec of a PrometheusRule.
type file struct {
	Groups []group `json:"groups"`
}

type group struct {
	Name  string `json:"name"`
	Rules []rule `json:"rules"`
}

type rule struct {
	Alert       string            `json:"alert,omitempty"`
	Record      string            `json:"record,omitempty"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Names are the alerts of a PrometheusRule, sorted.
func Names(manifest []byte) ([]string, error) {
	var m struct {
		Spec file `json:"spec"`
	}
	if err := yaml.Unmarshal(manifest, &m); err != nil {
		return nil, fmt.Errorf("read a PrometheusRule: %w", err)
	}
	names := map[string]bool{}
	for _, g := range m.Spec.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				names[r.Alert] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// scaledGroup is the name of the group that WithScaled adds.
const scaledGroup = "scaled"

// WithScaled returns a file of rules that has a group with scaled copies besides its
// own groups. A copy from before is replaced.
func WithScaled(rules string, scaled []Scaled) (string, error) {
	var f file
	if err := yaml.UnmarshalStrict([]byte(rules), &f); err != nil {
		return "", fmt.Errorf("read the rules of Prometheus: %w", err)
	}
	f.Groups = slices.DeleteFunc(f.Groups, func(g group) bool { return g.Name == scaledGroup })
	added := group{Name: scaledGroup}
	for _, s := range scaled {
		original, err := f.alert(s.Alert)
		if err != nil {
			return "", err
		}
		if strings.Count(original.Expr, s.From) != 1 {
			return "", fmt.Errorf("the expression of %s has %q not exactly once: %s", s.Alert, s.From, original.Expr)
		}
		original.Alert, original.Expr = s.Name(), strings.Replace(original.Expr, s.From, s.To, 1)
		added.Rules = append(added.Rules, original)
	}
	f.Groups = append(f.Groups, added)
	text, err := yaml.Marshal(f)
	return string(text), err
}

func (f file) alert(name string) (rule, error) {
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			if r.Alert == name {
				return r, nil
			}
		}
	}
	return rule{}, fmt.Errorf("the rules have no alert %s", name)
}
