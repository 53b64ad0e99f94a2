package plan

import (
	sealedsecrets "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/internal/naming"
)

// secrets are the SealedSecret of the cookie key, and the Secrets that users
// keep themselves.
func (b *builder) secrets() {
	cookies := b.Platform.Spec.Secrets.Cookies
	if cookies.Sealed != nil {
		b.sealCookies(cookies.Sealed.Key)
	}
	if cookies.SecretRef != nil {
		b.uses = append(b.uses, SecretUse{Name: cookies.SecretRef.Name, Keys: []string{naming.KeyOfCookies}})
	}
	for _, pull := range b.Platform.Spec.ImagePullSecrets {
		b.uses = append(b.uses, SecretUse{Name: pull.Name})
	}
}

func (b *builder) sealCookies(ciphertext string) {
	sealed := &sealedsecrets.SealedSecret{
		TypeMeta:   metav1.TypeMeta{APIVersion: sealedsecrets.SchemeGroupVersion.String(), Kind: "SealedSecret"},
		ObjectMeta: b.meta(b.names.CookiesSecret()),
		Spec: sealedsecrets.SealedSecretSpec{
			// The Secret carries our labels, so that our cache holds it.
			Template:      sealedsecrets.SecretTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: b.names.Labels()}},
			EncryptedData: sealedsecrets.SealedSecretEncryptedData{naming.KeyOfCookies: ciphertext},
		},
	}
	b.add(Child{
		Object: b.convert(sealed), Stage: StageSecrets, Gates: true, Retain: true,
		SecretKeys: []string{naming.KeyOfCookies},
	})
}

// cookies is the name of the Secret with the cookie key.
func (b *builder) cookies() string {
	if ref := b.Platform.Spec.Secrets.Cookies.SecretRef; ref != nil {
		return ref.Name
	}
	return b.names.CookiesSecret()
}
