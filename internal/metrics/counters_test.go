package metrics

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/types"
)

var (
	production = types.NamespacedName{Namespace: "g11-prod", Name: "blog"}
	staging    = types.NamespacedName{Namespace: "g11-stg", Name: "blog"}
)

func TestWhatHappensIsCountedByPlatform(t *testing.T) {
	c := NewCounters()
	c.Aborted(production, "AnalysisFailed")
	c.Aborted(production, "AnalysisFailed")
	c.Refused(production, "Soaking")
	c.Applied(staging, "Service", true, false)
	c.Applied(staging, "Service", false, true)
	c.Applied(staging, "Service", false, false)
	err := testutil.CollectAndCompare(c, strings.NewReader(`
# HELP blogplatform_applies_total `+applies.Help+`
# TYPE blogplatform_applies_total counter
blogplatform_applies_total{namespace="g11-stg",platform="blog",result="skipped"} 1
blogplatform_applies_total{namespace="g11-stg",platform="blog",result="written"} 2
# HELP blogplatform_drift_repairs_total `+repairs.Help+`
# TYPE blogplatform_drift_repairs_total counter
blogplatform_drift_repairs_total{kind="Service",namespace="g11-stg",platform="blog"} 1
# HELP blogplatform_gate_refusals_total `+refusals.Help+`
# TYPE blogplatform_gate_refusals_total counter
blogplatform_gate_refusals_total{namespace="g11-prod",platform="blog",reason="Soaking"} 1
# HELP blogplatform_release_aborts_total `+aborts.Help+`
# TYPE blogplatform_release_aborts_total counter
blogplatform_release_aborts_total{namespace="g11-prod",platform="blog",reason="AnalysisFailed"} 2
`))
	if err != nil {
		t.Error(err)
	}
}

func TestThePlatformThatIsGoneIsForgottenAlone(t *testing.T) {
	c := NewCounters()
	for _, platform := range []types.NamespacedName{production, staging} {
		c.Aborted(platform, "VerifyFailed")
		c.Applied(platform, "Rollout", false, true)
	}
	c.Forget(production)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if len(family.GetMetric()) != 1 || !strings.Contains(family.GetMetric()[0].String(), staging.Namespace) {
			t.Errorf("%s has %v", family.GetName(), family.GetMetric())
		}
	}
	if len(families) != 3 {
		t.Errorf("%d metrics are left, want those of staging", len(families))
	}
}
