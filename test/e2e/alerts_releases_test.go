//go:build e2e && alerts

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// Faults of releases, and of the gate before them.

// anImageThatIsMissing has a release taken back.
func anImageThatIsMissing(t *testing.T, b *board, env environment) {
	b.argo.Lock()
	defer b.argo.Unlock()
	settle(t, env)
	current := get(t, env).Status.Release.Current
	missing := "blogplatform.local/content@sha256:" + strings.Repeat("1", 64)
	aborted := b.begins(t, env, "BlogReleaseAborted")
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release.Version, spec.Release.Images.Content = "v0.0.0-missing", missing
		spec.Rollout.ProgressDeadlineSeconds = new(int32(45))
	})
	aborted.tells(t, "the image is named", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionMigrationsReady, metav1.ConditionFalse, "", "cannot pull its image "+missing)
	})
	aborted.fires(t)
	aborted.advised(t, "set `spec.release` back to the release that runs")
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release = v1alpha1.Release{Version: current.Version, Images: current.Images}
	})
	aborted.resolves(t, 5*time.Minute)
}

// aReleaseWithoutArgoRollouts stands still, and its own deadline is far away.
func aReleaseWithoutArgoRollouts(t *testing.T, b *board, env environment) {
	const version, argo = "v0.0.0-stuck", "argo-rollouts"
	b.argo.Lock()
	defer b.argo.Unlock()
	settle(t, env)
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release.Version, spec.Rollout.ProgressDeadlineSeconds = version, new(int32(3600))
	})
	awaitCanary(t, env)
	stuck := b.begins(t, env, "BlogReleaseStuck")
	t.Cleanup(func() { scale(t, argo, argo, 1) })
	scale(t, argo, argo, 0)
	stuck.fires(t)
	const look = "kubectl get pods -A -l app.kubernetes.io/name=argo-rollouts"
	if said := stuck.follows(t, look, ""); strings.Contains(said, argo) {
		t.Errorf("Argo Rollouts is there: %s", said)
	}
	stuck.advised(t, "Start it")
	scale(t, argo, argo, 1)
	stuck.ends()
	if said := stuck.follows(t, look, ""); !strings.Contains(said, argo) {
		t.Errorf("the runbook does not find Argo Rollouts, which is there: %s", said)
	}
	awaitRelease(t, env, version, 10*time.Minute)
}

// aGateThatKnowsNoStaging refuses a release until spec.promotion.from is correct; then it
// refuses it because staging has not verified it, which passes by itself.
func aGateThatKnowsNoStaging(t *testing.T, b *board, env environment) {
	before := get(t, env).Spec
	t.Cleanup(func() {
		change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
			spec.Promotion, spec.Release = before.Promotion, before.Release
		})
		eventually(t, 5*time.Minute, env.namespace+" Ready again", func(ctx context.Context) error { return ready(ctx, env) })
	})
	refuses := b.begins(t, env, "BlogGateRefuses")
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		name, _, _ := strings.Cut(spec.Release.Images.User, "@")
		spec.Promotion.From.Name = "nobody"
		spec.Release.Version, spec.Release.Images.User = "v6.6.6", name+"@sha256:"+strings.Repeat("6", 64)
	})
	refuses.tells(t, "the gate knows no staging", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionPromotionAllowed, metav1.ConditionFalse, "StagingNotFound", "nobody")
	})
	refuses.fires(t)
	refuses.advised(t, "correct `spec.promotion.from`")
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Promotion = before.Promotion })
	refuses.resolves(t, 2*time.Minute)
}
