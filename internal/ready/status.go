package ready

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// Status is the part of an object's status that anybody reads: this package,
// internal/release or the plan. It is nil for a kind whose status nobody reads.
// While it stays the same, so do the verdicts on the object, but for time.
func Status(u *unstructured.Unstructured) any {
	switch u.GetKind() {
	case "Certificate", "Job", "PostgresCluster", "Rollout", "SealedSecret":
		return u.Object["status"]
	case "HorizontalPodAutoscaler":
		return troubles(u)
	}
	return nil
}
