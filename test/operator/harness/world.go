package harness

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
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/test/given"
)

// World is one namespace in which platforms live.
type World struct {
	*testing.T
	// Namespace is where the platforms are.
	Namespace string
}

// NewWorld makes a namespace in the mesh. At the end of the test every status
// that was seen in it is checked, and what lives in it goes.
func NewWorld(t *testing.T) World {
	t.Helper()
	w := World{t, strings.ToLower(t.Name()[len("Test"):])}
	w.Namespace = strings.NewReplacer("/", "-", "_", "-").Replace(w.Namespace)
	if len(w.Namespace) > 50 {
		w.Namespace = w.Namespace[:50]
	}
	w.CreateNamespace(w.Namespace)
	t.Cleanup(func() { Statuses.Lint(t, w.Namespace) })
	return w
}

// CreateNamespace creates a namespace in the mesh.
func (w World) CreateNamespace(name string) {
	w.Helper()
	w.Create(given.Namespace(name))
}

// Create creates an object.
func (w World) Create(object client.Object) {
	w.Helper()
	if err := Cluster.Create(w.Context(), object); err != nil {
		w.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

// Platform is the sample of an environment in this namespace.
func (w World) Platform(environment string, edits ...func(*v1alpha1.BlogPlatform)) *v1alpha1.BlogPlatform {
	w.Helper()
	p, err := given.Platform(ControlPlane.Cache.Root, environment, w.Namespace)
	if err != nil {
		w.Fatal(err)
	}
	for _, edit := range edits {
		edit(p)
	}
	return p
}

// Given creates a platform.
func (w World) Given(environment string, edits ...func(*v1alpha1.BlogPlatform)) *v1alpha1.BlogPlatform {
	w.Helper()
	p := w.Platform(environment, edits...)
	w.Create(p)
	return p
}

// GivenReady creates a platform and waits until it is Ready.
func (w World) GivenReady(environment string, edits ...func(*v1alpha1.BlogPlatform)) *v1alpha1.BlogPlatform {
	w.Helper()
	p := w.Given(environment, edits...)
	w.UntilReady(p)
	return p
}

// Until waits until condition is nil.
func (w World) Until(what string, condition func(context.Context) error) {
	w.Helper()
	if err := given.Await(w.Context(), condition); err != nil {
		w.Fatalf("waiting for %s: %v", what, err)
	}
}

// Refresh reads the platform again.
func (w World) Refresh(ctx context.Context, p *v1alpha1.BlogPlatform) error {
	return Cluster.Get(ctx, client.ObjectKeyFromObject(p), p)
}

// UntilReady waits until the platform is Ready for its present spec.
func (w World) UntilReady(p *v1alpha1.BlogPlatform) {
	w.Helper()
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionTrue, "Verified", "")
}

// UntilCondition waits for a condition of the present spec whose message contains says.
func (w World) UntilCondition(p *v1alpha1.BlogPlatform, name string, status metav1.ConditionStatus, reason, says string) {
	w.Helper()
	w.Until(fmt.Sprintf("%s %s=%s", p.Namespace, name, reason), func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil {
			return err
		}
		c := meta.FindStatusCondition(p.Status.Conditions, name)
		if c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, says) || c.ObservedGeneration != p.Generation {
			return errors.New(ConditionsOf(p))
		}
		return nil
	})
}

// ConditionsOf lists the conditions of a platform, one a line, with the generation that they should be of.
func ConditionsOf(p *v1alpha1.BlogPlatform) string {
	var lines []string
	for _, c := range p.Status.Conditions {
		lines = append(lines, fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return fmt.Sprintf("generation %d\n  %s", p.Generation, strings.Join(lines, "\n  "))
}

// Edit changes the platform as a person does with kubectl edit.
func (w World) Edit(p *v1alpha1.BlogPlatform, change func(*v1alpha1.BlogPlatform)) {
	w.Helper()
	w.Until("edit of "+p.Namespace, func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil {
			return err
		}
		change(p)
		return Cluster.Update(ctx, p)
	})
}

// Gone is nil once an object is not there.
func Gone(ctx context.Context, object client.Object) error {
	err := Cluster.Get(ctx, client.ObjectKeyFromObject(object), object)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("%s is still there", object.GetName()))
}

// Object is an unstructured one, by kind and name, in the world's namespace.
func (w World) Object(kind, name string) *unstructured.Unstructured {
	for _, gvk := range plan.Kinds {
		if gvk.Kind == kind {
			u := &unstructured.Unstructured{}
			u.SetGroupVersionKind(gvk)
			u.SetNamespace(w.Namespace)
			u.SetName(name)
			return u
		}
	}
	w.Fatalf("no plan holds a %s", kind)
	return nil
}

// Get reads an object.
func (w World) Get(u *unstructured.Unstructured) *unstructured.Unstructured {
	w.Helper()
	if err := Cluster.Get(w.Context(), client.ObjectKeyFromObject(u), u); err != nil {
		w.Fatal(err)
	}
	return u
}

// Children are all objects that carry the labels of the platform, in whatever namespace, by kind and name.
func (w World) Children(p *v1alpha1.BlogPlatform) map[string]unstructured.Unstructured {
	w.Helper()
	found := map[string]unstructured.Unstructured{}
	for _, gvk := range plan.Kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		err := Cluster.List(w.Context(), list, client.MatchingLabels{
			"app.kubernetes.io/managed-by": "blogplatform", "blogplatform.io/namespace": p.Namespace})
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			w.Fatal(err)
		}
		for _, u := range list.Items {
			if naming.Of(client.ObjectKeyFromObject(p)).Owns(u.GetLabels()) {
				found[gvk.Kind+" "+u.GetNamespace()+"/"+u.GetName()] = u
			}
		}
	}
	return found
}
