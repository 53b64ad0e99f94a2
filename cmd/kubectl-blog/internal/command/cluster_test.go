package command

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/golden"
	"blogplatform.io/operator/test/faker"
)

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: %[1]s, name: %[2]s}
spec:
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec: {containers: [{name: main, image: "registry.example.com:5000/%[2]s:%[3]s"}]}
`

// givenDeployment has pods that are available, or none. No controller counts them here.
func (w world) givenDeployment(name, tag string, available int64) {
	w.Helper()
	w.createAll(fmt.Sprintf(deployment, w.namespace, name, tag))
	u := w.object("apps/v1", "Deployment", name)
	u.Object["status"] = map[string]any{"replicas": int64(1), "readyReplicas": available, "availableReplicas": available}
	if err := cluster.Status().Update(w.Context(), u); err != nil {
		w.Fatal(err)
	}
}

// The only test that gives the cluster Deployments, a StorageClass and a gateway.
func TestCheckTellsWhatAClusterLacks(t *testing.T) {
	t.Parallel()
	w := namespaceNamed(t, "checked")
	w.wants(w.blog("check", "--only", "gateway,storage"), 2, "✖ Storage", "there is no StorageClass", "‼ Ingress gateway", "→ install an Istio ingress gateway")
	bare := w.blog("check", "--pre")
	w.wants(bare, 2)
	golden.Equal(t, "check-bare.txt", bare.out)

	w.createAll(`
