package install

import (
	"context"
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/discovery"
	"blogplatform.io/operator/test/operator/harness"
)

func TestAProviderThatIsAwayIsSaidAndHoldsNothingBack(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	const issuer = "https://login.example.com/t/away/oauth2/token"
	harness.Providers.Set(issuer, errors.New("it does not answer"))
	p := w.GivenReady("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.Identity.Issuer = issuer })
	w.UntilCondition(p, v1alpha1.ConditionIdentityReady, metav1.ConditionFalse, "NotDiscovered", "discovery at "+issuer+": it does not answer; nobody can sign in")
	w.UntilReady(p)

	harness.Providers.Set(issuer, nil)
	w.UntilCondition(p, v1alpha1.ConditionIdentityReady, metav1.ConditionTrue, "Discovered", "discovery at "+issuer+" answers")
}

// TestAProviderThatMayNotBeAskedIsNotSaidToBeAway: people may sign in all the same.
func TestAProviderThatMayNotBeAskedIsNotSaidToBeAway(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	const issuer = "https://login.internal.example.com/oauth2/token"
	harness.Providers.Set(issuer, discovery.ErrNotPublic)
	p := w.GivenReady("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.Identity.Issuer = issuer })
	w.UntilCondition(p, v1alpha1.ConditionIdentityReady, metav1.ConditionUnknown, "AddressNotAllowed", "discovery at "+issuer+": its address is not public, so the operator does not ask it; if it is meant, have its network added to the operator's --identity-provider-networks")
}

func TestAPlatformWithoutAProviderServesReaders(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", withoutIdentity)
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionIdentityReady); c != nil {
		t.Errorf("there is a condition: %v", c)
	}
	for _, absent := range [][2]string{{"ServiceEntry", "blog-identity"}, {"SealedSecret", "blog-oidc"}, {"SealedSecret", "blog-scim"}} {
		if err := harness.Gone(t.Context(), w.Object(absent[0], absent[1])); err != nil {
			t.Error(err)
		}
	}

	// One that comes later is a release, and one that goes again leaves no way out.
	w.Edit(p, func(p *v1alpha1.BlogPlatform) {
		with := w.Platform("staging")
		p.Spec.Identity, p.Spec.Secrets.OIDC, p.Spec.Secrets.SCIM = with.Spec.Identity, with.Spec.Secrets.OIDC, with.Spec.Secrets.SCIM
	})
	w.UntilCondition(p, v1alpha1.ConditionIdentityReady, metav1.ConditionTrue, "Discovered", "")
	w.Until("the way out", func(ctx context.Context) error {
		entry := w.Object("ServiceEntry", "blog-identity")
		return harness.Cluster.Get(ctx, client.ObjectKeyFromObject(entry), entry)
	})
	w.UntilReady(p)
	w.Edit(p, withoutIdentity)
	w.Until("the way out closed", func(ctx context.Context) error { return harness.Gone(ctx, w.Object("ServiceEntry", "blog-identity")) })
	w.UntilReady(p)
}

func withoutIdentity(p *v1alpha1.BlogPlatform) {
	p.Spec.Identity, p.Spec.Secrets.OIDC, p.Spec.Secrets.SCIM = nil, nil, nil
}
