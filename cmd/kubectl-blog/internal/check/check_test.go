package check

import (
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery/fake"
	fakeclientset "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
)

// fakeCluster is one that cannot be had here: old, or without the peers' kinds.
// What a real one answers, the tests of package command ask.
func fakeCluster(t *testing.T, gitVersion string, served ...*metav1.APIResourceList) *fakeclientset.Clientset {
	t.Helper()
	clientset := fakeclientset.NewClientset()
	discovery, ok := clientset.Discovery().(*fake.FakeDiscovery)
	if !ok {
		t.Fatal("the fake's discovery is not fake")
	}
	discovery.FakedServerVersion = &version.Info{GitVersion: gitVersion}
	discovery.Resources = served
	return clientset
}

func one(t *testing.T, clientset *fakeclientset.Clientset, group, name string) Result {
	t.Helper()
	results, err := Run(t.Context(), clientset, Scope{Only: []string{group}, Namespace: "g11", GatewayNamespace: "a", GatewayService: "b"})
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		if result.Name == name {
			return result
		}
	}
	t.Fatalf("%s says nothing of %s: %+v", group, name, results)
	return Result{}
}

func TestAnOldKubernetesIsRefused(t *testing.T) {
	for running, want := range map[string]screen.Mark{
		"v1.29.15": screen.Failed, "v1.30.0": screen.OK, "v1.37.2": screen.OK, "v1.33.4-eks-1234567": screen.OK, "main": screen.Attention,
	} {
		result := one(t, fakeCluster(t, running), "kubernetes", "Kubernetes")
		if result.Mark != want || !strings.HasPrefix(result.Text, running) || (want != screen.OK) != (result.Hint != "") {
			t.Errorf("%s: %+v, want %s", running, result, want)
		}
	}
}

func TestMissingKindsAreNamed(t *testing.T) {
	networking := &metav1.APIResourceList{GroupVersion: "networking.istio.io/v1", APIResources: []metav1.APIResource{{Kind: "Gateway"}, {Kind: "Sidecar"}, {Kind: "VirtualService"}}}
	old := &metav1.APIResourceList{GroupVersion: "cert-manager.io/v1alpha2", APIResources: []metav1.APIResource{{Kind: "Certificate"}}}
	clientset := fakeCluster(t, "v1.37.2", networking, old)
	for name, want := range map[string]Result{
		"Istio kinds": {"Istio kinds", screen.Failed, "missing: DestinationRule v1, ServiceEntry v1, AuthorizationPolicy v1, PeerAuthentication v1",
			"install Istio with its CRDs (group networking.istio.io, security.istio.io)"},
		"cert-manager kinds": {"cert-manager kinds", screen.Failed, "missing: Certificate v1", "install cert-manager with its CRDs (group cert-manager.io)"},
	} {
		if got := one(t, clientset, "kinds", name); got != want {
			t.Errorf("%+v\nwant %+v", got, want)
		}
	}
	if got := one(t, clientset, "operator", "BlogPlatform kind"); got.Mark != screen.Failed || got.Hint != "install its CRD: make install" {
		t.Errorf("%+v", got)
	}
	if got := one(t, clientset, "operator", "Operator"); got.Mark != screen.Failed || got.Text != "no Deployment of the operator" {
		t.Errorf("%+v", got)
	}
}

func TestAnErrorIsNoMissingRight(t *testing.T) {
	clientset := fakeCluster(t, "v1.37.2")
	answer := errors.New("etcd is away")
	clientset.PrependReactor("list", "storageclasses", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, answer })
	if got := one(t, clientset, "storage", "Storage"); got.Mark != screen.Failed || !strings.Contains(got.Text, "etcd is away") {
		t.Errorf("%+v", got)
	}
	answer = apierrors.NewForbidden(schema.GroupResource{Resource: "storageclasses"}, "", errors.New("no"))
	if got := one(t, clientset, "storage", "Storage"); got.Mark != screen.Attention || !strings.Contains(got.Text, "you may not read StorageClasses") {
		t.Errorf("%+v", got)
	}
}

func TestPreLeavesOutWhatComesWithTheOperator(t *testing.T) {
	for _, story := range []struct {
		scope Scope
		want  string
	}{
		{Scope{}, "kubernetes kinds controllers gateway storage metrics operator namespace"},
		{Scope{Pre: true}, "kubernetes kinds controllers gateway storage metrics"},
		{Scope{Only: []string{"operator", "kinds"}}, "kinds operator"},
	} {
		groups, err := story.scope.Choose()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, group := range groups {
			names = append(names, group.Name)
		}
		if got := strings.Join(names, " "); got != story.want {
			t.Errorf("%+v: %s, want %s", story.scope, got, story.want)
		}
	}
}

func TestTheTagOfAnImageIsItsVersion(t *testing.T) {
	for image, want := range map[string]string{
		"quay.io/jetstack/cert-manager-controller:v1.21.2": "v1.21.2", "localhost:5000/pilot": "", "localhost:5000/pilot:1.31@sha256:0": "1.31", "pilot@sha256:0": "",
	} {
		var deployment appsv1.Deployment
		deployment.Spec.Template.Spec.Containers = restrictedPod().Spec.Containers
		deployment.Spec.Template.Spec.Containers[0].Image = image
		if got := tagOf(deployment); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}