apiVersion: v1
kind: Service
metadata: {namespace: checked, name: gateway}
spec: {ports: [{port: 443}]}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: disks}
provisioner: example.com/disks
`)
	w.wants(w.blog("check", "--only", "storage"), 1, "no StorageClass is the default", "spec.database.storage and its backups: disks")
	class := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
		"metadata": map[string]any{"name": "fast", "annotations": map[string]any{"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "example.com/disks", "allowVolumeExpansion": true}}
	w.create(class)
	for name, tag := range map[string]string{"istiod": "1.31.4", "cert-manager": "v1.21.2", "argo-rollouts": "v1.8.0", "pgo": "dev@sha256:0123456789"} {
		w.givenDeployment(name, strings.Split(tag, "@")[0], 1)
	}
	w.givenDeployment("sealed-secrets-controller", "0.36.6", 0)
	w.givenDeployment("blogplatform-controller-manager", "v0.1.0", 1)
	full := w.blog("check", "--gateway", "checked/gateway")
	w.wants(full, 2)
	golden.Equal(t, "check.txt", full.out)
	w.wants(w.blog("check", "--only", "kinds"), 0)
}

func TestCheckOfANamespace(t *testing.T) {
	t.Parallel()
	w := world{t, "unlabelled"}
	w.wants(w.blog("check", "--only", "namespace"), 2, "✖ Namespace unlabelled", "it does not exist", "create it, with the labels istio-injection=enabled")
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})
	w.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "default"}})
	w.wants(w.blog("check", "--only", "namespace"), 2, "‼ Namespace unlabelled", "kubectl label namespace unlabelled --overwrite", "✖ Sidecars", "pods get no sidecar")
	good := namespaceNamed(t, "labelled")
	good.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: good.namespace, Name: "default"}})
	good.wants(good.blog("check", "--only", "namespace"), 0, "✔ Sidecars", "pods get a native sidecar")
}

func TestCheckForSomebodyWhoMayReadLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.blog("check", "--as", "nobody", "--as-group", "system:authenticated")
	w.wants(r, 1, "✔ Istio kinds", "‼ Controllers", "you may not read Deployments of all namespaces", "‼ Storage", "you may not read StorageClasses")
	w.wants(w.blog("check", "--only", "weather"), 2, "there is no check \"weather\"; choose from kubernetes, kinds")
	w.wants(w.blog("check", "--gateway", "nowhere"), 2, "--gateway nowhere is not namespace/service, such as istio-ingress/istio-ingress")
	w.wants(w.blog("check", "--kubeconfig", w.deadKubeconfig()), 2, "error: ask the API server for its version:", "connection refused")
	w.wants(w.blog("__complete", "check", "--only", ""), 0, "controllers\n")
}

// deadKubeconfig names an API server that is not there.
func (w world) deadKubeconfig() string {
	w.Helper()
	content, err := os.ReadFile(cp.Kubeconfig)
	if err != nil {
		w.Fatal(err)
	}
	file := filepath.Join(w.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(content), cp.Config.Host, "https://127.0.0.1:1")), 0o600); err != nil {
		w.Fatal(err)
	}
	return file
}

// fakeKubelet answers for the logs of all pods, as far as the API server asks a
// node for them: GET /containerLogs/<namespace>/<pod>/<container>.
func fakeKubelet(t *testing.T) (node string) {
	t.Helper()
	kubelet := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		part := strings.Split(r.URL.Path, "/")
		if len(part) != 5 || part[1] != "containerLogs" {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(part[3], "-broken") {
			http.Error(w, "container is waiting to start", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%s says hello\n", part[4])
		fmt.Fprintf(w, "tail %s since %s follow %s\n", r.URL.Query().Get("tailLines"), r.URL.Query().Get("sinceSeconds"), r.URL.Query().Get("follow"))
	}))
	t.Cleanup(kubelet.Close)
	host, port, err := net.SplitHostPort(kubelet.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	made := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "fake-kubelet"}}
	if err := cluster.Create(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	made.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: host}}
	made.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(number)
	if err := cluster.Status().Update(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	return made.Name
}

// givenPod is one that Argo Rollouts would make for a service, with a template's hash.
func (w world) givenPod(node, service, name, hash string) {
	w.Helper()
	fields, _, err := unstructured.NestedMap(w.object("argoproj.io/v1alpha1", "Rollout", "blog-"+service).Object, "spec", "template")
	if err != nil {
		w.Fatal(err)
	}
	var template corev1.PodTemplateSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &template); err != nil {
		w.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name, Labels: template.Labels}, Spec: template.Spec}
	pod.Labels["rollouts-pod-template-hash"] = hash
	pod.Spec.NodeName = node
	w.create(pod)
}

func TestLogsComeFromTheServicesAndTheirCanaries(t *testing.T) {
	t.Parallel()
	w := namespaceNamed(t, "logs")
	p := w.givenReady("production", "v1.0.0")
	node := fakeKubelet(t)
	stable, _, _ := unstructured.NestedString(w.object("argoproj.io/v1alpha1", "Rollout", "blog-user").Object, "status", "stableRS")
	w.givenPod(node, "user", "blog-user-old", stable)
	w.givenPod(node, "frontend", "blog-frontend-old", "0")
	w.wants(w.blog("logs", "--canary"), 1, "BlogPlatform logs/blog has no canary now; leave --canary out")

	peers.Set(faker.Rollout, w.namespace+"/", faker.Behaviour{Hold: true})
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Release = release("v2.0.0") })
	w.untilCondition(p, v1alpha1.ConditionReady, "False", "Paused")
	canary, _, _ := unstructured.NestedString(w.object("argoproj.io/v1alpha1", "Rollout", "blog-user").Object, "status", "currentPodHash")
	w.givenPod(node, "user", "blog-user-new", canary)

	r := w.blog("logs")
	w.wants(r, 0)
	golden.Equal(t, "logs.txt", r.out)
	r = w.blog("logs", "--canary", "--tail", "-1", "--since", "2m")
	w.wants(r, 0)
	golden.Equal(t, "logs-canary.txt", r.out)
	w.wants(w.blog("logs", "-s", "user", "-f"), 0, "blog-user-new │ tail 20 since  follow true", "blog-user-old │ user says hello")
	w.wants(w.blog("logs", "-s", "content"), 1, "BlogPlatform logs/blog has no pods", "kubectl blog status -n logs blog")
	w.wants(w.blog("logs", "-s", "database"), 1, `there is no service "database"`)

	w.givenPod(node, "user", "blog-user-broken", "1")
	w.wants(w.blog("logs", "-s", "user"), 1, "blog-user-old    │ user says hello", "read the log of Pod logs/blog-user-broken")
}

func TestSealedValuesOpenInTheCluster(t *testing.T) {
	t.Parallel()
	w := world{t, "g11-prod"}
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sealing.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	var calls counter
	value := strings.Repeat("TOPSECRET", 4)
	r := w.blogWith(t.Context(), value, calls.wrap, "seal", "blog", "--cert", file)
	w.wants(r, 0)
	golden.Equal(t, "seal.txt", r.err)
	ciphertext, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(r.out, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := crypto.HybridDecrypt(rand.Reader, map[string]*rsa.PrivateKey{"": key}, ciphertext, []byte("g11-prod/blog-cookies"))
	if err != nil || string(opened) != value || calls.n.Load() > 0 {
		t.Errorf("it opens as %q, %v, after %d API calls", opened, err, calls.n.Load())
	}

	// The API server takes it.
	accepted := namespaceNamed(t, "seal-accepted")
	accepted.given("production", "v1.0.0", func(p *v1alpha1.BlogPlatform) { p.Spec.Secrets.Cookies.Sealed.Key = strings.TrimSpace(r.out) })

	w.wants(w.blog("seal", "blog", "--cert", file, "--generate"), 0, "Ag")
	w.wants(w.blogWith(t.Context(), "TOPSECRET", nil, "seal", "blog", "--cert", file), 1, "has 9 bytes, and needs 32 or more")
	w.wants(w.blog("seal", "blog", "--cert", file+".none"), 1, "read the certificate")
	w.wants(w.blog("seal", "blog", "--cert", file, "--secret", "salt"), 1, "there is no secret \"salt\"")
	w.wants(w.blog("seal", "blog"), 1, "cert")
	w.wants(w.blog("seal", "blog", "--cert", file, "-n", ""), 1, "name the namespace by -n")
}
