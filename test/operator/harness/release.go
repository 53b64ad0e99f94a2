package harness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"blogplatform.io/operator/api/v1alpha1"
)

// Release changes what CI changes.
func Release(version string) func(*v1alpha1.BlogPlatform) {
	digest := fmt.Sprintf("@sha256:%x", sha256.Sum256([]byte(version)))
	return func(p *v1alpha1.BlogPlatform) {
		p.Spec.Release = v1alpha1.Release{Version: version, Images: v1alpha1.Images{
			Frontend: "blogplatform.local/frontend" + digest, User: "blogplatform.local/user" + digest,
			Content: "blogplatform.local/content" + digest, Comment: "blogplatform.local/comment" + digest}}
	}
}

// Told fails the test unless the history is that, newest first.
func (w World) Told(p *v1alpha1.BlogPlatform, want ...string) {
	w.Helper()
	var told []string
	for _, r := range p.Status.History {
		told = append(told, r.Version+" "+string(r.Outcome))
	}
	if diff := cmp.Diff(want, told); diff != "" {
		w.Errorf("history (-want +got):\n%s", diff)
	}
}

// Asked annotates the platform with a request.
func (w World) Asked(p *v1alpha1.BlogPlatform, request string) {
	w.Helper()
	w.Patch(p, func() { p.Annotations = map[string]string{"blogplatform.io/request": request} })
}

// AllBackOn waits until all four services run a release, and nothing else, without steps left to take.
func (w World) AllBackOn(version string) {
	w.Helper()
	for _, service := range []string{"frontend", "user", "content", "comment"} {
		w.Until(service+" back on "+version, func(context.Context) error {
			rollout := w.Get(w.Object("Rollout", "blog-"+service))
			var r argo.Rollout
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(rollout.Object, &r); err != nil {
				return err
			}
			if got := r.Spec.Template.Spec.Containers[0].Env[0].Value; got != version || r.Status.StableRS != r.Status.CurrentPodHash || r.Status.Phase != argo.RolloutPhaseHealthy {
				return fmt.Errorf("it runs %s: %+v", got, r.Status)
			}
			if r.Spec.RollbackWindow != nil || r.Spec.Paused {
				return fmt.Errorf("rollback window %v, paused %v", r.Spec.RollbackWindow, r.Spec.Paused)
			}
			return nil
		})
	}
}

// AlwaysServed fails the test if users were not served for a moment after they were first.
func (w World) AlwaysServed() {
	w.Helper()
	for _, states := range Statuses.Of(w.Namespace) {
		served := false
		for _, state := range states {
			is := meta.IsStatusConditionTrue(state.Status.Conditions, v1alpha1.ConditionAvailable)
			if served && !is && state.DeletionTimestamp.IsZero() {
				w.Errorf("at resourceVersion %s users are not served: %s", state.ResourceVersion, ConditionsOf(state))
			}
			served = served || is
		}
	}
}

// WithSteps sets the steps of a release: the weights, in percent, each followed by a pause of a second.
func WithSteps(weights ...int32) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) {
		p.Spec.Rollout.Steps = nil
		for _, weight := range weights {
			p.Spec.Rollout.Steps = append(p.Spec.Rollout.Steps, v1alpha1.RolloutStep{Weight: new(weight)}, v1alpha1.RolloutStep{PauseSeconds: new(int32(1))})
		}
	}
}

// UntilWord waits until the status sums its release up in these words, such as "canary 20%".
func (w World) UntilWord(p *v1alpha1.BlogPlatform, word string) {
	w.Helper()
	w.Until(word, func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil {
			return err
		}
		if p.Status.Release.Rollout != word {
			return errors.New(fmt.Sprint(p.Status.Release, ConditionsOf(p)))
		}
		return nil
	})
}
