package controllers

import (
	"context"
	"fmt"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
)

// weigh asks the API server what ended the update of a Rollout. It is asked once
// for each abort: the decision that follows is written down, and stops the target.
func (p *pass) weigh(ctx context.Context, rollout *unstructured.Unstructured, read release.Service) (release.Verdict, error) {
	if read.Trouble.Outcome == release.Open || release.Stopped(p.platform.Status.Release.Phase) || read.Set != p.platform.Status.Release.Target.Digest {
		return read.Trouble, nil
	}
	evidence, err := p.evidence(ctx, rollout)
	if apierrors.IsForbidden(err) || meta.IsNoMatchError(err) {
		log.FromContext(ctx).Error(err, "What ended an analysis cannot be read, going by what the Rollout says")
		return read.Trouble, nil
	}
	if err != nil {
		return release.Verdict{}, err
	}
	return release.Weigh(read.Trouble, evidence), nil
}

// evidence reads the AnalysisRun that ended an update, and what became of its load.
func (p *pass) evidence(ctx context.Context, rollout *unstructured.Unstructured) (release.Evidence, error) {
	var e release.Evidence
	runs := &unstructured.UnstructuredList{}
	runs.SetGroupVersionKind(argo.SchemeGroupVersion.WithKind("AnalysisRunList"))
	hash, _, _ := unstructured.NestedString(rollout.Object, "status", "currentPodHash")
	err := p.live.List(ctx, runs, client.InNamespace(p.names.Namespace), client.MatchingLabels{argo.DefaultRolloutUniqueLabelKey: hash})
	if err != nil {
		return e, fmt.Errorf("list AnalysisRuns of %s: %w", describe(rollout), err)
	}
	for i := range runs.Items {
		var run argo.AnalysisRun
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(runs.Items[i].Object, &run); err != nil {
			return e, fmt.Errorf("read %s: %w", describe(&runs.Items[i]), err)
		}
		newer := e.Run == nil || e.Run.CreationTimestamp.Before(&run.CreationTimestamp)
		if metav1.IsControlledBy(&run, rollout) && release.EndsUpdate(&run) && newer {
			e.Run = &run
		}
	}
	if job := release.LoadJob(e.Run); job != "" {
		return e, p.readLoad(ctx, job, &e)
	}
	return e, nil
}

// readLoad reads a Job of Argo Rollouts, which is not in the cache, and its pods.
func (p *pass) readLoad(ctx context.Context, name string, e *release.Evidence) error {
	job := jobNamed(p.names.Namespace, name)
	live, err := get(ctx, p.live, job)
	if err != nil || live == nil {
		return err
	}
	e.Job = &batchv1.Job{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, e.Job); err != nil {
		return fmt.Errorf("read %s: %w", describe(live), err)
	}
	var pods corev1.PodList
	if err := p.live.List(ctx, &pods, client.InNamespace(p.names.Namespace), client.MatchingLabels{batchv1.JobNameLabel: name}); err != nil {
		return fmt.Errorf("list pods of %s: %w", describe(live), err)
	}
	e.Pods, e.Cause = pods.Items, ready.Cause(pods.Items)
	if len(e.Pods) == 0 {
		e.Cause, err = p.refusal(ctx, live)
	}
	return err
}

func jobNamed(namespace, name string) *unstructured.Unstructured {
	return named(batchv1.SchemeGroupVersion.WithKind("Job"), namespace, name)
}
