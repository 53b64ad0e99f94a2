package controlplane_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

func TestAControlPlaneServesTheKindsOfAllPeersAndLetsAPIsBeAggregated(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{ControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cp.Stop)
	client := discovery.NewDiscoveryClientForConfigOrDie(cp.Config)
	authentication, err := kubernetes.NewForConfigOrDie(cp.Config).CoreV1().ConfigMaps(metav1.NamespaceSystem).
		Get(t.Context(), "extension-apiserver-authentication", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(authentication.Data["requestheader-client-ca-file"], "BEGIN CERTIFICATE") {
		t.Errorf("aggregated APIs are told no authority of the front proxy, only %v", authentication.Data)
	}
	for groupVersion, kind := range map[string]string{
		"argoproj.io/v1alpha1":                      "Rollout",
		"bitnami.com/v1alpha1":                      "SealedSecret",
		"cert-manager.io/v1":                        "Certificate",
		"networking.istio.io/v1":                    "VirtualService",
		"postgres-operator.crunchydata.com/v1beta1": "PostgresCluster",
		"security.istio.io/v1":                      "AuthorizationPolicy",
	} {
		resources, err := client.ServerResourcesForGroupVersion(groupVersion)
		if err != nil {
			t.Errorf("%s: %v", groupVersion, err)
			continue
		}
		if !has(resources, kind) {
			t.Errorf("%s does not serve %s", groupVersion, kind)
		}
	}
}

func has(resources *metav1.APIResourceList, kind string) bool {
	for _, r := range resources.APIResources {
		if r.Kind == kind {
			return true
		}
	}
	return false
}
