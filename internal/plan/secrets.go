package plan

import (
	"maps"
	"path"

	sealedsecrets "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// secret is a Secret that a service reads, in one of the two ways of the spec.
type secret struct {
	// reader is the service whose pods mount it.
	reader naming.Service
	// name of the Secret that is made of what is sealed.
	name string
	// sealed is ciphertext by key, nil where the user keeps the Secret.
	sealed map[string]string
	// ref is the user's own Secret.
	ref *v1alpha1.SecretReference
	// key that it must have.
	key string
}

// in is the name of the Secret that is there in the end.
func (s secret) in() string {
	if s.ref != nil {
		return s.ref.Name
	}
	return s.name
}

// ciphertext is what the SealedSecret holds: that of the set which the reader runs,
// so that a release which is taken back gets its own again. A set that was made
// without it has that of the spec.
func (b *builder) ciphertext(s secret) map[string]string {
	if kept := b.runs(s.reader).Sealed[s.name]; kept != nil {
		return kept
	}
	return s.sealed
}

// volume holds the one key.
func (s secret) volume(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
		SecretName: s.in(), DefaultMode: new(int32(0o440)), Items: []corev1.KeyToPath{{Key: s.key, Path: s.key}},
	}}}
}

// mount is where the key is read. What is sealed belongs to a release, so its file
// stays what it was when the container started: the kubelet does not follow a Secret
// behind a subPath. What users keep themselves is followed.
func (s secret) mount(volume, folder string) corev1.VolumeMount {
	if s.sealed == nil {
		return corev1.VolumeMount{Name: volume, MountPath: folder, ReadOnly: true}
	}
	return corev1.VolumeMount{Name: volume, MountPath: path.Join(folder, s.key), SubPath: s.key, ReadOnly: true}
}

// podSecrets are the cookie key and the client secrets.
func (b *builder) podSecrets() []secret { return append([]secret{b.cookies()}, b.clientSecrets()...) }

// secrets are SealedSecrets, and the Secrets that users keep themselves.
func (b *builder) secrets() {
	for _, s := range b.podSecrets() {
		if s.sealed != nil {
			b.seal(s)
		}
		if s.ref != nil {
			b.uses = append(b.uses, SecretUse{Name: s.ref.Name, Keys: []string{s.key}})
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
			EncryptedData: maps.Clone(b.ciphertext(s)),
		},
	}
	b.add(Child{Object: b.convert(sealed), Stage: StageSecrets, Gates: true, Retain: true, SecretKeys: []string{s.key}})
}

// cookies is the key with which the frontend signs.
func (b *builder) cookies() secret {
	spec := b.Platform.Spec.Secrets.Cookies
	s := secret{reader: naming.Frontend, name: b.names.CookiesSecret(), ref: spec.SecretRef, key: naming.KeyOfCookies}
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
		s := secret{reader: naming.User, name: b.names.OIDCSecret(), ref: spec.SecretRef, key: naming.KeyOfClientSecret}
		if spec.Sealed != nil {
			s.sealed = map[string]string{naming.KeyOfClientSecret: spec.Sealed.ClientSecret}
		}
		all = append(all, s)
	}
	if spec := b.Platform.Spec.Secrets.SCIM; spec != nil {
		s := secret{reader: naming.User, name: b.names.SCIMSecret(), ref: spec.SecretRef, key: naming.KeyOfClientSecret}
		if spec.Sealed != nil {
			s.sealed = map[string]string{naming.KeyOfClientSecret: spec.Sealed.ClientSecret}
		}
		all = append(all, s)
	}
	return all
}
