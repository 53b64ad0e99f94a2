package prometheus_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"sigs.k8s.io/yaml"
)

// root is that of the checkout.
const root = "../../.."

// ruleSet is the part of a PrometheusRule that Prometheus itself reads.
type ruleSet struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Record, Expr string
			Labels, Annotations map[string]string
		}
	}
}

// readRules are the rules of config/monitoring, and their file as Prometheus reads it.
func readRules(t *testing.T) (parsed ruleSet, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config/monitoring/rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Spec map[string]any }
	if err := yaml.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	spec, err := yaml.Marshal(manifest.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(spec, &parsed); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, spec, 0o600); err != nil {
		t.Fatal(err)
	}
	return parsed, file
}

// alerts are the names of all alerts, sorted.
func (r ruleSet) alerts() []string {
	var names []string
	for _, group := range r.Groups {
		for _, rule := range group.Rules {
			if rule.Alert != "" {
				names = append(names, rule.Alert)
			}
		}
	}
	slices.Sort(names)
	return names
}

// firing evaluates all rules over series at some minutes, and answers the alerts that
// fire after each. $ stands for the labels of a platform, # for those of the operator.
func firing(t *testing.T, step time.Duration, series string, minutes []int) map[int][]*rules.Alert {
	t.Helper()
	parsed, file := readRules(t)
	series = strings.NewReplacer("$", `namespace="g11-prod",platform="blog"`, "#", `job="blogplatform-operator"`).Replace(strings.TrimSpace(series))
	suite, err := promqltest.NewLazyLoader("load "+step.String()+"\n"+series, promqltest.LazyLoaderOpts{})
	if err != nil {
		t.Fatal(err)
	}
	defer suite.Close()
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:    rules.EngineQueryFunc(suite.QueryEngine(), suite.Storage()),
		AppendableV2: suite.Storage(), Queryable: suite.Storage(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
	})
	groups, errs := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, file)
	if len(errs) > 0 {
		t.Fatalf("Prometheus refuses the rules: %v", errs)
	}
	fire := map[int][]*rules.Alert{}
	for _, minute := range minutes {
		at := time.Unix(0, 0).Add(time.Duration(minute) * time.Minute)
		suite.WithSamplesTill(at, func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			for _, group := range parsed.Groups {
				fire[minute] = append(fire[minute], evaluated(t, groups[file+";"+group.Name], at)...)
			}
		})
	}
	return fire
}

// evaluated evaluates a group, and answers the alerts that fire.
func evaluated(t *testing.T, group *rules.Group, at time.Time) []*rules.Alert {
	t.Helper()
	group.Eval(t.Context(), at)
	var fire []*rules.Alert
	for _, rule := range group.Rules() {
		if err := rule.LastError(); err != nil {
			t.Errorf("%s: %v", rule.Name(), err)
		}
		if alert, is := rule.(*rules.AlertingRule); is {
			for _, active := range alert.ActiveAlerts() {
				if active.State == rules.StateFiring {
					fire = append(fire, active)
				}
			}
		}
	}
	return fire
}

// find is the alert of a name among those that fire, or nil.
func find(fire []*rules.Alert, name string) *rules.Alert {
	i := slices.IndexFunc(fire, func(a *rules.Alert) bool { return a.Labels.Get(labels.AlertName) == name })
	if i < 0 {
		return nil
	}
	return fire[i]
}
