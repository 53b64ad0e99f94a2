package controllers

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/discovery"
)

// Providers tells what is wrong with an OpenID provider, in words that stay the
// same while it is, nil for nothing.
type Providers interface {
	Ask(ctx context.Context, provider discovery.Provider) error
}

// askProvider asks whether people could sign in. The answer is a condition of its
// own and holds nothing back: a provider that is away keeps nobody from reading,
// and who is signed in goes on. The operator asks for itself, from outside of the
// mesh; that the user service may go there is in the plan.
func (p *pass) askProvider(ctx context.Context) {
	identity := p.platform.Spec.Identity
	if identity == nil {
		return
	}
	p.identity = &condition{name: v1alpha1.ConditionIdentityReady, status: metav1.ConditionTrue, reason: reasonDiscovered,
		message: "discovery at " + identity.Issuer + " answers"}
	if problem := p.Providers.Ask(ctx, discovery.Provider{Issuer: identity.Issuer, CABundle: identity.CABundle}); problem != nil {
		p.unwatched = true
		p.identity.status, p.identity.reason, p.identity.failed = metav1.ConditionFalse, reasonNotDiscovered, true
		p.identity.message = fmt.Sprintf("discovery at %s: %v; nobody can sign in until that changes: check the provider, identity.issuer and identity.caBundle", identity.Issuer, problem)
	}
}
