package operator

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"blogplatform.io/operator/api/v1alpha1"
)

// These tests have operators of their own, and the cluster for themselves.

// TestAtRestTheOperatorSendsNothing has it look at a platform again and again
// though nothing is to be done, and reads in the audit log what it sent.
func TestAtRestTheOperatorSendsNothing(t *testing.T) {
	w := newWorld(t)
	first := start(t)
	p := w.givenReady("production")
	w.passAgain(p, 3) // what was written last has come back by then
	since := tail(t)
	w.passAgain(p, 10)
	for _, e := range requests(t, since) {
		t.Errorf("at rest: %s %s answered %d", e.Verb, e.RequestURI, e.ResponseStatus.Code)
	}

	before, events := w.versions(p), w.events()
	first.stop()
	start(t)
	w.passAgain(p, 3)
	if diff := cmp.Diff(before, w.versions(p)); diff != "" {
		t.Errorf("a restart changed objects (-before +after):\n%s", diff)
	}
	since = tail(t)
	w.passAgain(p, 10)
	for _, e := range requests(t, since) {
		t.Errorf("at rest after a restart: %s %s answered %d", e.Verb, e.RequestURI, e.ResponseStatus.Code)
	}
	if diff := cmp.Diff(events, w.events()); diff != "" {
		t.Errorf("events of a platform at rest (-before +after):\n%s", diff)
	}
	w.deletePlatform(p)
}

// passAgain has the operator make passes, one after the other, by an
// annotation that says nothing to it.
func (w world) passAgain(p *v1alpha1.BlogPlatform, times int) {
	w.Helper()
	for i := range times {
		before := passes(w.T)
		w.patch(p, func() { p.Annotations = map[string]string{"example.com/look": fmt.Sprint(i, before)} })
		w.until("a pass", func(context.Context) error {
			if n := passes(w.T); n <= before {
				return fmt.Errorf("%v passes", n)
			}
			return nil
		})
	}
}

// versions of all children.
func (w world) versions(p *v1alpha1.BlogPlatform) map[string]string {
	versions := map[string]string{}
	for name, child := range w.children(p) {
		versions[name] = child.GetResourceVersion()
	}
	return versions
}

// events that were recorded in the world, each with how often.
func (w world) events() map[string]int32 {
	w.Helper()
	clientset, err := kubernetes.NewForConfig(cp.Config)
	if err != nil {
		w.Fatal(err)
	}
	list, err := clientset.EventsV1().Events(w.namespace).List(w.Context(), metav1.ListOptions{FieldSelector: "reportingController=blogplatform-operator"})
	if err != nil {
		w.Fatal(err)
	}
	events := map[string]int32{}
	for _, e := range list.Items {
		events[e.Note] += count(&e)
	}
	return events
}

func count(e *eventsv1.Event) int32 {
	if e.Series != nil {
		return e.Series.Count
	}
	return 1
}

func TestWithoutAMeshTheStatusSaysSo(t *testing.T) {
	w := newWorld(t)
	w.label(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}, "istio-injection", "disabled")
	start(t, withoutMesh)
	p := w.given("staging")
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionTrue, "DataPlaneAbsent", "no mesh policy is enforced")
	w.untilCondition(p, v1alpha1.ConditionMeshReady, metav1.ConditionTrue, "DataPlaneAbsent", "--mesh-dataplane=absent")
	w.deletePlatform(p)
}
