package controllers

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/report"
)

func TestTheNextReconcileIsDueAtTheLatestAtTheCheckForDrift(t *testing.T) {
	const drift = 10 * time.Minute
	for name, c := range map[string]struct {
		report report.Report
		want   time.Duration
	}{
		"nothing is awaited":          {report.Report{}, drift},
		"something sends no event":    {report.Report{Poll: true}, pollInterval},
		"a time is known":             {report.Report{Next: noon.Add(3 * time.Minute)}, 3 * time.Minute},
		"a later time":                {report.Report{Next: noon.Add(time.Hour)}, drift},
		"a time that is past":         {report.Report{Next: noon.Add(-time.Hour)}, staleRetry},
		"polling, and an early time":  {report.Report{Poll: true, Next: noon.Add(time.Second)}, time.Second},
		"polling, and a distant time": {report.Report{Poll: true, Next: noon.Add(time.Hour)}, pollInterval},
	} {
		if got := requeueAfter(c.report, noon, drift); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func childIn(namespace, kind string) plan.Child {
	object := &unstructured.Unstructured{Object: map[string]any{"kind": kind, "apiVersion": "example.com/v1"}}
	object.SetNamespace(namespace)
	object.SetName("blog")
	return plan.Child{Object: object, Retain: kind == "PostgresCluster"}
}

// TestATenantHasNothingWrittenIntoTheNamespaceOfAnother.
func TestATenantHasNothingWrittenIntoTheNamespaceOfAnother(t *testing.T) {
	s := scopeAt()
	s.GatewayNamespaces = []string{"istio-ingress"}
	for namespace, want := range map[string]bool{"g11-stg": true, "istio-ingress": true, "g11-prod": false} {
		problem := s.foreignNamespace(plan.Plan{Children: []plan.Child{childIn("g11-stg", "Service"), childIn(namespace, "Certificate")}})
		if (problem == nil) != want {
			t.Errorf("%s: %+v", namespace, problem)
		}
	}
}

func TestTheInventoryHoldsWhatNoOwnerReferenceDoes(t *testing.T) {
	s := scopeAt()
	for _, c := range []struct {
		child plan.Child
		want  bool
	}{{childIn("g11-stg", "Service"), false}, {childIn("istio-ingress", "Certificate"), true}, {childIn("g11-stg", "PostgresCluster"), true}} {
		if got := s.tracked(c.child); got != c.want {
			t.Errorf("%s in %s: %v", c.child.Object.GetKind(), c.child.Object.GetNamespace(), got)
		}
	}
	certificate := childIn("istio-ingress", "Certificate")
	live := certificate.Object.DeepCopy()
	live.SetUID("7")
	if got := s.line(certificate, live); got != "example.com/Certificate/istio-ingress/blog/" {
		t.Errorf("an object of somebody else has the line %s", got)
	}
	live.SetLabels(naming.Platform{Namespace: "g11-stg", Name: "blog"}.UnownedLabels())
	line := s.line(certificate, live)
	if line != "example.com/Certificate/istio-ingress/blog/7" {
		t.Errorf("our own has the line %s", line)
	}
	other := "example.com/Certificate/istio-ingress/former/3"
	if got := notPlanned([]string{other, line}, plan.Plan{Children: []plan.Child{certificate}}); !slices.Equal(got, []string{other}) {
		t.Errorf("%v is not planned any more", got)
	}
}

func TestLinesAreSortedAndEachOnce(t *testing.T) {
	if got := sorted([]string{"b", "a", "b"}); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%v", got)
	}
	if got := without([]string{"a", "b", "c"}, []string{"b"}); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("%v", got)
	}
}
