package operator

import (
	"context"
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

func TestAProviderThatIsAwayIsSaidAndHoldsNothingBack(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	const issuer = "https://login.example.com/t/away/oauth2/token"
	providers.Set(issuer, errors.New("it does not answer"))
	p := w.givenReady("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.Identity.Issuer = issuer })
	w.untilCondition(p, v1alpha1.ConditionIdentityReady, metav1.ConditionFalse, "NotDiscovered", "discovery at "+issuer+": it does not answer; nobody can sign in")
	w.untilReady(p)

	providers.Set(issuer, nil)
	w.untilCondition(p, v1alpha1.ConditionIdentityReady, metav1.ConditionTrue, "Discovered", "discovery at "+issuer+" answers")
}

func TestAPlatformWithoutAProviderServesReaders(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.givenReady("staging", withoutIdentity)
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionIdentityReady); c != nil {
		t.Errorf("there is a condition: %v", c)
	}
	for _, absent := range [][2]string{{"ServiceEntry", "blog-identity"}, {"SealedSecret", "blog-oidc"}, {"SealedSecret", "blog-scim"}} {
		if err := gone(t.Context(), w.object(absent[0], absent[1])); err != nil {
			t.Error(err)
		}
	}

	// One that comes later is a release, and one that goes again leaves no way out.
	w.edit(p, func(p *v1alpha1.BlogPlatform) {
		with := w.platform("staging")
		p.Spec.Identity, p.Spec.Secrets.OIDC, p.Spec.Secrets.SCIM = with.Spec.Identity, with.Spec.Secrets.OIDC, with.Spec.Secrets.SCIM
	})
	w.untilCondition(p, v1alpha1.ConditionIdentityReady, metav1.ConditionTrue, "Discovered", "")
	w.until("the way out", func(ctx context.Context) error {
		entry := w.object("ServiceEntry", "blog-identity")
		return cluster.Get(ctx, client.ObjectKeyFromObject(entry), entry)
	})
	w.untilReady(p)
	w.edit(p, withoutIdentity)
	w.until("the way out closed", func(ctx context.Context) error { return gone(ctx, w.object("ServiceEntry", "blog-identity")) })
	w.untilReady(p)
}

func withoutIdentity(p *v1alpha1.BlogPlatform) {
	p.Spec.Identity, p.Spec.Secrets.OIDC, p.Spec.Secrets.SCIM = nil, nil, nil
}
