package release

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

// within sets the deadline of a release.
func within(seconds int32) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) { p.Spec.Rollout.ProgressDeadlineSeconds = &seconds }
}

// pod makes a pod that has the labels of a service or a Job of the platform, and a status.
func (w world) pod(name string, labels map[string]string, status corev1.PodStatus) {
	w.Helper()
	labels["app.kubernetes.io/managed-by"], labels["app.kubernetes.io/instance"], labels["blogplatform.io/namespace"] = "blogplatform", "blog", w.Namespace
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{Name: "user", Image: "r/user:v2", SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			}}},
		},
	}
	w.Create(pod)
	pod.Status = status
	if err := harness.Cluster.Status().Update(w.Context(), pod); err != nil {
		w.Fatal(err)
	}
}

// TestAReleaseThatCannotStartIsTakenBackByItsDeadline, and the pod and the
// reason are named. It is tried again by itself, since an image may come late.
func TestAReleaseThatCannotStartIsTakenBackByItsDeadline(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20), within(10))
	harness.Peers.Set(faker.Rollout, w.Namespace+"/blog-user", faker.Behaviour{Unpullable: true})
	w.pod("blog-user-new", map[string]string{"app.kubernetes.io/name": "user"}, corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{
		{Name: "user", Image: "r/user:v2", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}},
	}})
	w.Edit(p, harness.Release("v2.0.0"))
	const cause = "container user cannot pull its image r/user:v2 (ImagePullBackOff)"
	w.UntilCondition(p, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "RollingOut", cause)
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "user has made no progress for too long: pod "+w.Namespace+"/blog-user-new: "+cause)
	w.AllBackOn("v1.0.0")
	w.Told(p, "v2.0.0 Aborted", "v1.0.0 Succeeded")
	if next := p.Status.Release.NextCheckTime; next == nil {
		t.Error("it is never tried again")
	}
	harness.Peers.Set(faker.Rollout, w.Namespace+"/blog-user", faker.Behaviour{})
	w.Asked(p, "retry v2.0.0")
	w.UntilReady(p)
	w.AlwaysServed()
}

// TestMigrationsThatCannotStartEndTheRelease: nothing of it has started, and the cause is named.
func TestMigrationsThatCannotStartEndTheRelease(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20), within(10))
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-content-expand", faker.Behaviour{Absent: true})
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "migrations has made no progress for too long: ")
	if r := p.Status.Release.Failures[0]; r.Reason != "MigrationTimeout" || r.RetryTime == nil {
		t.Errorf("%+v", r)
	}
	w.AllBackOn("v1.0.0")
	w.AlwaysServed()
}

// TestVerifyThatNeverStartsTakesAllServicesBack: its Job is there, and nobody runs it.
func TestVerifyThatNeverStartsTakesAllServicesBack(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20), within(10))
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-verify", faker.Behaviour{Absent: true})
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "verify has made no progress for too long")
	w.AllBackOn("v1.0.0")
	w.AlwaysServed()
}
