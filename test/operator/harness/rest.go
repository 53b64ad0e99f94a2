package harness

import (
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Events that were recorded in the world, each with how often.
func (w World) Events() map[string]int32 {
	w.Helper()
	clientset, err := kubernetes.NewForConfig(ControlPlane.Config)
	if err != nil {
		w.Fatal(err)
	}
	list, err := clientset.EventsV1().Events(w.Namespace).List(w.Context(), metav1.ListOptions{FieldSelector: "reportingController=blogplatform-operator"})
	if err != nil {
		w.Fatal(err)
	}
	events := map[string]int32{}
	for _, e := range list.Items {
		events[e.Note] += Count(&e)
	}
	return events
}

// Count is how often an event was recorded.
func Count(e *eventsv1.Event) int32 {
	if e.Series != nil {
		return e.Series.Count
	}
	return 1
}
