package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
)

// indexHosts finds platforms by the hosts that they claim or serve.
const indexHosts = "spec.hosts"

func hostsOf(object client.Object) []string {
	platform, ok := object.(*v1alpha1.BlogPlatform)
	if !ok {
		return nil
	}
	return sorted(slices.Concat(platform.Spec.Hosts, platform.Status.Hosts))
}

// hosts reads which domains the namespace may use, and who else claims the hosts.
func (o *observer) hosts(ctx context.Context) error {
	if err := o.domains(ctx); err != nil {
		return err
	}
	seen := map[types.UID]bool{o.platform.UID: true}
	for _, host := range o.platform.Spec.Hosts {
		claimants, err := o.claimants(ctx, host)
		if err != nil {
			return err
		}
		for i := range claimants {
			other := &claimants[i]
			if seen[other.UID] {
				continue
			}
			seen[other.UID] = true
			serves, err := o.servedBy(ctx, other)
			if err != nil {
				return err
			}
			o.state.Hosts.Claims = append(o.state.Hosts.Claims, observed.Claim{Platform: key(other), Created: other.CreationTimestamp, Hosts: hostsOf(other), Serves: serves})
		}
	}
	if len(o.state.Hosts.Claims) == 0 {
		return nil
	}
	serves, err := o.servedBy(ctx, o.platform)
	o.state.Hosts.Serves = serves
	return err
}

// domains reads which domains the platform's namespace may claim hosts in.
func (o *observer) domains(ctx context.Context) error {
	namespace := kube.Metadata(kube.Namespaces)
	err := o.client.Get(ctx, client.ObjectKey{Name: o.names.Namespace}, namespace)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read Namespace %s: %w", o.names.Namespace, err)
	}
	o.state.Hosts.Domains, o.state.Hosts.Limited = namespace.GetAnnotations()[naming.AnnotationDomains]
	return nil
}

// servedBy are the hosts that a platform serves. A platform that was restored has no
// status, but may have a Gateway.
func (o *observer) servedBy(ctx context.Context, platform *v1alpha1.BlogPlatform) ([]string, error) {
	if len(platform.Status.Hosts) > 0 {
		return platform.Status.Hosts, nil
	}
	kind := schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "Gateway"}
	if !o.watches.served(ctx, kind) {
		return nil, nil
	}
	gateway, err := o.find(ctx, named(kind, platform.Namespace, platform.Name))
	if err != nil || gateway == nil || !naming.Of(client.ObjectKeyFromObject(platform)).Owns(gateway.GetLabels()) {
		return nil, err
	}
	var hosts []string
	servers, _, _ := unstructured.NestedSlice(gateway.Object, "spec", "servers")
	for _, server := range servers {
		fields, _ := server.(map[string]any)
		names, _, _ := unstructured.NestedStringSlice(fields, "hosts")
		for _, name := range names {
			hosts = append(hosts, name[strings.Index(name, "/")+1:])
		}
	}
	return sorted(hosts), nil
}

func (r *Reconciler) claimants(ctx context.Context, host string) ([]v1alpha1.BlogPlatform, error) {
	var claimants v1alpha1.BlogPlatformList
	if err := r.client.List(ctx, &claimants, client.MatchingFields{indexHosts: host}); err != nil {
		return nil, fmt.Errorf("list BlogPlatforms of host %s: %w", host, err)
	}
	return claimants.Items, nil
}

// rivals are the platforms that share a host with the one that changed.
func (r *Reconciler) rivals(ctx context.Context, changed client.Object) []reconcile.Request {
	seen := map[types.NamespacedName]bool{client.ObjectKeyFromObject(changed): true}
	var requests []reconcile.Request
	for _, host := range hostsOf(changed) {
		claimants, err := r.claimants(ctx, host)
		if err != nil {
			return requests // the cache is going down
		}
		for _, other := range claimants {
			if !seen[key(&other)] {
				seen[key(&other)] = true
				requests = append(requests, request(key(&other)))
			}
		}
	}
	return requests
}

// hostsChanged passes updates after which a platform serves other hosts than before.
func hostsChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.BlogPlatform)
		after, same := e.ObjectNew.(*v1alpha1.BlogPlatform)
		return !ok || !same || !slices.Equal(before.Status.Hosts, after.Status.Hosts)
	}}
}
