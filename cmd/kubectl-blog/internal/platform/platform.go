package platform

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// Kind of a BlogPlatform.
var Kind = v1alpha1.GroupVersion.WithKind("BlogPlatform")

// Platform is one BlogPlatform.
type Platform struct {
	*v1alpha1.BlogPlatform
	// Raw is the object as the API server sent it.
	Raw *unstructured.Unstructured
}

// From reads an object that may hold more than this version knows.
func From(raw *unstructured.Unstructured) (*Platform, error) {
	typed := &v1alpha1.BlogPlatform{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, typed); err != nil {
		return nil, fmt.Errorf("read BlogPlatform %s/%s: %w", raw.GetNamespace(), raw.GetName(), err)
	}
	return &Platform{BlogPlatform: typed, Raw: raw}, nil
}

// Names of the platform's children.
func (p *Platform) Names() naming.Platform { return naming.Of(client.ObjectKeyFromObject(p)) }

// Key is namespace/name.
func (p *Platform) Key() string { return p.Namespace + "/" + p.Name }

// Text is a string in the object, or nothing.
func (p *Platform) Text(fields ...string) string {
	text, _, _ := unstructured.NestedString(p.Raw.Object, fields...)
	return text
}

// Get reads a platform. Without a name it is the only one of the namespace.
func Get(ctx context.Context, reader client.Reader, namespace, name string) (*Platform, error) {
	if name == "" {
		return only(ctx, reader, namespace)
	}
	raw := &unstructured.Unstructured{}
	raw.SetGroupVersionKind(Kind)
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, raw)
	switch {
	case Unserved(err):
		return nil, errNotInstalled
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no BlogPlatform %s/%s; `kubectl get blogplatforms -A` lists those that are", namespace, name)
	case err != nil:
		return nil, fmt.Errorf("read BlogPlatform %s/%s: %w", namespace, name, err)
	}
	return From(raw)
}

var errNotInstalled = errors.New("this cluster knows no BlogPlatforms; `kubectl blog check` tells what it lacks")

// List reads all platforms of a namespace.
func List(ctx context.Context, reader client.Reader, namespace string) ([]unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(Kind.GroupVersion().WithKind(Kind.Kind + "List"))
	err := reader.List(ctx, list, client.InNamespace(namespace))
	if Unserved(err) {
		return nil, errNotInstalled
	}
	if err != nil {
		return nil, fmt.Errorf("list BlogPlatforms of namespace %s: %w", namespace, err)
	}
	return list.Items, nil
}

func only(ctx context.Context, reader client.Reader, namespace string) (*Platform, error) {
	all, err := List(ctx, reader, namespace)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 1:
		return From(&all[0])
	case len(all) == 0:
		return nil, fmt.Errorf("there is no BlogPlatform in namespace %s; name another by -n (`kubectl get blogplatforms -A` lists all)", namespace)
	}
	var names []string
	for _, one := range all {
		names = append(names, one.GetName())
	}
	return nil, fmt.Errorf("namespace %s holds several BlogPlatforms; name one of %s", namespace, strings.Join(names, ", "))
}

// Unserved tells of a kind that the cluster does not know.
func Unserved(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// KindOf is one of the kinds of children, by its name.
func KindOf(kinds []schema.GroupVersionKind, name string) schema.GroupVersionKind {
	for _, kind := range kinds {
		if kind.Kind == name {
			return kind
		}
	}
	return schema.GroupVersionKind{}
}
