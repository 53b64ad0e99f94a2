package ready

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// metricsGrace is for how long an autoscaler may have no metrics: those of new pods
// come a minute or two after them.
const metricsGrace = 5 * time.Minute

// autoscaler reads the conditions of a HorizontalPodAutoscaler (k8s.io/api/autoscaling/v2
// ScalingActive and AbleToScale). One that does not scale is no trouble until the load grows.
func autoscaler(u *unstructured.Unstructured, now time.Time) Verdict {
	for _, trouble := range troubles(u) {
		if now.Before(trouble.since.Add(metricsGrace)) {
			continue
		}
		action := "see whether metrics-server runs: kubectl get apiservice v1beta1.metrics.k8s.io"
		if trouble.kind == ableToScale {
			action = "look at its events and at its Rollout"
		}
		return Verdict{Warning, "AutoscalerNotScaling", name(u) + " does not scale (" + trouble.reason + "), so its pods will not follow the load; " + action}
	}
	return Verdict{Ready, "Exists", name(u) + " exists"}
}

// trouble is a condition of an autoscaler that is False.
type trouble struct {
	kind, reason string
	since        time.Time
}

func troubles(u *unstructured.Unstructured) []trouble {
	var found []trouble
	for _, kind := range scaling {
		if c := condition(u, kind); is(c, "False") {
			found = append(found, trouble{kind, text(c, "reason"), timeOf(c, "lastTransitionTime")})
		}
	}
	return found
}

const ableToScale = "AbleToScale"

var scaling = []string{ableToScale, "ScalingActive"}

// autoscalerAgain is when an autoscaler has gone without metrics for too long.
func autoscalerAgain(u *unstructured.Unstructured, now time.Time) time.Time {
	var times []time.Time
	for _, trouble := range troubles(u) {
		times = append(times, trouble.since.Add(metricsGrace))
	}
	return earliest(now, times...)
}
