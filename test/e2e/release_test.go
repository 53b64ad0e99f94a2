//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// load visits the home page of an environment twenty times a second until it is
// ended, and answers how many visits there were, and which failed.
func load(t *testing.T, env environment) (end func() (visits int, failures []string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	visits, failures := 0, []string(nil)
	go func() {
		defer close(done)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for reader := browser(); ; visits++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if problem := failure(ctx, reader, "https://"+env.host+":"+httpsPort+"/"); problem != "" && ctx.Err() == nil {
				failures = append(failures, problem+" at "+time.Now().Format(time.TimeOnly))
			}
		}
	}()
	return func() (int, []string) { cancel(); <-done; return visits, failures }
}

// failure of a visit, or nothing.
func failure(ctx context.Context, reader *http.Client, url string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	response, err := reader.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err.Error()
	}
	if response.StatusCode != http.StatusOK {
		return response.Status
	}
	return ""
}

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

// TestAReleaseGoesOutAsAWholeAndNoReaderNotices releases another version of the
// same images to staging, under the eyes of a reader.
func TestAReleaseGoesOutAsAWholeAndNoReaderNotices(t *testing.T) {
	const version = "v0.2.0"
	before := get(t, staging)
	end := load(t, staging)
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release.Version = version })
	eventually(t, 15*time.Minute, "staging Ready on "+version, func(ctx context.Context) error {
		return errors.Join(ready(ctx, staging), runs(ctx, staging, version))
	})
	visits, failures := end()
	t.Logf("%d visits", visits)
	if len(failures) > 0 {
		t.Errorf("of %d visits %d failed: %v", visits, len(failures), failures)
	}
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
	end := load(t, staging)
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
	eventually(t, 2*time.Minute, "all services back on "+before, func(ctx context.Context) error {
		if phase := get(t, staging).Status.Release.Phase; phase != v1alpha1.PhaseAborted {
			return fmt.Errorf("phase %s", phase)
		}
		return runs(ctx, staging, before)
	})
	if visits, failures := end(); len(failures) > 0 {
		t.Errorf("of %d visits %d failed: %v", visits, len(failures), failures)
	}
	if c := meta.FindStatusCondition(get(t, staging).Status.Conditions, v1alpha1.ConditionReady); c == nil || c.Reason != "ReleaseAborted" {
		t.Errorf("Ready is %+v", c)
	}
}
