package drift

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/operator/harness"
)

func TestAnEditOfAnOwnedFieldComesBackAndForeignLabelsStay(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production")
	for name, before := range w.Children(p) {
		if before.GetKind() == "Job" {
			continue // a Job cannot be edited
		}
		edit, ok := harness.Edits[before.GetKind()]
		if !ok {
			t.Errorf("no edit of a %s is tried", before.GetKind())
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := world{harness.World{T: t, Namespace: w.Namespace}}
			wanted := w.annotate(&before)
			edited := w.Get(before.DeepCopy())
			if err := edit(edited); err != nil {
				t.Fatal(err)
			}
			if cmp.Equal(harness.Intent(edited), wanted) {
				t.Fatal("the edit changes nothing")
			}
			if err := harness.Cluster.Update(t.Context(), edited); err != nil {
				t.Fatal(err)
			}
			w.Until("the edit undone", func(ctx context.Context) error {
				live := before.DeepCopy()
				if err := harness.Cluster.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
					return err
				}
				if diff := cmp.Diff(wanted, harness.Intent(live)); diff != "" {
					return errors.New(diff)
				}
				return nil
			})
		})
	}
	w.UntilReady(p)
}

// TestAnOwnerReferenceThatIsTakenAwayComesBack, of every kind that has one: without it
// the child would outlive its platform.
func TestAnOwnerReferenceThatIsTakenAwayComesBack(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production")
	for name, child := range w.Children(p) {
		if !metav1.IsControlledBy(&child, p) || child.GetKind() == "Job" {
			continue // a Job is left alone once it is there
		}
		disowned := child.DeepCopy()
		if err := harness.Cluster.Patch(t.Context(), disowned, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"ownerReferences":null}}`))); err != nil {
			t.Fatal(err)
		}
		w.Until("the owner reference of "+name, func(ctx context.Context) error {
			live := child.DeepCopy()
			if err := harness.Cluster.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
				return err
			}
			if !metav1.IsControlledBy(live, p) {
				return fmt.Errorf("owners: %v", live.GetOwnerReferences())
			}
			return nil
		})
	}
}

// annotate adds a label and an annotation of somebody else, and answers what
// the object should be for ever after.
func (w world) annotate(u *unstructured.Unstructured) map[string]any {
	w.Helper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{"example.com/team":"a"},"annotations":{"example.com/note":"%s"}}}`, u.GetKind())
	live := u.DeepCopy()
	if err := harness.Cluster.Patch(w.Context(), live, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		w.Fatal(err)
	}
	return harness.Intent(live)
}

func TestADeletedChildComesBack(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging")
	var finished []unstructured.Unstructured
	for name, child := range w.Children(p) {
		if child.GetKind() == "PostgresCluster" {
			continue // a database is not deleted lightly
		}
		uid := child.GetUID()
		if err := harness.Cluster.Delete(t.Context(), child.DeepCopy()); err != nil {
			t.Fatal(err)
		}
		if child.GetKind() == "Job" {
			finished = append(finished, child)
			continue
		}
		w.Until(name+" back", func(ctx context.Context) error {
			live := child.DeepCopy()
			if err := harness.Cluster.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
				return err
			}
			if live.GetUID() == uid {
				return errors.New("it is still the old one")
			}
			return nil
		})
	}
	w.UntilReady(p)
	for _, job := range finished {
		w.Until("the Job gone for good, as after its TTL", func(ctx context.Context) error { return harness.Gone(ctx, &job) })
	}
}

func TestWhatIsNotPlannedAnyMoreGoes(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", func(p *v1alpha1.BlogPlatform) {
		p.Spec.Services.User = v1alpha1.Service{Autoscaling: &v1alpha1.Autoscaling{Min: 2, Max: 3}}
	})
	autoscaler := w.Object("HorizontalPodAutoscaler", "blog-user")
	w.Get(autoscaler)
	w.Edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Services.User.Autoscaling = nil })
	w.Until("its HorizontalPodAutoscaler gone", func(ctx context.Context) error { return harness.Gone(ctx, autoscaler) })
	w.UntilReady(p)
}

func TestASuspendedPlatformIsLeftAlone(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging")
	w.Edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Suspend = new(true) })
	w.UntilCondition(p, v1alpha1.ConditionSuspended, metav1.ConditionTrue, "Suspended", "")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionUnknown, "Suspended", "")
	w.UntilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")

	rollout := w.Get(w.Object("Rollout", "blog-user"))
	if err := errors.Join(harness.Set(int64(7), "spec", "replicas")(rollout), harness.Cluster.Update(t.Context(), rollout)); err != nil {
		t.Fatal(err)
	}
	sevenReady := func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil {
			return err
		}
		for _, s := range p.Status.Services {
			if s.Name == "user" && s.Ready == 7 && s.Desired == 7 {
				return nil
			}
		}
		return fmt.Errorf("services: %+v", p.Status.Services)
	}
	w.Until("the edit seen in the status and left in place", sevenReady)

	w.Edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Suspend = nil })
	w.UntilReady(p)
	if replicas, _, _ := unstructured.NestedInt64(w.Get(rollout).Object, "spec", "replicas"); replicas != 1 {
		t.Errorf("the edit was left in place after the suspension: %d replicas", replicas)
	}
}
