package kube_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"blogplatform.io/operator/hack/cluster/kube"
)

var begun = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "istio-system", Name: name}
}

// event is the n-th thing that happened.
func event(n int, kind, object, reason, message string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: named(object + "." + reason + string(rune('a'+n))), InvolvedObject: corev1.ObjectReference{Kind: kind, Name: object},
		Type: corev1.EventTypeWarning, Reason: reason, Message: message + "\n", Count: int32(n), LastTimestamp: metav1.NewTime(begun.Add(time.Duration(n) * time.Second)),
	}
}

func TestPodsThatAreNotReadyAreExplainedByTheirContainersAndEvents(t *testing.T) {
	ready := &corev1.Pod{ObjectMeta: named("ready"), Status: corev1.PodStatus{
		Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}}
	done := &corev1.Pod{ObjectMeta: named("done"), Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}
	crashing := &corev1.Pod{ObjectMeta: named("istiod"), Status: corev1.PodStatus{
		Phase:                 corev1.PodRunning,
		InitContainerStatuses: []corev1.ContainerStatus{{Name: "init", Ready: true}},
		ContainerStatuses: []corev1.ContainerStatus{
			{
				Name: "discovery", RestartCount: 3,
				State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 40s"}},
				LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: "no such flag\n"}},
			},
			{Name: "slow", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			{Name: "ended", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}}},
		},
	}}
	waiting := &corev1.Pod{ObjectMeta: named("waiting"), Status: corev1.PodStatus{
		Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes are available"}},
	}}
	clientset := fake.NewClientset(ready, done, crashing, waiting,
		event(4, "Pod", "istiod", "BackOff", "back-off restarting"), event(1, "Pod", "istiod", "Scheduled", "too old to be shown"),
		event(2, "Pod", "istiod", "Pulled", "image is there"), event(3, "Pod", "istiod", "Unhealthy", "connection refused"),
		event(5, "Pod", "ready", "Unhealthy", "of a pod that is ready by now"),
		event(6, "ReplicaSet", "cni", "FailedCreate", "pods are forbidden"))

	want := `pod istio-system/istiod: Running
  container discovery: waiting, CrashLoopBackOff: back-off 40s; started 4 times, it ended before with exit code 1: Error: no such flag
  container slow: running, not ready
  container ended: ended, exit code 137: OOMKilled
  event Pulled (2 times): image is there
  event Unhealthy (3 times): connection refused
  event BackOff (4 times): back-off restarting
pod istio-system/waiting: Pending
  not scheduled: 0/1 nodes are available
ReplicaSet istio-system/cni: FailedCreate (6 times): pods are forbidden
`
	if diff := cmp.Diff(want, kube.Explain(t.Context(), clientset, []string{"istio-system", "empty"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	clientset := fake.NewClientset()
	clientset.PrependReactor("list", "*", func(ktesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection refused")
	})
	if got := kube.Explain(t.Context(), clientset, []string{"a"}); !strings.Contains(got, "pods of a can't be read: connection refused") {
		t.Errorf("it says %q", got)
	}
}
