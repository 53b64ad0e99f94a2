package harness

import (
	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Rollout of a service.
func (w World) Rollout(service string) *argo.Rollout {
	w.Helper()
	var r argo.Rollout
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(w.Get(w.Object("Rollout", "blog-"+service)).Object, &r); err != nil {
		w.Fatal(err)
	}
	return &r
}
