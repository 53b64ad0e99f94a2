package controllers

import (
	"context"
	"fmt"
	"sync"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
)

// update is what is weighed: the update of a service's Rollout in an attempt, and
// what the Rollout says of it.
type update struct {
	rollout types.UID
	attempt int64
	trouble release.Verdict
}

// weighing is the last update of a service that was weighed, and the verdict on it.
type weighing struct {
	update
	verdict release.Verdict
}

// weighings of platforms, by UID and service.
type weighings struct{ last sync.Map }

type weighingKey struct {
	platform types.UID
	service  naming.Service
}

// forget what was weighed of a platform.
func (w *weighings) forget(platform types.UID) {
	for _, service := range naming.Services {
		w.last.Delete(weighingKey{platform, service})
	}
}

// weigh asks the API server what ended the update of a Rollout, once for each update:
// the decision that follows is written to the status, and stops the target. Until that
// write succeeds, the answer is cached here.
func (o *observer) weigh(ctx context.Context, service naming.Service, rollout *unstructured.Unstructured, read release.Service) (release.Verdict, error) {
	status := o.platform.Status.Release
	if read.Trouble.Outcome == release.Open || release.Stopped(status.Phase) || read.Set != status.Target.Digest {
		return read.Trouble, nil
	}
	key, asked := weighingKey{o.platform.UID, service}, update{rollout.GetUID(), status.Attempt, read.Trouble}
	if last, found := o.weighed.last.Load(key); found && last.(weighing).update == asked {
		return last.(weighing).verdict, nil
	}
	evidence, err := o.evidence(ctx, rollout)
	if apierrors.IsForbidden(err) || meta.IsNoMatchError(err) {
		log.FromContext(ctx).Error(err, "What ended an analysis cannot be read, going by what the Rollout says")
		return read.Trouble, nil
	}
	if err != nil {
		return release.Verdict{}, err
	}
	verdict := release.Weigh(read.Trouble, evidence)
	o.weighed.last.Store(key, weighing{asked, verdict})
	return verdict, nil
}

// evidence reads the AnalysisRun that ended an update, and what became of its load.
func (o *observer) evidence(ctx context.Context, rollout *unstructured.Unstructured) (release.Evidence, error) {
	var e release.Evidence
	runs := &unstructured.UnstructuredList{}
	runs.SetGroupVersionKind(argo.SchemeGroupVersion.WithKind("AnalysisRunList"))
	hash, _, _ := unstructured.NestedString(rollout.Object, "status", "currentPodHash")
	err := o.live.List(ctx, runs, client.InNamespace(o.names.Namespace), client.MatchingLabels{argo.DefaultRolloutUniqueLabelKey: hash})
	if err != nil {
		return e, fmt.Errorf("list AnalysisRuns of %s: %w", fields.Name(rollout), err)
	}
	for i := range runs.Items {
		var run argo.AnalysisRun
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(runs.Items[i].Object, &run); err != nil {
			return e, fmt.Errorf("read %s: %w", fields.Name(&runs.Items[i]), err)
		}
		newer := e.Run == nil || e.Run.CreationTimestamp.Before(&run.CreationTimestamp)
		if metav1.IsControlledBy(&run, rollout) && release.EndsUpdate(&run) && newer {
			e.Run = &run
		}
	}
	if job := release.LoadJob(e.Run); job != "" {
		return e, o.readLoad(ctx, job, &e)
	}
	return e, nil
}

// readLoad reads a Job of Argo Rollouts, which is not in the cache, and its pods.
func (o *observer) readLoad(ctx context.Context, name string, e *release.Evidence) error {
	job := jobNamed(o.names.Namespace, name)
	live, err := get(ctx, o.live, job)
	if err != nil || live == nil {
		return err
	}
	e.Job = &batchv1.Job{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, e.Job); err != nil {
		return fmt.Errorf("read %s: %w", fields.Name(live), err)
	}
	var pods corev1.PodList
	if err := o.live.List(ctx, &pods, client.InNamespace(o.names.Namespace), client.MatchingLabels{batchv1.JobNameLabel: name}); err != nil {
		return fmt.Errorf("list pods of %s: %w", fields.Name(live), err)
	}
	e.Pods, e.Cause = pods.Items, ready.Cause(pods.Items)
	if len(e.Pods) > 0 {
		return nil
	}
	if e.Cause, err = o.refusal(ctx, live); err == nil && e.Cause == "" {
		e.Cause, err = o.unscheduled(ctx, job)
	}
	return err
}

// unscheduled is why the pods of a Job found no node, or empty. They are gone once the
// deadline of the Job has come.
func (o *observer) unscheduled(ctx context.Context, job *unstructured.Unstructured) (string, error) {
	var events corev1.EventList
	err := o.live.List(ctx, &events, client.InNamespace(job.GetNamespace()), client.MatchingFields{"involvedObject.kind": "Pod", "reason": ready.ReasonFailedScheduling})
	if err != nil && !apierrors.IsForbidden(err) {
		return "", fmt.Errorf("list events about pods of %s: %w", fields.Name(job), err)
	}
	return ready.Unscheduled(events.Items, job.GetName()), nil
}

func jobNamed(namespace, name string) *unstructured.Unstructured {
	return named(batchv1.SchemeGroupVersion.WithKind("Job"), namespace, name)
}
