package plan

import (
	"slices"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"blogplatform.io/operator/internal/naming"
)

// steps of an update. Before those of the spec, one pod of the new template is
// checked while no route leads readers to it; after them it gets all traffic
// and is analyzed once more, while the pods of the old one are still there. The
// last is the barrier: the new pods wait there for those of the other services, and
// for Verify. What was never verified is replaced without steps, and where
// nobody is served anyway, all readers go to the new pods as soon as there are any.
func (b *builder) steps(service naming.Service) []rollouts.CanaryStep {
	if b.Run.Direct {
		return nil
	}
	if slices.Contains(b.Run.Short, service) {
		return append(shift(100), b.analysisStep(b.names.Analysis(), service), barrier())
	}
	steps := []rollouts.CanaryStep{
		{SetCanaryScale: &rollouts.SetCanaryScale{Replicas: new(int32(1))}},
		b.analysisStep(b.names.Precheck(), service),
	}
	for _, step := range b.values.steps {
		switch {
		case step.Weight != nil:
			steps = append(steps, shift(*step.Weight)...)
		case step.Analysis != nil:
			steps = append(steps, b.analysisStep(b.names.Analysis(), service))
		default:
			steps = append(steps, rollouts.CanaryStep{Pause: &rollouts.RolloutPause{Duration: new(intstr.FromInt32(valueOr(step.PauseSeconds, 0)))}})
		}
	}
	steps = append(steps, shift(100)...)
	return append(steps, b.analysisStep(b.names.Analysis(), service), barrier())
}

// shift gives a share of the traffic, in percent, once there are the pods for it.
func shift(weight int32) []rollouts.CanaryStep {
	return []rollouts.CanaryStep{
		{SetCanaryScale: &rollouts.SetCanaryScale{Weight: new(max(weight, 1))}},
		{SetWeight: &weight},
	}
}

// analysisStep runs an AnalysisTemplate on the pods of the new template.
func (b *builder) analysisStep(template string, service naming.Service) rollouts.CanaryStep {
	return rollouts.CanaryStep{Analysis: &rollouts.RolloutAnalysis{
		Templates: []rollouts.AnalysisTemplateRef{{TemplateName: template}},
		Args: []rollouts.AnalysisRunArgument{
			{Name: argService, Value: string(service)},
			{Name: argURL, Value: b.loadURL(service)},
			{Name: argHash, ValueFrom: &rollouts.ArgumentValueFrom{PodTemplateHashValue: new(rollouts.Latest)}},
		},
	}}
}

// barrier is a pause that only the operator ends.
func barrier() rollouts.CanaryStep { return rollouts.CanaryStep{Pause: &rollouts.RolloutPause{}} }

// rollbackWindow lets a Rollout take the shortest way to its template. Outside a
// commit and the way back from one it would skip the steps of a release that
// has been here before.
func (b *builder) rollbackWindow() *rollouts.RollbackWindowSpec {
	if !b.Run.Committing {
		return nil
	}
	return &rollouts.RollbackWindowSpec{Revisions: 1}
}
