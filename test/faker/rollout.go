package faker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/hash"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/rand"
)

const revisionAnnotation = "rollout.argoproj.io/revision"

// stepRollout takes a Rollout one step on: a new pod template is noticed, goes
// through the steps of the canary while traffic moves, and becomes the stable one.
// ReplicaSets and pods are left out, but for the order in which they came.
func (f *Faker) stepRollout(ctx context.Context, u *unstructured.Unstructured, b Behaviour) error {
	r := &argo.Rollout{}
	if err := decode(u, r); err != nil || r.DeletionTimestamp != nil || r.Spec.Strategy.Canary == nil {
		return err
	}
	before := r.Status.DeepCopy()
	if missing := f.missingReference(r); missing != nil {
		setRolloutCondition(r, argo.InvalidSpec, corev1.ConditionTrue, "InvalidSpec", fmt.Sprintf("The Rollout %q is invalid: %v", r.Name, missing))
		return f.setRolloutStatus(ctx, u, r, before)
	}
	removeCondition(r, argo.InvalidSpec)
	templateHash, stepHash := hash.ComputePodTemplateHash(&r.Spec.Template, r.Status.CollisionCount), hashSteps(r)
	f.remember(r, templateHash)
	switch {
	case r.Status.CurrentPodHash != templateHash || r.Status.CurrentStepHash != stepHash:
		if r.Status.CurrentPodHash != templateHash {
			if err := f.raiseRevision(ctx, u, r); err != nil {
				return err
			}
		}
		begin(r, templateHash, stepHash)
	case b.Fail && !updating(r):
		r.Status.UpdatedReplicas, r.Status.ReadyReplicas, r.Status.AvailableReplicas = 1, 0, 0
		timeOut(r)
	case hangs(r, b):
		return nil // each pass of the real one ends in an error before it writes its status
	case updating(r):
		if err := f.stepUpdate(ctx, r, b); err != nil {
			return err
		}
	default:
		if err := f.route(ctx, r, 0); err != nil {
			return err
		}
		settle(r)
	}
	return f.setRolloutStatus(ctx, u, r, before)
}

// updating tells of a Rollout whose newest pods are not the stable ones.
func updating(r *argo.Rollout) bool { return r.Status.StableRS != r.Status.CurrentPodHash }

// hangs tells of an update whose pods never come, and which nobody has ended.
func hangs(r *argo.Rollout, b Behaviour) bool {
	return updating(r) && (b.Unpullable || b.Fail) && !r.Status.Abort
}

// stepUpdate takes a new template one step on, unless somebody or something halts it.
func (f *Faker) stepUpdate(ctx context.Context, r *argo.Rollout, b Behaviour) error {
	switch {
	case r.Status.Abort:
		return f.route(ctx, r, 0)
	case r.Spec.Paused:
		return nil
	case f.returns(r):
		// Within the rollback window the steps are skipped.
		steps := int32(len(r.Spec.Strategy.Canary.Steps))
		r.Status.CurrentStepIndex, r.Status.PauseConditions, r.Status.ControllerPause = &steps, nil, false
	case b.Analysis != "" && r.Status.Canary.Weights != nil && r.Status.Canary.Weights.Canary.Weight > 0:
		return f.analyze(ctx, r, b)
	}
	return f.stepCanary(ctx, r, b)
}

// analyze ends an analysis. One that failed, or could not measure, aborts the
// update, and traffic goes back to the stable pods.
func (f *Faker) analyze(ctx context.Context, r *argo.Rollout, b Behaviour) error {
	s, first, at := &r.Status, int32(0), now()
	if b.Analysis == argo.AnalysisPhaseInconclusive {
		s.ControllerPause, s.PauseConditions = true, []argo.PauseCondition{{Reason: argo.PauseReasonInconclusiveAnalysis, StartTime: at}}
		return nil
	}
	s.Abort, s.AbortedAt, s.PauseConditions, s.ControllerPause = true, &at, nil, false
	if len(r.Spec.Strategy.Canary.Steps) > 0 {
		s.CurrentStepIndex = &first
	}
	setRolloutCondition(r, argo.RolloutProgressing, corev1.ConditionFalse, "RolloutAborted", fmt.Sprintf(
		"Rollout aborted update to revision %s: Step-based analysis phase error/failed: Metric %q assessed %s due to failed (1) > failureLimit (0)", r.Annotations[revisionAnnotation], cmp.Or(b.Metric, "success-rate"), b.Analysis))
	return f.route(ctx, r, 0)
}

func timeOut(r *argo.Rollout) {
	setRolloutCondition(r, argo.RolloutProgressing, corev1.ConditionFalse, "ProgressDeadlineExceeded",
		fmt.Sprintf("ReplicaSet %q has timed out progressing.", r.Name+"-"+r.Status.CurrentPodHash))
}

