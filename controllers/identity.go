package controllers

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/discovery"
)

// Providers knows how OpenID providers are.
type Providers interface {
	// Answer tells whether anything is known of a provider, and what is wrong with it,
	// in words that stay the same while it is, nil for nothing. It does not wait.
	Answer(provider discovery.Provider) (known bool, problem error)
}

// usersOfProvider are the platforms whose people sign in at a provider.
func (r *Reconciler) usersOfProvider(ctx context.Context, provider discovery.Provider) []reconcile.Request {
	var list v1alpha1.BlogPlatformList
	if err := r.client.List(ctx, &list); err != nil {
		return nil // the cache is going down
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if identity := list.Items[i].Spec.Identity; identity != nil && identity.Issuer == provider.Issuer {
			requests = append(requests, request(key(&list.Items[i])))
		}
	}
	return requests
}
