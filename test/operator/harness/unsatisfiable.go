package harness

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// InGateway sets the namespace of a platform's gateway.
func InGateway(namespace string) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) { p.Spec.Gateway.Namespace = namespace }
}

// Patch writes the change of an object that change makes in place.
func (w World) Patch(object client.Object, change func()) {
	w.Helper()
	if err := Cluster.Get(w.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		w.Fatal(err)
	}
	before := object.DeepCopyObject().(client.Object)
	change()
	if err := Cluster.Patch(w.Context(), object, client.MergeFrom(before)); err != nil {
		w.Fatal(err)
	}
}

// Label sets one label of an object.
func (w World) Label(object client.Object, key, value string) {
	w.Helper()
	w.Patch(object, func() {
		labels := object.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[key] = value
		object.SetLabels(labels)
	})
}

// TakeCRD deletes a CRD, and answers what to create to have it back.
func TakeCRD(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind("CustomResourceDefinition")
	crd.SetName(name)
	if err := Cluster.Get(t.Context(), client.ObjectKeyFromObject(crd), crd); err != nil {
		t.Fatal(err)
	}
	again := crd.DeepCopy()
	again.SetResourceVersion("")
	again.SetUID("")
	again.SetFinalizers(nil)
	again.SetManagedFields(nil)
	delete(again.Object, "status")
	if err := Cluster.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	World{t, ""}.Until("CRD "+name+" gone", func(ctx context.Context) error { return Gone(ctx, crd) })
	return again
}