// remember notes a template in the order in which its ReplicaSet was created.
func (f *Faker) remember(r *argo.Rollout, templateHash string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if seen := f.templates[string(r.UID)]; !slices.Contains(seen, templateHash) {
		f.templates[string(r.UID)] = append(seen, templateHash)
	}
}

// returns tells of a template that is older than the stable one, with fewer
// between them than the rollback window has revisions
// (rolloutContext.isRollbackWithinWindow).
func (f *Faker) returns(r *argo.Rollout) bool {
	if r.Spec.RollbackWindow == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.templates[string(r.UID)]
	back := slices.Index(seen, r.Status.StableRS) - slices.Index(seen, r.Status.CurrentPodHash)
	return back > 0 && back-1 < int(r.Spec.RollbackWindow.Revisions)
}

// raiseRevision counts pod templates in an annotation of the Rollout.
func (f *Faker) raiseRevision(ctx context.Context, u *unstructured.Unstructured, r *argo.Rollout) error {
	revision, _ := strconv.Atoi(r.Annotations[revisionAnnotation])
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[revisionAnnotation] = strconv.Itoa(revision + 1)
	u.SetAnnotations(annotations)
	live, err := f.client.Resource(rollouts).Namespace(r.Namespace).Update(ctx, u, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	u.SetResourceVersion(live.GetResourceVersion())
	return nil
}

// begin notices a pod template or other steps. The first one has no canary, and
// going back to the stable one skips the steps.
func begin(r *argo.Rollout, templateHash, stepHash string) {
	s := &r.Status
	steps, first := int32(len(r.Spec.Strategy.Canary.Steps)), int32(0)
	s.CurrentPodHash, s.CurrentStepHash, s.Abort, s.AbortedAt, s.PauseConditions, s.ControllerPause = templateHash, stepHash, false, nil, nil, false
	if s.StableRS == "" {
		s.StableRS = templateHash
	}
	s.CurrentStepIndex = nil
	if steps > 0 {
		s.CurrentStepIndex = &first
		if s.StableRS == templateHash {
			s.CurrentStepIndex = &steps
		}
	}
	if s.StableRS != templateHash {
		s.UpdatedReplicas = 0
	}
	setRolloutCondition(r, argo.RolloutProgressing, corev1.ConditionTrue, "NewReplicaSetCreated", fmt.Sprintf("Created new replica set %q", r.Name+"-"+templateHash))
}

// stepCanary executes the step at hand, or ends the canary after the last.
func (f *Faker) stepCanary(ctx context.Context, r *argo.Rollout, b Behaviour) error {
	s, steps := &r.Status, r.Spec.Strategy.Canary.Steps
	index := int32(len(steps))
	if s.CurrentStepIndex != nil {
		index = *s.CurrentStepIndex
	}
	setRolloutCondition(r, argo.RolloutProgressing, corev1.ConditionTrue, "ReplicaSetUpdated", fmt.Sprintf("ReplicaSet %q is progressing.", r.Name+"-"+s.CurrentPodHash))
	if index >= int32(len(steps)) {
		scale(r, 100)
		if err := f.route(ctx, r, 100); err != nil {
			return err
		}
		s.StableRS = s.CurrentPodHash
		return nil
	}
	weight := weightAt(steps, index)
	scale(r, weight)
	if err := f.route(ctx, r, weight); err != nil {
		return err
	}
	if pause(s, steps[index], b) {
		return nil
	}
	index++
	s.CurrentStepIndex = &index
	return nil
}

// pause tells whether a step keeps the canary waiting.
func pause(s *argo.RolloutStatus, step argo.CanaryStep, b Behaviour) bool {
	switch {
	case step.Pause == nil:
		return false
	case !s.ControllerPause:
		s.ControllerPause, s.PauseConditions = true, []argo.PauseCondition{{Reason: argo.PauseReasonCanaryPauseStep, StartTime: now()}}
		return true
	case len(s.PauseConditions) > 0 && (step.Pause.Duration == nil || b.Hold):
		return true
	}
	s.ControllerPause, s.PauseConditions = false, nil
	return false
}

func weightAt(steps []argo.CanaryStep, index int32) int32 {
	for i := index; i >= 0; i-- {
		if w := steps[i].SetWeight; w != nil {
			return *w
		}
	}
	return 0
}

// scale counts the pods of a canary beside the stable ones.
func scale(r *argo.Rollout, weight int32) {
	want := orOne(r.Spec.Replicas)
	canary := (want*weight + 99) / 100
	r.Status.UpdatedReplicas, r.Status.Replicas = canary, want+canary
	r.Status.ReadyReplicas, r.Status.AvailableReplicas = want+canary, want+canary
}

// settle is the state in which all pods are of the stable template and ready.
func settle(r *argo.Rollout) {
	s, want := &r.Status, orOne(r.Spec.Replicas)
	s.Replicas, s.UpdatedReplicas, s.ReadyReplicas, s.AvailableReplicas = want, want, want, want
	setRolloutCondition(r, argo.RolloutProgressing, corev1.ConditionTrue, "NewReplicaSetAvailable",
		fmt.Sprintf("ReplicaSet %q has successfully progressed.", r.Name+"-"+s.CurrentPodHash))
	setRolloutCondition(r, argo.RolloutHealthy, corev1.ConditionTrue, "RolloutHealthy", "Rollout is healthy")
}

// setRolloutStatus fills in what follows from the rest of the status.
func (f *Faker) setRolloutStatus(ctx context.Context, u *unstructured.Unstructured, r *argo.Rollout, before *argo.RolloutStatus) error {
	s, want := &r.Status, orOne(r.Spec.Replicas)
	s.ObservedGeneration = strconv.FormatInt(r.Generation, 10)
	s.HPAReplicas, s.Selector = s.Replicas, metav1.FormatLabelSelector(r.Spec.Selector)
	setRolloutCondition(r, argo.RolloutAvailable, truth(s.AvailableReplicas >= want), "AvailableReason", "Rollout has minimum availability")
	setRolloutCondition(r, argo.RolloutCompleted, truth(s.StableRS == s.CurrentPodHash), "RolloutCompleted", "RolloutCompleted")
	s.Phase, s.Message = phase(r)
	if s.Phase != argo.RolloutPhaseHealthy && before.Phase == argo.RolloutPhaseHealthy {
		setRolloutCondition(r, argo.RolloutHealthy, corev1.ConditionFalse, "RolloutHealthy", "Rollout is not healthy")
	}
	return f.setStatus(ctx, rollouts, u, s)
}

// phase sums the status up, in the words of Argo Rollouts.
func phase(r *argo.Rollout) (argo.RolloutPhase, string) {
	s, want := &r.Status, orOne(r.Spec.Replicas)
	for _, c := range s.Conditions {
		if c.Type == argo.InvalidSpec || c.Reason == "ProgressDeadlineExceeded" || c.Reason == "RolloutAborted" {
			return argo.RolloutPhaseDegraded, c.Reason + ": " + c.Message
		}
	}
	switch {
	case r.Spec.Paused:
		return argo.RolloutPhasePaused, "manually paused"
	case len(s.PauseConditions) > 0:
		return argo.RolloutPhasePaused, string(s.PauseConditions[0].Reason)
	case s.UpdatedReplicas < want:
		return argo.RolloutPhaseProgressing, "more replicas need to be updated"
	case s.AvailableReplicas < s.UpdatedReplicas:
		return argo.RolloutPhaseProgressing, "updated replicas are still becoming available"
	case s.StableRS != s.CurrentPodHash:
		return argo.RolloutPhaseProgressing, "waiting for all steps to complete"
	}
	return argo.RolloutPhaseHealthy, ""
}

func hashSteps(r *argo.Rollout) string {
	h := fnv.New32a()
	// Steps come from JSON and become JSON again; a hash has no write errors.
	steps, _ := json.Marshal(r.Spec.Strategy.Canary.Steps)
	_, _ = h.Write(steps)
	return rand.SafeEncodeString(fmt.Sprint(h.Sum32()))
}

func truth(is bool) corev1.ConditionStatus {
	if is {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}

// setRolloutCondition leaves a condition of the same status and reason as it is.
func setRolloutCondition(r *argo.Rollout, kind argo.RolloutConditionType, status corev1.ConditionStatus, reason, message string) {
	c := argo.RolloutCondition{Type: kind, Status: status, Reason: reason, Message: message, LastUpdateTime: now(), LastTransitionTime: now()}
	for _, old := range r.Status.Conditions {
		if old.Type != kind {
			continue
		}
		if old.Status == status && old.Reason == reason {
			return
		}
		if old.Status == status {
			c.LastTransitionTime = old.LastTransitionTime
		}
	}
	removeCondition(r, kind)
	r.Status.Conditions = append(r.Status.Conditions, c)
}

func removeCondition(r *argo.Rollout, kind argo.RolloutConditionType) {
	var kept []argo.RolloutCondition
	for _, c := range r.Status.Conditions {
		if c.Type != kind {
			kept = append(kept, c)
		}
	}
	r.Status.Conditions = kept
}
