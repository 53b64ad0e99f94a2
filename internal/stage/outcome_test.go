package stage

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
)

func TestOnlyAGateThatIsNotGoodBlocksTheNextStage(t *testing.T) {
	of := func(condition string, gates bool, state ready.State) Outcome {
		return Outcome{Condition: condition, Gates: gates, Verdict: ready.Verdict{State: state}}
	}
	for name, c := range map[string]struct {
		outcomes []Outcome
		want     string
	}{
		"nothing":                  {nil, ""},
		"what gates is ready":      {[]Outcome{of("A", true, ready.Ready)}, ""},
		"a warning":                {[]Outcome{of("A", true, ready.Warning)}, ""},
		"what does not gate fails": {[]Outcome{of("A", false, ready.Failed)}, ""},
		"the first that blocks":    {[]Outcome{of("A", true, ready.Ready), of("B", true, ready.Progressing), of("C", true, ready.Failed)}, "B"},
	} {
		if got := BlockedBy(c.outcomes); got != c.want {
			t.Errorf("%s: blocked by %q, want %q", name, got, c.want)
		}
	}
}

func TestEveryChildHasACondition(t *testing.T) {
	job := &unstructured.Unstructured{Object: map[string]any{"kind": "Job"}}
	for _, stage := range plan.Stages {
		if ConditionOf(plan.Child{Object: job, Stage: stage}) == "" {
			t.Errorf("no condition reports the children of stage %s", stage)
		}
	}
	certificate := &unstructured.Unstructured{Object: map[string]any{"kind": "Certificate"}}
	if got := ConditionOf(plan.Child{Object: certificate, Stage: plan.StageMesh}); got != v1alpha1.ConditionCertificatesReady {
		t.Errorf("the Certificate is reported by %s", got)
	}
}
