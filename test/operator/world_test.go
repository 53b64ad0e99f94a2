package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/test/given"
)

// world is one namespace in which platforms live.
type world struct {
	*testing.T
	namespace string
}

// newWorld makes a namespace in the mesh. At the end of the test every status
// that was seen in it is checked, and what lives in it goes.
func newWorld(t *testing.T) world {
	t.Helper()
	w := world{t, strings.ToLower(t.Name()[len("Test"):])}
	w.namespace = strings.NewReplacer("/", "-", "_", "-").Replace(w.namespace)
	if len(w.namespace) > 50 {
		w.namespace = w.namespace[:50]
	}
	w.createNamespace(w.namespace)
	t.Cleanup(func() { statuses.lint(t, w.namespace) })
	return w
}

func (w world) createNamespace(name string) {
	w.Helper()
	w.create(given.Namespace(name))
}

func (w world) create(object client.Object) {
	w.Helper()
	if err := cluster.Create(w.Context(), object); err != nil {
		w.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

// platform is the sample of an environment in this namespace.
func (w world) platform(environment string, edits ...func(*v1alpha1.BlogPlatform)) *v1alpha1.BlogPlatform {
	w.Helper()
	p, err := given.Platform(cp.Cache.Root, environment, w.namespace)
	if err != nil {
		w.Fatal(err)
	}
	for _, edit := range edits {
		edit(p)
	}
	return p
}

// given creates a platform.
func (w world) given(environment string, edits ...func(*v1alpha1.BlogPlatform)) *v1alpha1.BlogPlatform {
	w.Helper()
	p := w.platform(environment, edits...)
	w.create(p)
	return p
}

// givenReady creates a platform and waits until it is Ready.
func (w world) givenReady(environment string, edits ...func(*v1alpha1.BlogPlatform)) *v1alpha1.BlogPlatform {
	w.Helper()
	p := w.given(environment, edits...)
	w.untilReady(p)
	return p
}

// until waits until condition is nil.
func (w world) until(what string, condition func(context.Context) error) {
	w.Helper()
	if err := given.Await(w.Context(), condition); err != nil {
		w.Fatalf("waiting for %s: %v", what, err)
	}
}

// refresh reads the platform again.
func (w world) refresh(ctx context.Context, p *v1alpha1.BlogPlatform) error {
	return cluster.Get(ctx, client.ObjectKeyFromObject(p), p)
}

// untilReady waits until the platform is Ready for its present spec.
func (w world) untilReady(p *v1alpha1.BlogPlatform) {
	w.Helper()
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionTrue, "Verified", "")
}

// untilCondition waits for a condition of the present spec whose message contains says.
func (w world) untilCondition(p *v1alpha1.BlogPlatform, name string, status metav1.ConditionStatus, reason, says string) {
	w.Helper()
	w.until(fmt.Sprintf("%s %s=%s", p.Namespace, name, reason), func(ctx context.Context) error {
		if err := w.refresh(ctx, p); err != nil {
			return err
		}
		c := meta.FindStatusCondition(p.Status.Conditions, name)
		if c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, says) || c.ObservedGeneration != p.Generation {
			return errors.New(conditionsOf(p))
		}
		return nil
	})
}

func conditionsOf(p *v1alpha1.BlogPlatform) string {
	var lines []string
	for _, c := range p.Status.Conditions {
		lines = append(lines, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return fmt.Sprintf("generation %d\n  %s", p.Generation, strings.Join(lines, "\n  "))
}

// edit changes the platform as a person does with kubectl edit.
func (w world) edit(p *v1alpha1.BlogPlatform, change func(*v1alpha1.BlogPlatform)) {
	w.Helper()
	w.until("edit of "+p.Namespace, func(ctx context.Context) error {
		if err := w.refresh(ctx, p); err != nil {
			return err
		}
		change(p)
		return cluster.Update(ctx, p)
	})
}

// gone is nil once an object is not there.
func gone(ctx context.Context, object client.Object) error {
	err := cluster.Get(ctx, client.ObjectKeyFromObject(object), object)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("%s is still there", object.GetName()))
}

// object is an unstructured one, by kind and name, in the world's namespace.
func (w world) object(kind, name string) *unstructured.Unstructured {
	for _, gvk := range plan.Kinds {
		if gvk.Kind == kind {
			u := &unstructured.Unstructured{}
			u.SetGroupVersionKind(gvk)
			u.SetNamespace(w.namespace)
			u.SetName(name)
			return u
		}
	}
	w.Fatalf("no plan holds a %s", kind)
	return nil
}

// get reads an object.
func (w world) get(u *unstructured.Unstructured) *unstructured.Unstructured {
	w.Helper()
	if err := cluster.Get(w.Context(), client.ObjectKeyFromObject(u), u); err != nil {
		w.Fatal(err)
	}
	return u
}

// children are all objects that carry the labels of the platform, in whatever namespace, by kind and name.
func (w world) children(p *v1alpha1.BlogPlatform) map[string]unstructured.Unstructured {
	w.Helper()
	found := map[string]unstructured.Unstructured{}
	for _, gvk := range plan.Kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		err := cluster.List(w.Context(), list, client.MatchingLabels{
			"app.kubernetes.io/managed-by": "blogplatform", "app.kubernetes.io/instance": p.Name, "blogplatform.io/namespace": p.Namespace})
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			w.Fatal(err)
		}
		for _, u := range list.Items {
			found[gvk.Kind+" "+u.GetNamespace()+"/"+u.GetName()] = u
		}
	}
	return found
}
