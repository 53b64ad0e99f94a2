package ready

import (
	"testing"
	"time"
)

// TestAnAutoscalerWithoutMetricsIsAWarning: it serves as before, until the load grows.
func TestAnAutoscalerWithoutMetricsIsAWarning(t *testing.T) {
	tell(t, "HorizontalPodAutoscaler", []story{
		{"is new", ``, Ready, "Exists", ""},
		{"scales", `
status:
  conditions:
  - {type: AbleToScale, status: "True", reason: ReadyForNewScale, lastTransitionTime: "2026-01-01T00:00:00Z"}
  - {type: ScalingActive, status: "True", reason: ValidMetricFound, lastTransitionTime: "2026-01-01T00:00:00Z"}
  - {type: ScalingLimited, status: "False", reason: DesiredWithinRange, lastTransitionTime: "2026-01-01T00:00:00Z"}
`, Ready, "Exists", ""},
		{"has new pods", `
status: {conditions: [{type: ScalingActive, status: "False", reason: FailedGetContainerResourceMetric, lastTransitionTime: "2026-02-01T11:55:01Z"}]}
`, Ready, "Exists", ""},
		{"has no metrics", `
status: {conditions: [{type: ScalingActive, status: "False", reason: FailedGetContainerResourceMetric, lastTransitionTime: "2026-02-01T11:55:00Z"}]}
`, Warning, "AutoscalerNotScaling", "does not scale (FailedGetContainerResourceMetric), so its pods will not follow the load; see whether metrics-server runs"},
		{"cannot scale", `
status:
  conditions:
  - {type: AbleToScale, status: "False", reason: FailedGetScale, lastTransitionTime: "2026-01-01T00:00:00Z"}
  - {type: ScalingActive, status: "False", reason: FailedGetContainerResourceMetric, lastTransitionTime: "2026-01-01T00:00:00Z"}
`, Warning, "AutoscalerNotScaling", "(FailedGetScale), so its pods will not follow the load; look at its events and at its Rollout"},
	})
}

func TestAnAutoscalerIsLookedAtWhenItHasNoMetricsForTooLong(t *testing.T) {
	u := object(t, "HorizontalPodAutoscaler", `
status:
  conditions:
  - {type: AbleToScale, status: "True", lastTransitionTime: "2026-02-01T11:58:00Z"}
  - {type: ScalingActive, status: "False", lastTransitionTime: "2026-02-01T11:59:00Z"}
`)
	if got, want := Again(u, today), today.Add(4*time.Minute); !got.Equal(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := Again(u, today.Add(4*time.Minute)); !got.IsZero() {
		t.Errorf("a time that has passed: %v", got)
	}
}
