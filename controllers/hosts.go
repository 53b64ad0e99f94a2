package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/plan"
)

// indexHosts finds platforms by the hosts that they claim.
const indexHosts = "spec.hosts"

func hostsOf(object client.Object) []string {
	platform, ok := object.(*v1alpha1.BlogPlatform)
	if !ok {
		return nil
	}
	return platform.Spec.Hosts
}

// hostConflict names the first host that an older platform claims, too. The
// older one goes on; this one writes nothing.
func (p *pass) hostConflict(ctx context.Context) (*plan.Problem, error) {
	for _, host := range p.platform.Spec.Hosts {
		claimants, err := p.claimants(ctx, host)
		if err != nil {
			return nil, err
		}
		for _, other := range claimants {
			if older(&other, p.platform) {
				return &plan.Problem{Reason: reasonHostConflict, Message: fmt.Sprintf(
					"spec.hosts: %s belongs to the older BlogPlatform %s; take it out of one of the two", host, key(&other))}, nil
			}
		}
	}
	return nil, nil
}

func (r *Reconciler) claimants(ctx context.Context, host string) ([]v1alpha1.BlogPlatform, error) {
	var claimants v1alpha1.BlogPlatformList
	if err := r.client.List(ctx, &claimants, client.MatchingFields{indexHosts: host}); err != nil {
		return nil, fmt.Errorf("list BlogPlatforms of host %s: %w", host, err)
	}
	return claimants.Items, nil
}

// older orders platforms by age; those of the same second by namespace and name.
func older(a, b *v1alpha1.BlogPlatform) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return key(a).String() < key(b).String()
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
