package release

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"blogplatform.io/operator/internal/naming"
)

// Read tells how far a Rollout has come, by its spec and status
// (argo-rollouts pkg/apis/rollouts/v1alpha1). A Rollout that is not there has
// come nowhere.
func Read(rollout *unstructured.Unstructured) (Service, error) {
	if rollout == nil || rollout.GetDeletionTimestamp() != nil {
		return Service{}, nil
	}
	s := Service{Set: rollout.GetAnnotations()[naming.AnnotationSet], Step: unseen}
	var r argo.Rollout
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(rollout.Object, &r); err != nil {
		return s, fmt.Errorf("read Rollout %s/%s: %w", rollout.GetNamespace(), rollout.GetName(), err)
	}
	s.Window = r.Spec.RollbackWindow != nil
	s.Steps = r.Spec.Strategy.Canary != nil && len(r.Spec.Strategy.Canary.Steps) > 0
	// observedGeneration is a string.
	if seen, err := strconv.ParseInt(r.Status.ObservedGeneration, 10, 64); err != nil || seen < r.Generation {
		return s, nil
	}
	s.Stands = r.Status.StableRS != "" && r.Status.StableRS == r.Status.CurrentPodHash
	s.Healthy = r.Status.Phase == argo.RolloutPhaseHealthy
	s.AtBarrier = !s.Stands && !r.Status.Abort && atBarrier(&r)
	s.Down = s.Stands && r.Status.AvailableReplicas == 0 && (r.Spec.Replicas == nil || *r.Spec.Replicas > 0)
	s.Step = 0
	if !s.Stands {
		s.Trouble = trouble(&r)
		s.readStep(&r)
	}
	return s, nil
}

// unseen is the step of a Rollout whose spec Argo Rollouts has not seen.
const unseen = -1

// readStep reads which canary step is at hand, and how long it lasts by design.
func (s *Service) readStep(r *argo.Rollout) {
	at, canary := r.Status.CurrentStepIndex, r.Spec.Strategy.Canary
	if at == nil || canary == nil {
		return
	}
	s.Step = *at
	if int(*at) >= len(canary.Steps) {
		return
	}
	step := canary.Steps[*at]
	s.Analyzing = step.Analysis != nil
	if step.Pause != nil && step.Pause.Duration != nil {
		s.Pause = time.Duration(step.Pause.DurationSeconds()) * time.Second
	}
}

// atBarrier tells of a Rollout that is paused at its last step, with all traffic on its new pods.
func atBarrier(r *argo.Rollout) bool {
	canary, at := r.Spec.Strategy.Canary, r.Status.CurrentStepIndex
	if canary == nil || at == nil || len(canary.Steps) == 0 || int(*at) != len(canary.Steps)-1 {
		return false
	}
	pause := canary.Steps[*at].Pause
	if pause == nil || pause.Duration != nil || !paused(r, argo.PauseReasonCanaryPauseStep) {
		return false
	}
	weights := r.Status.Canary.Weights
	return canary.TrafficRouting == nil || weights != nil && weights.Canary.Weight == 100
}

func paused(r *argo.Rollout, reason argo.PauseReason) bool {
	for _, c := range r.Status.PauseConditions {
		if c.Reason == reason {
			return true
		}
	}
	return false
}

// trouble is why the new pods get no further. That they failed an analysis is a
// verdict on them, that it could not measure is none. Whether pods come up in
// time is not asked here: with Istio's subsets Argo Rollouts does not evaluate
// its progress deadline while a pod is unavailable (v1.10.1, rollout/canary.go
// and rollout/trafficrouting/istio/istio.go UpdateHash).
func trouble(r *argo.Rollout) Verdict {
	name := "Rollout " + r.Namespace + "/" + r.Name
	why := condition(r, argo.RolloutProgressing)
	switch {
	case r.Status.Abort:
		return aborted(r, name, why.Message)
	case paused(r, argo.PauseReasonInconclusiveAnalysis):
		return Verdict{Broken, reasonAnalysisInconclusive, name + ": an analysis came to no conclusion; look at its AnalysisRuns, and whether Prometheus has data"}
	}
	return Verdict{}
}

// aborted by Argo Rollouts, because an analysis ended in Failed or in Error, or
// by a person: then the condition gives no cause (v1.10.1, rollout/sync.go).
// Whether a load that failed has run at all is not known here, see Weigh.
func aborted(r *argo.Rollout, name, message string) Verdict {
	_, said, _ := strings.Cut(message, ": ")
	switch {
	case said == "":
		return Verdict{Failed, reasonAbortedByHand, name + " was aborted by somebody, not by an analysis"}
	case strings.Contains(message, "assessed "+string(argo.AnalysisPhaseError)), strings.Contains(message, "timed out progressing"), endedInError(r):
		return Verdict{Broken, reasonAnalysisError, name + " was aborted: " + said}
	case strings.Contains(message, fmt.Sprintf("Metric %q assessed %s", naming.MetricLoad, argo.AnalysisPhaseFailed)):
		return Verdict{Broken, reasonAnalysisNotRun, name + " was aborted: " + said + "; what its load found is not known any more"}
	}
	return Verdict{Failed, reasonAnalysisFailed, name + " was aborted: " + said}
}

// endedInError tells of a run that is still in the status, which it is for a moment only.
func endedInError(r *argo.Rollout) bool {
	for _, run := range []*argo.RolloutAnalysisRunStatus{r.Status.Canary.CurrentStepAnalysisRunStatus, r.Status.Canary.CurrentBackgroundAnalysisRunStatus} {
		if run != nil && run.Status == argo.AnalysisPhaseError {
			return true
		}
	}
	return false
}

func condition(r *argo.Rollout, kind argo.RolloutConditionType) argo.RolloutCondition {
	for _, c := range r.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return argo.RolloutCondition{}
}
