package faker

import (
	"context"
	"maps"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// stepJob starts a Job and ends it. What has ended stays as it is.
func (f *Faker) stepJob(ctx context.Context, u *unstructured.Unstructured, b Behaviour) error {
	j := &batchv1.Job{}
	if err := decode(u, j); err != nil {
		return err
	}
	suspended := j.Spec.Suspend != nil && *j.Spec.Suspend
	if j.DeletionTimestamp != nil || suspended || ended(j) {
		return nil
	}
	none, one := int32(0), int32(1)
	switch start := now(); {
	case j.Status.StartTime == nil:
		j.Status = batchv1.JobStatus{StartTime: &start, Active: 1, Ready: &one, Terminating: &none, UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{}}
	case b.Expire:
		// The Job controller deletes the pods that still run, and what they said with them.
		j.Status.Active, j.Status.Ready, j.Status.Failed = 0, &none, 1
		end(j, batchv1.JobFailureTarget, batchv1.JobFailed, batchv1.JobReasonDeadlineExceeded, "Job was active longer than specified deadline")
	case b.Fail:
		failed := int32(1)
		if j.Spec.BackoffLimit != nil {
			failed += *j.Spec.BackoffLimit
		}
		j.Status.Active, j.Status.Ready, j.Status.Failed = 0, &none, failed
		end(j, batchv1.JobFailureTarget, batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded, "Job has reached the specified backoff limit")
	default:
		if err := f.leavePod(ctx, j, b.Says); err != nil {
			return err
		}
		j.Status.Active, j.Status.Ready, j.Status.Succeeded, j.Status.CompletionTime = 0, &none, 1, &start
		end(j, batchv1.JobSuccessCriteriaMet, batchv1.JobComplete, batchv1.JobReasonCompletionsReached, "Reached expected number of succeeded pods")
	}
	return f.setStatus(ctx, jobs, u, &j.Status)
}

// leavePod leaves a pod of a Job that has succeeded, with its last words. It has no
// label by which the real Job controller would take it over.
func (f *Faker) leavePod(ctx context.Context, j *batchv1.Job, says string) error {
	if says == "" {
		return nil
	}
	labels := maps.Clone(j.Spec.Template.Labels)
	maps.DeleteFunc(labels, func(key, _ string) bool { return strings.HasSuffix(key, "controller-uid") })
	u, err := f.ensure(ctx, pods, &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: j.Namespace, Name: j.Name + "-done", Labels: labels,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: j.Name, UID: j.UID}},
		},
		Spec: j.Spec.Template.Spec,
	})
	if err != nil {
		return err
	}
	return f.setStatus(ctx, pods, u, &corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{{
		Name:  j.Spec.Template.Spec.Containers[0].Name,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", Message: says}},
	}}})
}

func ended(j *batchv1.Job) bool {
	for _, c := range j.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

// end adds the two conditions that the API server wants together.
func end(j *batchv1.Job, first, second batchv1.JobConditionType, reason, message string) {
	for _, kind := range []batchv1.JobConditionType{first, second} {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{
			Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastProbeTime: now(), LastTransitionTime: now(),
		})
	}
}
