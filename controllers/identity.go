package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// askProvider asks whether people could sign in. The answer is a condition of its
// own and holds nothing back: a provider that is away keeps nobody from reading,
// and who is signed in goes on. The operator asks for itself, from outside of the
// mesh; that the user service may go there is in the plan.
func (p *pass) askProvider() {
	identity := p.platform.Spec.Identity
	if identity == nil {
		return
	}
	where := "discovery at " + identity.Issuer
	known, problem := p.providers.Answer(discovery.Provider{Issuer: identity.Issuer, CABundle: identity.CABundle})
	before := meta.FindStatusCondition(p.began.Conditions, v1alpha1.ConditionIdentityReady)
	p.identity = &condition{name: v1alpha1.ConditionIdentityReady}
	switch {
	case !known && before != nil && (strings.HasPrefix(before.Message, where+" ") || strings.HasPrefix(before.Message, where+":")):
		p.identity.status, p.identity.reason, p.identity.message = before.Status, before.Reason, before.Message
	case !known:
		p.identity.status, p.identity.reason, p.identity.message = metav1.ConditionUnknown, reasonDiscovering, where+" has not answered yet"
	case errors.Is(problem, discovery.ErrNotPublic):
		p.identity.status, p.identity.reason = metav1.ConditionUnknown, reasonAddressNotAllowed
		p.identity.message = fmt.Sprintf("%s: %v, so the operator does not ask it; if it is meant, have its network added to the operator's --identity-provider-networks", where, problem)
	case problem != nil:
		p.unwatched = true
		p.identity.status, p.identity.reason, p.identity.failed = metav1.ConditionFalse, reasonNotDiscovered, true
		p.identity.message = fmt.Sprintf("%s: %v; nobody can sign in until that changes: check the provider, identity.issuer and identity.caBundle", where, problem)
	default:
		p.identity.status, p.identity.reason, p.identity.message = metav1.ConditionTrue, reasonDiscovered, where+" answers"
	}
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
