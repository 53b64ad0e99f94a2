package plan

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// task is a container that runs to its end, in a Job.
type task struct {
	name      string
	account   string
	selector  map[string]string
	container corev1.Container
	volumes   []corev1.Volume
	// attempts is how many pods may fail before the Job does, deadline how many
	// seconds all of them together may take.
	attempts int32
	deadline int64
	// retry is after how many seconds a finished Job is removed. A failed one is
	// then created again, and so tried again.
	retry int32
}

// disrupted is a pod that a drain, an eviction, preemption or the loss of its
// node has ended. It says nothing of what it ran, and another one takes its place.
var disrupted = batchv1.PodFailurePolicyRule{
	Action:          batchv1.PodFailurePolicyActionIgnore,
	OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}},
}

func (b *builder) job(t task) *batchv1.Job {
	spec := b.podSpec(t.account, t.container)
	spec.RestartPolicy = corev1.RestartPolicyNever
	spec.Volumes = t.volumes
	labels := b.podLabels(t.selector)
	meta := b.meta(t.name)
	meta.Labels = labels
	return &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: meta,
		Spec: batchv1.JobSpec{
			BackoffLimit:            new(t.attempts - 1),
			ActiveDeadlineSeconds:   new(t.deadline),
			TTLSecondsAfterFinished: new(t.retry),
			PodFailurePolicy:        &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{disrupted}},
			Template:                corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
}
