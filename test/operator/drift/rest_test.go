package drift

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/operator/harness"
)

// These tests have operators of their own, and the cluster for themselves.

// TestAtRestTheOperatorSendsNothing has it look at a platform again and again
// though nothing is to be done, and reads in the audit log what it sent.
func TestAtRestTheOperatorSendsNothing(t *testing.T) {
	w := newWorld(t)
	first := harness.Start(t)
	p := w.GivenReady("production")
	w.passAgain(p, 3) // what was written last has come back by then
	since := harness.Tail(t)
	w.passAgain(p, 10)
	for _, e := range harness.Requests(t, since) {
		t.Errorf("at rest: %s %s answered %d", e.Verb, e.RequestURI, e.ResponseStatus.Code)
	}

	before, events := w.versions(p), w.Events()
	first.Stop()
	harness.Start(t)
	w.passAgain(p, 3)
	if diff := cmp.Diff(before, w.versions(p)); diff != "" {
		t.Errorf("a restart changed objects (-before +after):\n%s", diff)
	}
	since = harness.Tail(t)
	w.passAgain(p, 10)
	for _, e := range harness.Requests(t, since) {
		t.Errorf("at rest after a restart: %s %s answered %d", e.Verb, e.RequestURI, e.ResponseStatus.Code)
	}
	if diff := cmp.Diff(events, w.Events()); diff != "" {
		t.Errorf("events of a platform at rest (-before +after):\n%s", diff)
	}
	w.DeletePlatform(p)
}

// TestAnAutoscalerThatFollowsTheLoadCausesNoPass: it writes its status every few seconds.
func TestAnAutoscalerThatFollowsTheLoadCausesNoPass(t *testing.T) {
	w := newWorld(t)
	harness.Start(t)
	p := w.GivenReady("production", func(p *v1alpha1.BlogPlatform) {
		p.Spec.Services.User = v1alpha1.Service{Autoscaling: &v1alpha1.Autoscaling{Min: 2, Max: 3}}
	})
	w.passAgain(p, 3) // what was written last has come back by then
	autoscaler := w.Get(w.Object("HorizontalPodAutoscaler", "blog-user"))
	before := harness.Passes(t)
	for i := range 200 {
		patch := fmt.Sprintf(`{"status":{"currentReplicas":%d,"desiredReplicas":%d}}`, i%7+1, i%5+1)
		if err := harness.Cluster.Status().Patch(t.Context(), autoscaler, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
			t.Fatal(err)
		}
	}
	if n := harness.Passes(t) - before; n > 3 { // kube-controller-manager may have written a condition that is read
		t.Errorf("%v passes in 200 changes of its status", n)
	}
	w.DeletePlatform(p)
}

// passAgain has the operator make passes, one after the other, by an
// annotation that says nothing to it.
func (w world) passAgain(p *v1alpha1.BlogPlatform, times int) {
	w.Helper()
	for i := range times {
		before := harness.Passes(w.T)
		w.Patch(p, func() { p.Annotations = map[string]string{"example.com/look": fmt.Sprint(i, before)} })
		w.Until("a pass", func(context.Context) error {
			if n := harness.Passes(w.T); n <= before {
				return fmt.Errorf("%v passes", n)
			}
			return nil
		})
	}
}

// versions of all children. The status of a HorizontalPodAutoscaler is written by
// kube-controller-manager at its own times, so of that kind only what others write counts.
func (w world) versions(p *v1alpha1.BlogPlatform) map[string]string {
	versions := map[string]string{}
	for name, child := range w.Children(p) {
		versions[name] = child.GetResourceVersion()
		if strings.HasPrefix(name, "HorizontalPodAutoscaler ") {
			versions[name] = fmt.Sprint(child.GetGeneration(), writers(child.GetManagedFields()))
		}
	}
	return versions
}

// writers are who wrote an object itself, apart from its status, and when.
func writers(fields []metav1.ManagedFieldsEntry) []string {
	var writers []string
	for _, entry := range fields {
		if entry.Subresource == "" {
			writers = append(writers, fmt.Sprint(entry.Manager, " ", entry.Operation, " ", entry.Time))
		}
	}
	return writers
}

func TestWithoutAMeshTheStatusSaysSo(t *testing.T) {
	w := newWorld(t)
	w.Label(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}}, "istio-injection", "disabled")
	harness.Start(t, harness.WithoutMesh)
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionTrue, "DataPlaneAbsent", "no mesh policy is enforced")
	w.UntilCondition(p, v1alpha1.ConditionMeshReady, metav1.ConditionTrue, "DataPlaneAbsent", "--mesh-dataplane=absent")
	w.DeletePlatform(p)
}
