package argo

import (
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/operator/harness"
)

// loads are the exit codes with which the loads of a namespace end.
var loads sync.Map

// fail ends the pod of a load that has to.
func (w world) fail(pod *corev1.Pod) {
	code, fails := loads.Load(w.Namespace)
	if !fails {
		return
	}
	pod.Status.Phase = corev1.PodFailed
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, Image: pod.Spec.Containers[0].Image,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code.(int32), Message: "5 of 50 requests for /v1/posts failed"}}}}
}

// TestALoadThatDidNotRunIsNoVerdict, though the real Argo Rollouts takes any Job
// that failed for one. A load that ran says what it has measured.
func TestALoadThatDidNotRunIsNoVerdict(t *testing.T) {
	harness.ShareOperator(t)
	cases := map[string]struct {
		code       int32
		says       string
		triedAgain bool
	}{
		"killed": {137, "AnalysisNotRun: AnalysisRun ", true},
		"judged": {1, "metric load failed: 5 of 50 requests for /v1/posts failed", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.realArgo()
			p := w.GivenReady("staging", harness.Release("v1.0.0"), judgedByItsLoad, harness.WithSteps(20))
			loads.Store(w.Namespace, c.code)
			w.Edit(p, harness.Release("v2.0.0"))
			w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", c.says)
			if next := p.Status.Release.NextCheckTime; (next != nil) != c.triedAgain {
				t.Errorf("it is looked at again at %v", next)
			}
			w.AllBackOn("v1.0.0")
			loads.Delete(w.Namespace)
			w.Asked(p, "retry v2.0.0")
			w.UntilReady(p)
			w.AllBackOn("v2.0.0")
		})
	}
}
