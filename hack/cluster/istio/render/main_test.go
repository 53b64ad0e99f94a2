package main

import (
	"slices"
	"testing"

	"istio.io/istio/operator/pkg/manifest"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// object is a rendered object of a kind, with a name in a namespace.
func object(kind, namespace, name string) manifest.Manifest {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return manifest.Manifest{Unstructured: u}
}

func arranged(objects ...manifest.Manifest) []string {
	var names []string
	for _, o := range arrange(objects) {
		names = append(names, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName())
	}
	return names
}

func TestWhatOthersReferToComesFirst(t *testing.T) {
	got := arranged(
		object("Deployment", "istio-system", "istiod"), object("ClusterRoleBinding", "", "istiod"),
		object("ConfigMap", "istio-system", "istio"), object("ClusterRole", "", "istiod"), object("ServiceAccount", "istio-system", "istiod"),
	)
	want := []string{"ServiceAccount istio-system/istiod", "ClusterRole /istiod", "ClusterRoleBinding /istiod", "ConfigMap istio-system/istio", "Deployment istio-system/istiod"}
	if !slices.Equal(got, want) {
		t.Errorf("they are written as %q", got)
	}
}

func TestTheOrderDoesNotDependOnThatOfTheCharts(t *testing.T) {
	a, b, c := object("Service", "istio-ingress", "b"), object("Service", "istio-ingress", "a"), object("Service", "istio-a", "c")
	if one, other := arranged(a, b, c), arranged(c, b, a); !slices.Equal(one, other) || one[0] != "Service istio-a/c" {
		t.Errorf("they are written as %q and as %q", one, other)
	}
}

func TestCustomResourceDefinitionsAreLeftOut(t *testing.T) {
	if got := arranged(object("CustomResourceDefinition", "", "gateways"), object("Service", "n", "s")); !slices.Equal(got, []string{"Service n/s"}) {
		t.Errorf("they are written as %q", got)
	}
}
