package prometheus_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"blogplatform.io/operator/hack/cluster/prometheus/dashboards"
)

// row is a metric in a table of docs/metrics.md, which other tests compare with
// what the operator and the services export: its name, and its own labels.
var row = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z_, ]*)\\|")

// added are labels that Prometheus gives to what it scrapes, or that all series of a service have.
var added = []string{"__name__", "namespace", "platform", "pod", "job", "service", "version", "pod_template_hash"}

// documented are the labels of each metric in docs/metrics.md.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for _, match := range row.FindAllStringSubmatch(string(text), -1) {
		own := append(slices.Clone(added), strings.FieldsFunc(match[2], func(r rune) bool { return r == ',' || r == ' ' })...)
		known[match[1]] = own
		for _, suffix := range []string{"_bucket", "_count", "_sum"} { // as of a histogram
			known[match[1]+suffix] = append(own, "le")
		}
	}
	return known
}

// queries are all of config/monitoring, by where they are.
func queries(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	parsed, _ := readRules(t)
	for _, group := range parsed.Groups {
		for _, rule := range group.Rules {
			all["rule "+rule.Alert+rule.Record] = rule.Expr
		}
	}
	for _, d := range dashboards.All {
		for _, panel := range d.Panels {
			for _, query := range panel.Queries {
				all["dashboard "+d.Name+", "+panel.Title+", "+query.Legend] = query.Expr
			}
		}
	}
	return all
}

// TestEachQueryAsksForMetricsThatExist, by labels that they have: it parses, and what it
// selects is recorded by a rule or exported by a program, as docs/metrics.md tells.
func TestEachQueryAsksForMetricsThatExist(t *testing.T) {
	known := documented(t)
	parsed, _ := readRules(t)
	for _, group := range parsed.Groups {
		for _, rule := range group.Rules {
			if rule.Record != "" {
				known[rule.Record] = []string{"__name__", "namespace", "platform"}
			}
		}
	}
	for where, query := range queries(t) {
		expression, err := parser.NewParser(parser.Options{}).ParseExpr(query)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
			if selector, is := node.(*parser.VectorSelector); is {
				expectKnown(t, where, selector, known)
			}
			return nil
		})
	}
}

func expectKnown(t *testing.T, where string, selector *parser.VectorSelector, known map[string][]string) {
	t.Helper()
	own, found := known[selector.Name]
	if !found {
		t.Errorf("%s asks for %s, which docs/metrics.md does not list", where, selector.Name)
		return
	}
	for _, matcher := range selector.LabelMatchers {
		if !slices.Contains(own, matcher.Name) {
			t.Errorf("%s asks %s for the label %s, which it does not have", where, selector.Name, matcher.Name)
		}
		if matcher.Name == model.MetricNameLabel && matcher.Type != labels.MatchEqual {
			t.Errorf("%s asks for metrics by a pattern, %s: name them", where, matcher)
		}
	}
}
