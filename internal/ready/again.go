package ready

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Again is the first time after now at which the verdict on an object may be
// another one though nobody writes the object: a certificate expires, a backup
// is overdue, an autoscaler gets no metrics for too long. It is zero if there is no such time.
func Again(live *unstructured.Unstructured, now time.Time) time.Time {
	switch {
	case live == nil:
	case live.GetKind() == "Certificate":
		return certificateAgain(live, now)
	case live.GetKind() == "PostgresCluster":
		return BackupsOf(live, now).Again
	case live.GetKind() == "HorizontalPodAutoscaler":
		return autoscalerAgain(live, now)
	}
	return time.Time{}
}

// earliest of the times after now; zero if there is none.
func earliest(now time.Time, times ...time.Time) time.Time {
	var first time.Time
	for _, at := range times {
		if at.After(now) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}
