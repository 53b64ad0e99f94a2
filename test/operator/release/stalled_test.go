package release

import (
	"context"
	"fmt"
	"testing"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

// TestAMistakeInTheSpecDoesNotStopTheWayBack: while the spec cannot be realised
// the release that is under way fails, and all four services go back.
func TestAMistakeInTheSpecDoesNotStopTheWayBack(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20))
	w.heldAtCanary(p)
	good := p.Spec.Gateway
	w.Edit(p, func(p *v1alpha1.BlogPlatform) {
		harness.Release("v3.0.0")(p)
		p.Spec.Gateway.Namespace = w.Namespace
	})
	w.UntilCondition(p, v1alpha1.ConditionStalled, metav1.ConditionTrue, "GatewayNotApart", "")
	w.UntilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")

	harness.Peers.Set(faker.Rollout, w.Namespace+"/blog-comment", faker.Behaviour{Analysis: argo.AnalysisPhaseFailed})
	w.AllBackOn("v1.0.0")
	w.Until("the end of v2", func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil {
			return err
		}
		if r := p.Status.Release; r.Phase != v1alpha1.PhaseAborted || r.Target.Version != "v2.0.0" {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "GatewayNotApart", "")
	w.Told(p, "v2.0.0 Aborted", "v1.0.0 Succeeded")

	harness.Peers.Set(faker.Rollout, w.Namespace+"/", faker.Behaviour{})
	harness.Peers.Set(faker.Rollout, w.Namespace+"/blog-comment", faker.Behaviour{})
	w.Edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Gateway = good })
	w.UntilReady(p)
	w.AllBackOn("v3.0.0")
	w.AlwaysServed()
}
