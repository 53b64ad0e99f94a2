package plan

import (
	"testing"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/internal/naming"
)

// TestReadersMeetOnlyPodsThatAreThereAndWereChecked reads the steps of every
// plan in their order.
func TestReadersMeetOnlyPodsThatAreThereAndWereChecked(t *testing.T) {
	for name, in := range stories(t) {
		t.Run(name, func(t *testing.T) {
			children := planOf(t, in).Children
			for _, rollout := range childrenOf[rollouts.Rollout](t, children, "Rollout") {
				steps := rollout.Spec.Strategy.Canary.Steps
				checked, scaled := false, int32(0)
				for i, step := range steps {
					switch {
					case step.SetCanaryScale != nil && step.SetCanaryScale.Weight != nil:
						scaled = *step.SetCanaryScale.Weight
					case step.SetWeight != nil && (!checked || *step.SetWeight > scaled):
						t.Errorf("%s: step %d gives weight %d: checked %v, scaled for %d", rollout.Name, i, *step.SetWeight, checked, scaled)
					case step.Analysis != nil:
						checked = true
					}
				}
				judged, held := steps[len(steps)-2], steps[len(steps)-1]
				if scaled != 100 || judged.Analysis == nil || judged.Analysis.Templates[0].TemplateName != naming.Of(keyOf(in.Platform)).Analysis() {
					t.Errorf("%s ends scaled for %d, judged by %+v", rollout.Name, scaled, judged)
				}
				if held.Pause == nil || held.Pause.Duration != nil {
					t.Errorf("%s does not wait for the other services but does %+v", rollout.Name, held)
				}
			}
		})
	}
}

// TestAnalysesNameTheNewTemplate and every argument that their AnalysisTemplate asks for.
func TestAnalysesNameTheNewTemplate(t *testing.T) {
	children := planOf(t, stories(t)["everything"]).Children
	templates := map[string][]rollouts.Argument{}
	for _, template := range childrenOf[rollouts.AnalysisTemplate](t, children, "AnalysisTemplate") {
		templates[template.Name] = template.Spec.Args
	}
	for _, rollout := range childrenOf[rollouts.Rollout](t, children, "Rollout") {
		for i, step := range rollout.Spec.Strategy.Canary.Steps {
			if step.Analysis == nil {
				continue
			}
			given := map[string]rollouts.AnalysisRunArgument{}
			for _, argument := range step.Analysis.Args {
				given[argument.Name] = argument
			}
			wanted := templates[step.Analysis.Templates[0].TemplateName]
			if len(wanted) == 0 {
				t.Errorf("%s: step %d runs a template that is not planned", rollout.Name, i)
			}
			for _, argument := range wanted {
				if _, found := given[argument.Name]; !found {
					t.Errorf("%s: step %d does not say %s", rollout.Name, i, argument.Name)
				}
			}
			if from := given[argHash].ValueFrom; from == nil || *from.PodTemplateHashValue != rollouts.Latest {
				t.Errorf("%s: step %d judges %+v", rollout.Name, i, given[argHash])
			}
		}
	}
}

// TestWhereNobodyIsServedReadersGetTheNewPodsAtOnce, and they are judged and held all the same.
func TestWhereNobodyIsServedReadersGetTheNewPodsAtOnce(t *testing.T) {
	in := stories(t)["production"]
	in.Run.Short = []naming.Service{naming.Comment}
	b := newBuilder(in)
	steps := b.rollout(naming.Comment).Spec.Strategy.Canary.Steps
	if len(steps) != 4 || *steps[1].SetWeight != 100 || steps[2].Analysis == nil || steps[3].Pause == nil {
		t.Errorf("comment takes %+v", steps)
	}
	if others := b.rollout(naming.User).Spec.Strategy.Canary.Steps; len(others) <= 4 {
		t.Errorf("user takes %+v", others)
	}
}

// TestRolloutsAloneAreThoseOfThePlan, as are the secrets that they mount, and can be
// had of a spec that has no plan.
func TestRolloutsAloneAreThoseOfThePlan(t *testing.T) {
	for name, in := range stories(t) {
		alone, err := Rollouts(in)
		if err != nil {
			t.Fatal(err)
		}
		plan := planOf(t, in)
		for _, child := range alone {
			if diff := cmp.Diff(childNamed(t, plan, child.Object.GetKind(), child.Object.GetName()).Object, child.Object.Object); diff != "" {
				t.Errorf("%s: %s (-planned +alone):\n%s", name, child.Object.GetName(), diff)
			}
		}
		in.Platform = in.Platform.DeepCopy()
		in.Platform.Spec.Gateway.Namespace = in.Platform.Namespace
		if _, err := Build(in); err == nil {
			t.Errorf("%s: a gateway in the platform's namespace has a plan", name)
		}
		again, err := Rollouts(in)
		if rollouts := childrenOf[rollouts.Rollout](t, again, "Rollout"); err != nil || len(rollouts) != len(naming.Services) {
			t.Errorf("%s: %d Rollouts of a spec without a plan: %v", name, len(rollouts), err)
		}
	}
}
