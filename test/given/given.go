// Package given makes what a test of the operator begins with where there is no
// node: a cluster as platforms find it, namespaces in the mesh, and platforms
// like the samples.
//
// Its rule: it starts no operator and no faker; what differs between tests is
// said by them.
package given

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/test/faker"
)

// Patience is how long Await waits, before timefactor scales it.
const Patience = 40 * time.Second

// Await asks anew after askFirst, and waits longer each time, up to askLast:
// what is there soon is seen soon, and a long wait costs the API server little.
const (
	askFirst = 20 * time.Millisecond
	askLast  = 200 * time.Millisecond
)

// CollectGarbageRarely trades memory for processor time, in this process and in
// the servers that it starts later, which inherit the variables. At Go's 100 percent
// a quarter of the time of kube-apiserver goes to garbage collection, at 300 percent
// within 1.5 GB a ninth.
func CollectGarbageRarely() {
	const percent = 400
	debug.SetGCPercent(percent)
	for name, value := range map[string]string{"GOGC": strconv.Itoa(percent), "GOMEMLIMIT": "3GiB"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err) // of a name or value that no variable can have
		}
	}
}

// Furnish adds what a platform finds in a cluster: the gateway's namespace, the
// issuer that the samples name, and sidecars for pods of the mesh.
func Furnish(ctx context.Context, c client.Client) error {
	gateway := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: plan.DefaultGateway}}
	for _, object := range []client.Object{gateway, Issuer("local-ca")} {
		if err := c.Create(ctx, object); err != nil {
			return fmt.Errorf("create %s: %w", object.GetName(), err)
		}
	}
	return faker.InstallSidecarInjector(ctx, c)
}

// Issuer is a ClusterIssuer of cert-manager.
func Issuer(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"selfSigned": map[string]any{}},
	}}
}

// Namespace is one in the mesh, whose pods have to be restricted.
func Namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		"istio-injection": "enabled", "pod-security.kubernetes.io/enforce": "restricted",
	}}}
}

// Platform is the sample of an environment (staging or production) in the
// repository at root, in a namespace and with a host of its own. It has no gate,
// for that of the sample asks for a platform of another namespace.
func Platform(root, environment, namespace string) (*v1alpha1.BlogPlatform, error) {
	file := filepath.Join(root, "config/samples/blogplatform_"+environment+".yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := &v1alpha1.BlogPlatform{}
	if err := yaml.UnmarshalStrict(text, p); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	p.Namespace, p.Spec.Hosts, p.Spec.Promotion = namespace, []string{namespace + ".example.com"}, v1alpha1.Promotion{}
	return p, nil
}

// Await asks a condition again and again until it has no error, for as long as
// Patience. Its error is the last one of the condition.
func Await(ctx context.Context, condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timefactor.Scale(Patience))
	defer cancel()
	last := errors.New("nothing was seen")
	for pause := askFirst; ; pause = min(pause*3/2, askLast) {
		err := condition(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() == nil:
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
		}
	}
}
