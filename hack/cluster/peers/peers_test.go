package peers

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/cert"

	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/node"
)

// programs are what a peer finds as its programs: only Istio has some.
func programs(t *testing.T, part component.Component) map[string]string {
	t.Helper()
	if part.Name == Istio.Name {
		return map[string]string{"render": renders(t, charts)}
	}
	return nil
}

func TestAPeerAsksForTheImagesThatItIsMadeOf(t *testing.T) {
	for _, part := range all {
		t.Run(part.Name, func(t *testing.T) {
			_, applied := started(t, part, programs(t, part))
			var asked []string
			for _, object := range applied {
				asked = append(asked, imagesIn(object.Object)...)
			}
			slices.Sort(asked)
			if diff := cmp.Diff(made(part), slices.Compact(asked)); diff != "" {
				t.Errorf("images (-made +asked for):\n%s", diff)
			}
		})
	}
}

func TestAPeerHasObjectsThatKubernetesKnowsInNamespacesThatAreThere(t *testing.T) {
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Strict: true})
	for _, part := range all {
		t.Run(part.Name, func(t *testing.T) {
			_, applied := started(t, part, programs(t, part))
			namespaces := []string{"", "kube-system"}
			for _, object := range applied {
				name := object.GetKind() + " " + object.GetName()
				if object.GetKind() == "Namespace" {
					namespaces = append(namespaces, object.GetName())
				}
				if !slices.Contains(namespaces, object.GetNamespace()) {
					t.Errorf("%s is in namespace %s, which is not made before it", name, object.GetNamespace())
				}
				if !scheme.Scheme.Recognizes(object.GroupVersionKind()) {
					continue // it is of a CRD
				}
				text, err := object.MarshalJSON()
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := strict.Decode(text, nil, nil); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			for _, namespace := range part.Namespaces {
				if !slices.Contains(namespaces, namespace) {
					t.Errorf("its pods are said to be in %s, which it does not make", namespace)
				}
			}
		})
	}
}

