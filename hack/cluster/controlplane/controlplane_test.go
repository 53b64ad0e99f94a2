package controlplane_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

func TestAControlPlaneServesTheKindsOfAllPeers(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{ControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cp.Stop)
	client := discovery.NewDiscoveryClientForConfigOrDie(cp.Config)
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
