package observed

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/ready"
)

func TestInstancesOfTheDatabaseAreCounted(t *testing.T) {
	if ready, desired := (State{}).DatabaseInstances(); ready != 0 || desired != 0 {
		t.Errorf("without a database: %d/%d", ready, desired)
	}
	s := State{Database: &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"instances": []any{map[string]any{"replicas": int64(2)}, map[string]any{"replicas": int64(1)}}},
		"status": map[string]any{"instances": []any{map[string]any{"readyReplicas": int64(2)}, map[string]any{}}},
	}}}
	if ready, desired := s.DatabaseInstances(); ready != 2 || desired != 3 {
		t.Errorf("%d/%d, want 2/3", ready, desired)
	}
}

func TestPodsOfAJobAreFoundByTheLabelOfKubernetes(t *testing.T) {
	pod := func(name, job string) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"batch.kubernetes.io/job-name": job}}}
	}
	s := State{Pods: []corev1.Pod{pod("a", "verify"), pod("b", "expand"), pod("c", "verify")}}
	if got := s.PodsOfJob("verify"); len(got) != 2 || got[0].Name != "a" || got[1].Name != "c" {
		t.Errorf("%v", got)
	}
	if got := s.PodsOfJob("contract"); got != nil {
		t.Errorf("%v", got)
	}
}

func TestTheRolloutOfAServiceIsFoundByItsName(t *testing.T) {
	names := naming.Of(types.NamespacedName{Namespace: "ns", Name: "blog"})
	user := &unstructured.Unstructured{}
	s := State{Rollouts: map[string]*unstructured.Unstructured{names.Workload(naming.User): user}}
	if s.Rollout(names, naming.User) != user || s.Rollout(names, naming.Content) != nil {
		t.Error("the Rollout of user was not found, or that of content was")
	}
}

// podOf a Job in a phase, whose container may have failed with a message.
func podOf(job string, phase corev1.PodPhase, failures ...string) corev1.Pod {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"batch.kubernetes.io/job-name": job}}, Status: corev1.PodStatus{Phase: phase}}
	for i, text := range failures {
		ended := &corev1.ContainerStateTerminated{ExitCode: 1, Message: text, FinishedAt: metav1.Unix(int64(i), 0)}
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{State: corev1.ContainerState{Terminated: ended}})
	}
	return pod
}

func jobNamed(name string) *unstructured.Unstructured {
	job := &unstructured.Unstructured{Object: map[string]any{"kind": "Job"}}
	job.SetNamespace("ns")
	job.SetName(name)
	job.SetUID(types.UID(name))
	return job
}

func TestAJobTellsWhetherItHasStartedAndWhyNot(t *testing.T) {
	s := State{Pods: []corev1.Pod{podOf("pending", corev1.PodPending), podOf("running", corev1.PodRunning)}, Refusals: map[types.UID]string{"refused": "quota is used up"}}
	for name, want := range map[string]Job{
		"pending": {Cause: "pod / has not started yet"},
		"running": {Started: true, Cause: "pod / has not started yet"},
		"refused": {Cause: "Job ns/refused has no pod: quota is used up"},
		"unseen":  {Cause: "Job ns/unseen has no pod: see whether the Job controller runs, and look at its events"},
	} {
		if got := s.JobProgress(jobNamed(name)); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	succeeded := jobNamed("unseen")
	succeeded.Object["status"] = map[string]any{"succeeded": int64(1)}
	if got := s.JobProgress(succeeded); got != (Job{Started: true}) {
		t.Errorf("the pods of a Job that has succeeded may be deleted: %+v", got)
	}
}

func TestTheVerdictOnAJobQuotesItsLastFailure(t *testing.T) {
	s := State{Pods: []corev1.Pod{podOf("failing", corev1.PodRunning, "first", "syntax error"), podOf("running", corev1.PodRunning)}, Refusals: map[types.UID]string{"refused": "quota is used up"}}
	for name, want := range map[string]string{
		"failing": "runs; its last attempt ended with: syntax error",
		"running": "runs: pod / has not started yet",
		"refused": "runs: quota is used up",
	} {
		if got := s.JobVerdict(ready.Verdict{State: ready.Progressing, Message: "runs"}, jobNamed(name)); got.Message != want {
			t.Errorf("%s: %q, want %q", name, got.Message, want)
		}
	}
	if got := s.JobVerdict(ready.Verdict{State: ready.Failed, Message: "failed"}, jobNamed("refused")); got.Message != "failed" {
		t.Errorf("a Job that has ended waits for no pod: %q", got.Message)
	}
}

func TestOnlyADeadlineEndsAJobByItsDeadline(t *testing.T) {
	for reason, want := range map[string]bool{"DeadlineExceeded": true, "BackoffLimitExceeded": false} {
		job := jobNamed("a")
		job.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Failed", "status": "True", "reason": reason}}}
		if got := PastDeadline(job); got != want {
			t.Errorf("%s: %v", reason, got)
		}
	}
	if PastDeadline(jobNamed("a")) {
		t.Error("a Job that runs has not ended")
	}
}

// TestAFailureWithoutAMessageExplainsNothing: the verdict stays as it is.
func TestAFailureWithoutAMessageExplainsNothing(t *testing.T) {
	succeeded := podOf("done", corev1.PodSucceeded, "1 -> 2")
	succeeded.Status.ContainerStatuses[0].State.Terminated.ExitCode = 0
	for name, pods := range map[string][]corev1.Pod{"no message": {podOf("a", corev1.PodFailed, "")}, "a success": {succeeded}, "no pod": nil} {
		if got := lastFailure(pods); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
