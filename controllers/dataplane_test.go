package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/internal/ready"
)

func podWith(name string, phase corev1.PodPhase, containers ...string) corev1.Pod {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.PodStatus{Phase: phase}}
	for _, container := range containers {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: container})
	}
	return pod
}

// TestEveryPodNeedsASidecar, that of the database too, whatever the injector did when the first ones came.
func TestEveryPodNeedsASidecar(t *testing.T) {
	meshed := podWith("blog-user", corev1.PodRunning, sidecar)
	for name, c := range map[string]struct {
		pods, instances []corev1.Pod
		known           bool
		says            string
	}{
		"nothing runs":                       {nil, nil, false, ""},
		"all have one":                       {[]corev1.Pod{meshed}, []corev1.Pod{podWith("blog-db-0", corev1.PodRunning, "init", sidecar)}, true, ""},
		"one of ours has none":               {[]corev1.Pod{podWith("blog-user", corev1.PodRunning)}, nil, true, "Pod g11-stg/blog-user has no sidecar"},
		"one of the database has none":       {[]corev1.Pod{meshed}, []corev1.Pod{podWith("blog-db-0", corev1.PodRunning, "init")}, true, "Pod g11-stg/blog-db-0 has no sidecar; label namespace g11-stg"},
		"a backup without one is over":       {[]corev1.Pod{meshed}, []corev1.Pod{podWith("blog-db-backup", corev1.PodSucceeded)}, true, ""},
		"the database runs before the blog":  {nil, []corev1.Pod{podWith("blog-db-0", corev1.PodRunning, sidecar)}, true, ""},
		"of two the first by name is looked": {nil, []corev1.Pod{podWith("b", corev1.PodRunning), podWith("a", corev1.PodRunning)}, true, "Pod g11-stg/a has"},
	} {
		t.Run(name, func(t *testing.T) {
			e := enactmentAt()
			e.state.Pods, e.state.Instances = c.pods, c.instances
			verdict, known := e.livePods()
			if known != c.known || verdict.Good() != (c.says == "") || !strings.Contains(verdict.Message, c.says) {
				t.Errorf("%v, %+v", known, verdict)
			}
		})
	}
}

// TestARestartThatIsPendingIsSaid: until then max_connections is what it was.
func TestARestartThatIsPendingIsSaid(t *testing.T) {
	e := enactmentAt()
	e.state.Instances = []corev1.Pod{podWith("blog-db-0", corev1.PodRunning), podWith("blog-db-1", corev1.PodRunning)}
	if o := e.restartPending(); o != nil {
		t.Errorf("%+v", o)
	}
	e.state.Instances[1].Annotations = map[string]string{"status": `{"role":"replica","pending_restart":true}`}
	o := e.restartPending()
	if len(o) != 1 || o[0].Gates || o[0].Verdict.State != ready.Warning || !strings.Contains(o[0].Verdict.Message, "Pod g11-stg/blog-db-1: PostgreSQL has to restart") {
		t.Errorf("%+v", o)
	}
}
