package status

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/internal/plan"
)

// Seen is what was read of a platform: one request for each field.
type Seen struct {
	Platform *platform.Platform
	// Children of the kinds that have a verdict of their own, by kind.
	Children map[string][]*unstructured.Unstructured
	Pods     []corev1.Pod
	// Unread are the kinds that the user may not read, or the cluster does not serve.
	Unread map[string]error
}

// The kinds whose children are read, all in the platform's namespace.
var listed = []string{"Rollout", "Job", "SealedSecret", "PostgresCluster"}

// Observe reads a platform and the children that tell more than its status
// does. What the user may not read is noted and left out.
func Observe(ctx context.Context, reader client.Reader, namespace, name string) (*Seen, error) {
	p, err := platform.Get(ctx, reader, namespace, name)
	if err != nil {
		return nil, err
	}
	seen := &Seen{Platform: p, Children: map[string][]*unstructured.Unstructured{}, Unread: map[string]error{}}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	read := func(kind string, do func() ([]*unstructured.Unstructured, error)) {
		group.Go(func() error {
			objects, err := do()
			mu.Lock()
			defer mu.Unlock()
			if apierrors.IsForbidden(err) || platform.Unserved(err) {
				seen.Unread[kind] = err
				return nil
			}
			if err != nil {
				return fmt.Errorf("read %s of BlogPlatform %s: %w", kind, p.Key(), err)
			}
			seen.Children[kind] = objects
			return nil
		})
	}
	for _, kind := range listed {
		read(kind, func() ([]*unstructured.Unstructured, error) { return list(ctx, reader, p, kind) })
	}
	read("Certificate", func() ([]*unstructured.Unstructured, error) { return certificate(ctx, reader, p) })
	read("Pod", func() ([]*unstructured.Unstructured, error) {
		var pods corev1.PodList
		err := reader.List(ctx, &pods, client.InNamespace(p.Namespace), client.MatchingLabels(p.Names().Labels()))
		seen.Pods = pods.Items
		return nil, err
	})
	return seen, group.Wait()
}

func list(ctx context.Context, reader client.Reader, p *platform.Platform, kind string) ([]*unstructured.Unstructured, error) {
	objects := &unstructured.UnstructuredList{}
	objects.SetGroupVersionKind(platform.KindOf(plan.Kinds, kind).GroupVersion().WithKind(kind + "List"))
	err := reader.List(ctx, objects, client.InNamespace(p.Namespace), client.MatchingLabels(p.Names().ListLabels()))
	var all []*unstructured.Unstructured
	for i := range objects.Items {
		if p.Names().Owns(objects.Items[i].GetLabels()) {
			all = append(all, &objects.Items[i])
		}
	}
	return all, err
}

// certificate lives in the namespace of the gateway.
func certificate(ctx context.Context, reader client.Reader, p *platform.Platform) ([]*unstructured.Unstructured, error) {
	namespace := p.Spec.Gateway.Namespace
	if namespace == "" {
		namespace = plan.DefaultGateway
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(platform.KindOf(plan.Kinds, "Certificate"))
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: p.Names().Certificate()}, object)
	if apierrors.IsNotFound(err) && !platform.Unserved(err) {
		return nil, nil
	}
	return []*unstructured.Unstructured{object}, err
}
