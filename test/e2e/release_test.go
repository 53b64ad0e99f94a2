//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// rolloutOf reads the Rollout of a service.
func rolloutOf(ctx context.Context, env environment, service string) (*argo.Rollout, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(argo.SchemeGroupVersion.WithKind("Rollout"))
	if err := cluster.Get(ctx, client.ObjectKey{Namespace: env.namespace, Name: platform + "-" + service}, live); err != nil {
		return nil, err
	}
	var r argo.Rollout
	return &r, runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, &r)
}

// runs is nil once all four services run a release, as the stable one.
func runs(ctx context.Context, env environment, version string) error {
	for _, service := range append([]string{"frontend"}, dataServices...) {
		r, err := rolloutOf(ctx, env, service)
		if err != nil {
			return err
		}
		if got := r.Spec.Template.Spec.Containers[0].Env[0].Value; got != version || r.Status.StableRS != r.Status.CurrentPodHash || r.Status.Phase != argo.RolloutPhaseHealthy {
			return fmt.Errorf("%s runs %s and is %s: %s", service, got, r.Status.Phase, r.Status.Message)
		}
	}
	return nil
}

// awaitRelease waits until an environment is Ready and runs a release as a whole.
func awaitRelease(t testing.TB, env environment, version string, limit time.Duration) {
	t.Helper()
	eventually(t, limit, env.namespace+" Ready on "+version, func(ctx context.Context) error {
		return errors.Join(ready(ctx, env), runs(ctx, env, version))
	})
}

// awaitBack waits until a release is aborted and all services run that version.
func awaitBack(t testing.TB, env environment, version string, limit time.Duration) {
	t.Helper()
	eventually(t, limit, env.namespace+" back on "+version, func(ctx context.Context) error {
		if phase := get(t, env).Status.Release.Phase; phase != v1alpha1.PhaseAborted {
			return fmt.Errorf("phase %s", phase)
		}
		return runs(ctx, env, version)
	})
}

// TestAReleaseGoesOutAsAWholeAndNoReaderNotices releases another version of the
// same images to staging, under the eyes of a reader.
func TestAReleaseGoesOutAsAWholeAndNoReaderNotices(t *testing.T) {
	const version = "v0.2.0"
	before := get(t, staging)
	end := load(t, staging, 20)
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release.Version = version })
	awaitRelease(t, staging, version, 15*time.Minute)
	noFailures(t, "staging, while "+version+" came", end)
	after := get(t, staging)
	if r := after.Status.Release; r.Phase != v1alpha1.PhaseComplete || r.Current.Version != version || r.Current.Digest == before.Status.Release.Current.Digest {
		t.Errorf("release: %+v", r)
	}
	if head := after.Status.History[0]; head.Version != version || head.Outcome != v1alpha1.OutcomeSucceeded {
		t.Errorf("history begins with %+v", head)
	}
}

// TestARequestTakesAReleaseBackWholeAndNoReaderNotices aborts one on its way.
func TestARequestTakesAReleaseBackWholeAndNoReaderNotices(t *testing.T) {
	const version = "v0.3.0"
	before := get(t, staging).Status.Release.Current.Version
	pause := int32(600)
	steps := get(t, staging).Spec.Rollout.Steps
	t.Cleanup(func() {
		change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release.Version, spec.Rollout.Steps = before, steps })
		eventually(t, 5*time.Minute, "staging Ready again", func(ctx context.Context) error { return ready(ctx, staging) })
	})
	end := load(t, staging, 20)
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release.Version = version
		spec.Rollout.Steps = []v1alpha1.RolloutStep{{Weight: new(int32(canaryWeight))}, {PauseSeconds: &pause}}
	})
	eventually(t, 10*time.Minute, "a canary", func(context.Context) error {
		if word := get(t, staging).Status.Release.Rollout; word != fmt.Sprintf("canary %d%%", canaryWeight) {
			return fmt.Errorf("it is %s", word)
		}
		return nil
	})
	bp := get(t, staging)
	patch := client.MergeFrom(bp.DeepCopy())
	if bp.Annotations == nil {
		bp.Annotations = map[string]string{}
	}
	bp.Annotations["blogplatform.io/request"] = "abort " + version
	if err := cluster.Patch(t.Context(), bp, patch); err != nil {
		t.Fatal(err)
	}
	awaitBack(t, staging, before, 2*time.Minute)
	noFailures(t, "staging, while "+version+" was taken back", end)
	if c := meta.FindStatusCondition(get(t, staging).Status.Conditions, v1alpha1.ConditionReady); c == nil || c.Reason != "ReleaseAborted" {
		t.Errorf("Ready is %+v", c)
	}
}
