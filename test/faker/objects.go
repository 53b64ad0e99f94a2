package faker

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	sealedSecrets     = schema.GroupVersionResource{Group: "bitnami.com", Version: "v1alpha1", Resource: "sealedsecrets"}
	certificates      = schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}
	postgresClusters  = schema.GroupVersionResource{Group: "postgres-operator.crunchydata.com", Version: "v1beta1", Resource: "postgresclusters"}
	rollouts          = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}
	jobs              = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	pods              = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	analysisTemplates = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "analysistemplates"}
	virtualServices   = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}
	destinationRules  = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"}
	services          = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	volumeClaims      = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	secrets           = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
)

// decode reads an object into its type.
func decode(u *unstructured.Unstructured, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into)
}

// setStatus writes status (a struct or map) if it differs. Like the real
// controllers it sends the resourceVersion that it saw.
func (f *Faker) setStatus(ctx context.Context, resource schema.GroupVersionResource, u *unstructured.Unstructured, status any) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(status)
	if err != nil {
		return err
	}
	if old, _, _ := unstructured.NestedMap(u.Object, "status"); equality.Semantic.DeepEqual(old, fields) {
		return nil
	}
	u.Object["status"] = fields
	_, err = f.client.Resource(resource).Namespace(u.GetNamespace()).UpdateStatus(ctx, u, metav1.UpdateOptions{})
	return err
}

// ensure returns the live object of a name, which it creates from object if there is none.
func (f *Faker) ensure(ctx context.Context, resource schema.GroupVersionResource, object runtime.Object) (*unstructured.Unstructured, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: fields}
	c := f.client.Resource(resource).Namespace(u.GetNamespace())
	live, err := c.Get(ctx, u.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return c.Create(ctx, u, metav1.CreateOptions{})
	}
	return live, err
}

// now is the time as the API stores it.
func now() metav1.Time { return metav1.NewTime(time.Now().Truncate(time.Second)) }
