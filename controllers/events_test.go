package controllers

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/metrics"
)

// gateSays is a status whose gate has an answer.
func gateSays(status metav1.ConditionStatus, reason string) v1alpha1.BlogPlatformStatus {
	return v1alpha1.BlogPlatformStatus{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionPromotionAllowed, Status: status, Reason: reason}}}
}

// failedWith is a status whose target has failed so many times.
func failedWith(reason string, count int32) v1alpha1.BlogPlatformStatus {
	return v1alpha1.BlogPlatformStatus{Release: v1alpha1.ReleaseStatus{
		Target:   v1alpha1.ReleaseIdentity{Digest: "new"},
		Failures: []v1alpha1.ReleaseFailure{{Digest: "new", Reason: reason, Count: count}, {Digest: "old", Reason: "VerifyFailed", Count: 1}},
	}}
}

// TestADecisionIsCountedOnce, however often a pass finds it again.
func TestADecisionIsCountedOnce(t *testing.T) {
	var nothing v1alpha1.BlogPlatformStatus
	for name, test := range map[string]struct {
		before, after v1alpha1.BlogPlatformStatus
		want          string
	}{
		"a release fails":                       {nothing, failedWith("AnalysisFailed", 1), "blogplatform_release_aborts_total AnalysisFailed 1"},
		"it has failed before":                  {failedWith("AnalysisFailed", 1), failedWith("AnalysisFailed", 1), ""},
		"it is tried again, and fails again":    {failedWith("AnalysisFailed", 1), failedWith("AnalysisFailed", 2), "blogplatform_release_aborts_total AnalysisFailed 1"},
		"it is tried again":                     {failedWith("AnalysisFailed", 1), nothing, ""},
		"the gate refuses":                      {nothing, gateSays(metav1.ConditionFalse, "Soaking"), "blogplatform_gate_refusals_total Soaking 1"},
		"it refuses still":                      {gateSays(metav1.ConditionFalse, "Soaking"), gateSays(metav1.ConditionFalse, "Soaking"), ""},
		"it refuses for another reason":         {gateSays(metav1.ConditionFalse, "Soaking"), gateSays(metav1.ConditionFalse, "WindowClosed"), "blogplatform_gate_refusals_total WindowClosed 1"},
		"it opens":                              {gateSays(metav1.ConditionFalse, "Soaking"), gateSays(metav1.ConditionTrue, "Allowed"), ""},
		"a platform that is deleted is refused": {nothing, gateSays(metav1.ConditionFalse, reasonDeleting), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := passAt()
			p.counters = metrics.NewCounters()
			p.countDecisions(test.before, test.after)
			if diff := cmp.Diff(test.want, counted(t, p.counters)); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
}

// counted is the only counter, with its reason and value, or nothing.
func counted(t *testing.T, counters *metrics.Counters) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(counters)
	families, err := registry.Gather()
	if err != nil || len(families) > 1 {
		t.Fatalf("counted %v: %v", families, err)
	}
	for _, family := range families {
		metric := family.GetMetric()[0]
		return fmt.Sprintf("%s %s %v", family.GetName(), labelled(metric, "reason"), metric.GetCounter().GetValue())
	}
	return ""
}

func labelled(metric *dto.Metric, name string) string {
	for _, label := range metric.GetLabel() {
		if label.GetName() == name {
			return label.GetValue()
		}
	}
	return ""
}
