package controllers

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/discovery"
	"blogplatform.io/operator/internal/observed"
)

// Providers knows how OpenID providers are.
type Providers interface {
	// Answer tells whether anything is known of a provider, and what is wrong with it,
	// in words that stay the same while it is, nil for nothing. It does not wait.
	Answer(provider discovery.Provider) (known bool, problem error)
}

// observeProvider looks up what is known of the identity provider. The operator asks
// it from outside of the mesh; that the user service may dial it is in the plan.
func (p *pass) observeProvider() {
	identity := p.platform.Spec.Identity
	if identity == nil {
		return
	}
	known, problem := p.providers.Answer(discovery.Provider{Issuer: identity.Issuer, CABundle: identity.CABundle})
	p.state.Provider = &observed.Provider{Known: known, Problem: problem, NotAllowed: errors.Is(problem, discovery.ErrNotPublic)}
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
