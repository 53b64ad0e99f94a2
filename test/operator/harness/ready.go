package harness

import (
	"blogplatform.io/operator/api/v1alpha1"
)

// WithCookiesOf has the key of the cookies come from key "key" of a Secret.
func WithCookiesOf(secret string) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) {
		p.Spec.Secrets.Cookies = v1alpha1.CookiesSecret{SecretRef: &v1alpha1.SecretReference{Name: secret}}
	}
}
