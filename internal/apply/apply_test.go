package apply

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

var config *rest.Config

func TestMain(m *testing.M) {
	controlplane.Main(m, controlplane.Options{WithoutCRDs: true}, func(cp *controlplane.ControlPlane) { config = cp.Config })
}

func TestAChildIsCreatedOnceAndStrangersAreNotAdopted(t *testing.T) {
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "blog"}}
	stranger := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "stranger"}}
	for _, o := range []client.Object{owner, stranger} {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	child := func(namespace, name string) Child {
		return Child{Object: &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"namespace": namespace, "name": name}, "data": map[string]any{"a": "b"}}}}
	}
	a := New(c, c)
	for _, want := range []Action{Created, Unchanged} {
		if got, err := a.Apply(t.Context(), owner, child("default", "child")); err != nil || got.Action != want {
			t.Fatalf("got %v, %v, want %v", got.Action, err, want)
		}
	}
	if _, err := a.Apply(t.Context(), owner, child("default", "stranger")); !errors.Is(err, ErrNotOurs) {
		t.Errorf("stranger: %v", err)
	}
	if _, err := a.Apply(t.Context(), owner, child("absent", "child")); !errors.Is(err, ErrNamespaceGone) {
		t.Errorf("namespace: %v", err)
	}
}
