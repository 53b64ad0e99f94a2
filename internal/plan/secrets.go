package plan

import (
	"maps"
	"slices"

	sealedsecrets "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// secret is a Secret that a service reads, in one of the two ways of the spec.
type secret struct {
	// name of the Secret that is made of what is sealed.
	name string
	// sealed is ciphertext by key, nil where the user keeps the Secret.
	sealed map[string]string
	// ref is the user's own Secret.
	ref *v1alpha1.SecretReference
	// keys that it must have.
	keys []string
}

// in is the name of the Secret that is there in the end.
func (s secret) in() string {
	if s.ref != nil {
		return s.ref.Name
	}
	return s.name
}

// secrets are SealedSecrets, and the Secrets that users keep themselves.
func (b *builder) secrets() {
	for _, s := range append([]secret{b.cookies()}, b.clientSecrets()...) {
		if s.sealed != nil {
			b.seal(s)
		}
		if s.ref != nil {
			b.uses = append(b.uses, SecretUse{Name: s.ref.Name, Keys: s.keys})
		}
	}
	for _, pull := range b.Platform.Spec.ImagePullSecrets {
		b.uses = append(b.uses, SecretUse{Name: pull.Name})
	}
}

func (b *builder) seal(s secret) {
	sealed := &sealedsecrets.SealedSecret{
		TypeMeta:   metav1.TypeMeta{APIVersion: sealedsecrets.SchemeGroupVersion.String(), Kind: "SealedSecret"},
		ObjectMeta: b.meta(s.name),
		Spec: sealedsecrets.SealedSecretSpec{
			// The Secret carries our labels, so that our cache holds it.
			Template:      sealedsecrets.SecretTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: b.names.Labels()}},
			EncryptedData: maps.Clone(s.sealed),
		},
	}
	b.add(Child{Object: b.convert(sealed), Stage: StageSecrets, Gates: true, Retain: true, SecretKeys: slices.Clone(s.keys)})
}

// cookies is the key with which the frontend signs.
func (b *builder) cookies() secret {
	spec := b.Platform.Spec.Secrets.Cookies
	s := secret{name: b.names.CookiesSecret(), ref: spec.SecretRef, keys: []string{naming.KeyOfCookies}}
	if spec.Sealed != nil {
		s.sealed = map[string]string{naming.KeyOfCookies: spec.Sealed.Key}
	}
	return s
}

// clientSecrets are those with which the user service goes to the identity
// provider, none without one.
func (b *builder) clientSecrets() []secret {
	var all []secret
	if spec := b.Platform.Spec.Secrets.OIDC; spec != nil {
		s := secret{name: b.names.OIDCSecret(), ref: spec.SecretRef, keys: []string{naming.KeyOfClientSecret}}
		if spec.Sealed != nil {
			s.sealed = map[string]string{naming.KeyOfClientSecret: spec.Sealed.ClientSecret}
		}
		all = append(all, s)
	}
	if spec := b.Platform.Spec.Secrets.SCIM; spec != nil {
		s := secret{name: b.names.SCIMSecret(), ref: spec.SecretRef, keys: []string{naming.KeyOfClientSecret}}
		if spec.Sealed != nil {
			s.sealed = map[string]string{naming.KeyOfClientSecret: spec.Sealed.ClientSecret}
		}
		all = append(all, s)
	}
	return all
}
