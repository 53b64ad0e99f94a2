package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
)

// release changes what CI changes.
func release(version string) func(*v1alpha1.BlogPlatform) {
	digest := "@sha256:" + strings.Repeat(strings.TrimLeft(version, "v")[:1], 64)
	return func(p *v1alpha1.BlogPlatform) {
		p.Spec.Release = v1alpha1.Release{Version: version, Images: v1alpha1.Images{
			Frontend: "blogplatform.local/frontend" + digest, User: "blogplatform.local/user" + digest,
			Content: "blogplatform.local/content" + digest, Comment: "blogplatform.local/comment" + digest}}
	}
}

// image is what a Rollout runs.
func (w world) image(service string) string {
	w.Helper()
	containers, _, _ := unstructured.NestedSlice(w.get(w.object("Rollout", "blog-"+service)).Object, "spec", "template", "spec", "containers")
	return fmt.Sprint(containers[0].(map[string]any)["image"])
}

func TestAReleaseMigratesFirstAndThenRolls(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.givenReady("production", release("v1.0.0"), func(p *v1alpha1.BlogPlatform) {
		p.Spec.Rollout.Steps = []v1alpha1.RolloutStep{{Weight: new(int32(20))}, {PauseSeconds: new(int32(5))}}
	})
	old := w.image("user")

	peers.Set(faker.Job, w.namespace+"/blog-user-expand", faker.Behaviour{Absent: true})
	peers.Set(faker.Rollout, w.namespace+"/", faker.Behaviour{Hold: true})
	w.edit(p, release("v2.0.0"))
	w.untilCondition(p, v1alpha1.ConditionMigrationsReady, metav1.ConditionFalse, "Running", "blog-user-expand-")
	w.untilCondition(p, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "HeldByMigrations", "")
	w.untilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")
	if image := w.image("user"); image != old {
		t.Errorf("user runs %s before the migrations are done, want %s", image, old)
	}
	if p.Status.Release.Phase != v1alpha1.PhaseMigrating || p.Status.Release.Current.Version != "v1.0.0" || p.Status.Release.Target.Version != "v2.0.0" {
		t.Errorf("release: %+v", p.Status.Release)
	}

	peers.Set(faker.Job, w.namespace+"/blog-user-expand", faker.Behaviour{})
	w.until("a canary", func(ctx context.Context) error {
		if err := w.refresh(ctx, p); err != nil {
			return err
		}
		if r := p.Status.Release; r.Rollout != "canary 20%" || r.CanaryWeight == nil || *r.CanaryWeight != 20 || r.Phase != v1alpha1.PhaseProgressing {
			return errors.New(fmt.Sprint(r, conditionsOf(p)))
		}
		return nil
	})
	w.untilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")

	peers.Set(faker.Rollout, w.namespace+"/", faker.Behaviour{})
	w.untilReady(p)
	if image := w.image("user"); image == old {
		t.Errorf("user still runs %s", image)
	}
	var told []string
	for _, r := range p.Status.History {
		told = append(told, r.Version+" "+string(r.Outcome))
	}
	if want := "v2.0.0 Succeeded, v1.0.0 Succeeded"; strings.Join(told, ", ") != want {
		t.Errorf("history: %s, want %s", told, want)
	}
}

func TestAFailedMigrationHoldsTheOldRelease(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.givenReady("staging", release("v1.0.0"))
	old := w.image("content")
	peers.Set(faker.Job, w.namespace+"/blog-content-expand", faker.Behaviour{Fail: true})
	w.edit(p, release("v2.0.0"))
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "JobFailed", "Job "+w.namespace+"/blog-content-expand-")
	w.untilCondition(p, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "HeldByMigrations", "")
	w.untilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")

	// The old release is held as it is: an edit of it is undone.
	rollout := w.get(w.object("Rollout", "blog-content"))
	if err := errors.Join(edits["Rollout"](rollout), cluster.Update(t.Context(), rollout)); err != nil {
		t.Fatal(err)
	}
	w.until("the edit undone", func(context.Context) error {
		if n, _, _ := unstructured.NestedInt64(w.get(rollout).Object, "spec", "revisionHistoryLimit"); n != 3 {
			return fmt.Errorf("revisionHistoryLimit is %d", n)
		}
		return nil
	})
	if image := w.image("content"); image != old {
		t.Errorf("content runs %s after a failed migration, want %s", image, old)
	}

	// Going back is one edit, and runs no migration again.
	w.edit(p, release("v1.0.0"))
	w.untilReady(p)
	if image := w.image("content"); image != old {
		t.Errorf("content runs %s, want %s", image, old)
	}

	// A failed Job that its TTL has removed is tried again.
	peers.Set(faker.Job, w.namespace+"/blog-content-expand", faker.Behaviour{})
	w.edit(p, release("v3.0.0"))
	w.untilReady(p)
}

func TestAReleaseLeavesTheNumberOfPodsToTheAutoscaler(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.givenReady("production", release("v1.0.0"))
	replicas := func() int64 {
		n, _, _ := unstructured.NestedInt64(w.get(w.object("Rollout", "blog-frontend")).Object, "spec", "replicas")
		return n
	}
	if n := replicas(); n != 2 {
		t.Errorf("the frontend begins with %d pods, want the least, 2", n)
	}
	rollout := w.get(w.object("Rollout", "blog-frontend"))
	if err := errors.Join(set(int64(3), "spec", "replicas")(rollout), cluster.Update(t.Context(), rollout)); err != nil {
		t.Fatal(err)
	}
	old := w.image("frontend")
	w.edit(p, release("v2.0.0"))
	w.untilReady(p)
	if w.image("frontend") == old {
		t.Error("the release has not reached the frontend")
	}
	if n := replicas(); n != 3 {
		t.Errorf("after a release the frontend has %d pods, want those of the autoscaler, 3", n)
	}
}