func TestEveryManifestIsApplied(t *testing.T) {
	there := map[string]bool{}
	for _, part := range all {
		for _, object := range appliedBy(t, part) {
			there[object.GetKind()+" "+object.GetName()], there[object.GetKind()] = true, true
		}
	}
	files, err := fs.Glob(manifests, "manifests/*.yaml")
	if err != nil || len(files) < len(all)-1 {
		t.Fatalf("found %q, %v", files, err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(manifests, file)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := controlplane.ParseObjects(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, object := range objects {
			name := object.GetKind() + " " + object.GetName()
			if strings.HasPrefix(object.GetName(), "$") {
				name = object.GetKind() // its name is filled in
			}
			if !there[name] && object.GetKind() != "IstioOperator" { // which is rendered and not applied
				t.Errorf("%s of %s is not applied", name, file)
			}
		}
	}
}

func appliedBy(t *testing.T, part component.Component) []*unstructured.Unstructured {
	t.Helper()
	_, applied := started(t, part, programs(t, part))
	return applied
}

func TestAPeerIsReadyOnceWhatItStartedRuns(t *testing.T) {
	for _, part := range all {
		t.Run(part.Name, func(t *testing.T) {
			c, applied := started(t, part, programs(t, part))
			clientset := runs(t, c, applied, 1)
			if part.Name == CertManager.Name {
				addAuthority(t, clientset, certificate(t))
			}
			if err := part.AwaitReady(t.Context(), c); err != nil {
				t.Error(err)
			}
			if pods, err := clientset.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{}); err != nil || len(pods.Items) > 0 {
				t.Errorf("it left pods: %v, %v", pods.Items, err)
			}
		})
	}
}

func TestAPeerWhosePodsDoNotRunIsNotReady(t *testing.T) {
	for _, part := range all {
		if part.Name == MetricsServer.Name {
			continue // its APIService speaks for it
		}
		t.Run(part.Name, func(t *testing.T) {
			c, applied := started(t, part, programs(t, part))
			runs(t, c, applied, 0)
			ctx, cancel := context.WithCancel(t.Context())
			c.Report = func(string) { cancel() }
			if err := part.AwaitReady(ctx, c); err == nil || !strings.Contains(err.Error(), "0 of 1 pods ready") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func certificate(t *testing.T) []byte {
	t.Helper()
	certificate, _, err := cert.GenerateSelfSignedCertKey("local cluster", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// addAuthority is what cert-manager does for its Certificate.
func addAuthority(t *testing.T, clientset *fake.Clientset, certificate []byte) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "cert-manager", Name: "local-ca"}, Data: map[string][]byte{corev1.TLSCertKey: certificate}}
	if err := clientset.Tracker().Add(secret); err != nil {
		t.Fatal(err)
	}
}

func TestTheAuthorityIsWrittenForBrowsers(t *testing.T) {
	good := certificate(t)
	for name, test := range map[string]struct {
		secret []byte
		err    string
	}{
		"a certificate": {good, ""},
		"no Secret":     {nil, "not found"},
		"no text":       {[]byte("what?"), "Secret cert-manager/local-ca"},
	} {
		t.Run(name, func(t *testing.T) {
			clientset, file := fake.NewClientset(), filepath.Join(t.TempDir(), "ca.crt")
			if test.secret != nil {
				addAuthority(t, clientset, test.secret)
			}
			err := writeAuthority(t.Context(), clientset, file)
			written, _ := os.ReadFile(file) // where there is none it is empty
			if test.err == "" && (err != nil || !slices.Equal(written, good)) {
				t.Errorf("it is %q, %v", written, err)
			}
			if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || len(written) > 0) {
				t.Errorf("the error is %v, and written is %q", err, written)
			}
		})
	}
}

func TestNamesAreLookedUpByAnImageThatIsOnTheNode(t *testing.T) {
	pod := lookupPod()
	if got := imagesIn(pod.Spec.Containers[0].Image); !slices.Equal(got, []string{node.PauseImage("").Name}) {
		t.Errorf("it runs %q", got)
	}
	if pod.Spec.AutomountServiceAccountToken == nil || *pod.Spec.AutomountServiceAccountToken || pod.Namespace != CoreDNS.Namespaces[0] {
		t.Errorf("it is in %s and has a token", pod.Namespace)
	}
}

func TestRolloutsIsInstalledIntoItsNamespaceWithoutDefinitions(t *testing.T) {
	kinds := map[string]int{}
	for _, object := range appliedBy(t, Rollouts) {
		kinds[object.GetKind()]++
		clusterWide := slices.Contains([]string{"Namespace", "ClusterRole", "ClusterRoleBinding"}, object.GetKind())
		if (object.GetNamespace() == "argo-rollouts") == clusterWide {
			t.Errorf("%s %s is in namespace %q", object.GetKind(), object.GetName(), object.GetNamespace())
		}
	}
	if kinds["CustomResourceDefinition"] > 0 || kinds["Deployment"] != 1 || kinds["ServiceAccount"] == 0 {
		t.Errorf("it consists of %v", kinds)
	}
}

func TestArgoCDHasNoApplicationSetsAndRunsOurImagesOnly(t *testing.T) {
	for _, object := range appliedBy(t, ArgoCD) {
		if strings.Contains(object.GetName(), "applicationset") && object.GetKind() != "CustomResourceDefinition" {
			t.Errorf("%s %s is applied", object.GetKind(), object.GetName())
		}
		text, err := object.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if kind := object.GetKind(); (kind == "Deployment" || kind == "StatefulSet") && (strings.Contains(string(text), "quay.io") || strings.Contains(string(text), "ecr.aws")) {
			t.Errorf("%s %s runs an image from elsewhere", kind, object.GetName())
		}
	}
}

func TestPostgresFindsVolumesOnTheNode(t *testing.T) {
	c, applied := started(t, Postgres, nil)
	folders := map[string]bool{}
	for _, object := range applied {
		if object.GetKind() != "PersistentVolume" {
			continue
		}
		path, _, _ := unstructured.NestedString(object.Object, "spec", "local", "path")
		if info, err := os.Stat(path); err != nil || !info.IsDir() || !strings.HasPrefix(path, c.State) {
			t.Errorf("volume %s is at %s, %v", object.GetName(), path, err)
		}
		folders[path] = true
	}
	if len(folders) != volumes {
		t.Errorf("there are %d folders, want %d", len(folders), volumes)
	}
}
