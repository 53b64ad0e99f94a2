// Package kube writes objects to a local cluster and waits for them.
//
// Its rule: it knows Kubernetes, and nothing of what the cluster runs. A wait
// that ends too early says what it saw last.
package kube

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

const fieldOwner = "local-cluster"

// API is the API server of a local cluster, asked as its administrator.
type API struct {
	// Client writes and reads any object.
	Client client.Client
	// Clientset has what Client lacks: logs, exec, raw paths.
	Clientset kubernetes.Interface
	// Report is called with what a wait has just seen.
	Report func(seen string)
}

// Connect makes the clients of a kubeconfig file. It sends no request.
func Connect(kubeconfig string, report func(seen string)) (*API, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	objects, err := client.New(config, client.Options{Scheme: runtime.NewScheme()})
	if err != nil {
		return nil, err
	}
	return &API{Client: objects, Clientset: clientset, Report: report}, nil
}

// Apply applies objects in order.
func (a *API) Apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	for _, object := range objects {
		err := a.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()), client.FieldOwner(fieldOwner), client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("applying %s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
		}
	}
	return nil
}

// ApplyFile applies the objects of a manifest in which each $NAME is replaced by its value.
func (a *API) ApplyFile(ctx context.Context, files fs.FS, name string, values ...string) error {
	text, err := Fill(files, name, values...)
	if err != nil {
		return err
	}
	objects, err := controlplane.ParseObjects([]byte(text))
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return a.Apply(ctx, objects...)
}

var placeholder = regexp.MustCompile(`\$[A-Z][A-Z_]*`)

// Fill answers the text of a file in which each $NAME is replaced by the value
// that follows it in values. A $NAME that is left over is an error.
func Fill(files fs.FS, name string, values ...string) (string, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return "", err
	}
	// A value may hold a dollar sign, so what is left over is looked for before the values are there.
	for _, found := range placeholder.FindAllString(string(text), -1) {
		if !slices.Contains(values, found) {
			return "", fmt.Errorf("%s holds %s, for which there is no value", name, found)
		}
	}
	return strings.NewReplacer(values...).Replace(string(text)), nil
}

// Namespace makes a namespace with labels.
func Namespace(name string, labels map[string]string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("v1")
	object.SetKind("Namespace")
	object.SetName(name)
	object.SetLabels(labels)
	return object
}
