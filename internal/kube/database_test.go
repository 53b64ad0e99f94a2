package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOfADatabasePodItIsKeptWhetherARestartIsPending(t *testing.T) {
	for status, want := range map[string]bool{
		`{"state":"running","pending_restart":true,"xlog_location":67109184}`:  true,
		`{"state":"running","pending_restart":false,"xlog_location":67109184}`: false,
		``: false,
	} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{LabelCluster: "blog-db"}, Annotations: map[string]string{"status": status, "big": "text"}},
			Spec:       corev1.PodSpec{InitContainers: []corev1.Container{{Name: "istio-proxy", Image: "proxy"}}},
		}
		slim, err := slimDatabasePod(pod)
		if err != nil {
			t.Fatal(err)
		}
		kept := slim.(*corev1.Pod)
		if RestartPending(kept) != want || RestartPending(pod) != want {
			t.Errorf("%s: pending is not %v", status, want)
		}
		kept.Annotations = nil
		if diff := cmp.Diff(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: pod.Labels},
			Spec:       corev1.PodSpec{InitContainers: []corev1.Container{{Name: "istio-proxy"}}},
		}, kept); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
	}
	if other, err := slimDatabasePod("a tombstone"); err != nil || other != "a tombstone" {
		t.Errorf("%v, %v", other, err)
	}
}
