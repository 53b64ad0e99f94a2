package seal

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	sealedsecrets "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	"k8s.io/client-go/util/cert"

	"blogplatform.io/operator/internal/naming"
)

// maxBytes of a value, so that its ciphertext fits into the 8192 characters that the CRD allows.
const maxBytes = 4096

// keyBits is the length of the keys that Sealed Secrets makes by default (its
// flag --key-size), by which the CRD knows ciphertext from anything else.
const keyBits = 4096

// Secret is a value that a platform's spec holds sealed.
type Secret struct {
	// Field of the spec that takes the ciphertext.
	Field string
	// Name of the Secret that is made of it, Key is where the value is in it.
	Name func(naming.Platform) string
	Key  string
	// MinBytes is the least length of the value.
	MinBytes int
}

// Secrets are the values that can be sealed, by the names that users give.
var Secrets = map[string]Secret{
	"cookies": {Field: "spec.secrets.cookies.sealed.key", Name: naming.Platform.CookiesSecret, Key: naming.KeyOfCookies, MinBytes: 32},
	"oidc":    {Field: "spec.secrets.oidc.sealed.clientSecret", Name: naming.Platform.OIDCSecret, Key: naming.KeyOfClientSecret, MinBytes: 1},
	"scim":    {Field: "spec.secrets.scim.sealed.clientSecret", Name: naming.Platform.SCIMSecret, Key: naming.KeyOfClientSecret, MinBytes: 1},
}

// Names lists what can be sealed.
func Names() []string { return slices.Sorted(maps.Keys(Secrets)) }

// Find is the secret of that name.
func Find(name string) (Secret, error) {
	secret, found := Secrets[name]
	if !found {
		return Secret{}, fmt.Errorf("there is no secret %q; seal one of %s", name, strings.Join(Names(), ", "))
	}
	return secret, nil
}

// Certificate reads the sealing key from the PEM certificate of the Sealed
// Secrets controller, as `kubeseal --fetch-cert` prints it.
func Certificate(content []byte, now time.Time) (*rsa.PublicKey, error) {
	if block, _ := pem.Decode(content); block != nil && strings.Contains(block.Type, "PRIVATE KEY") {
		return nil, errors.New("this is a private key; it must not leave the cluster: seal with the certificate that kubeseal --fetch-cert prints")
	}
	certificates, err := cert.ParseCertsPEM(content)
	if err != nil {
		return nil, errors.New("it holds no PEM certificate; get one by kubeseal --fetch-cert")
	}
	newest := certificates[0]
	if now.After(newest.NotAfter) {
		return nil, fmt.Errorf("it has expired on %s, so it is probably not the newest key; get that by kubeseal --fetch-cert", newest.NotAfter.UTC().Format(time.DateOnly))
	}
	key, ok := newest.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("it holds a %T, and Sealed Secrets uses RSA; get its certificate by kubeseal --fetch-cert", newest.PublicKey)
	}
	if key.Size()*8 != keyBits {
		return nil, fmt.Errorf("it holds a key of %d bits, and the CRD takes what is sealed with %d bits, as Sealed Secrets makes them by default", key.Size()*8, keyBits)
	}
	return key, nil
}

// Generate makes a value that nobody needs to see: 32 random bytes in base64.
func Generate() ([]byte, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("make a random value: %w", err)
	}
	return []byte(base64.StdEncoding.EncodeToString(random)), nil
}

// Encrypt is the ciphertext of a value for one platform, in base64.
func (s Secret) Encrypt(key *rsa.PublicKey, platform naming.Platform, value []byte) (string, error) {
	if err := s.check(value); err != nil {
		return "", err
	}
	label := sealedsecrets.EncryptionLabel(platform.Namespace, s.Name(platform), sealedsecrets.StrictScope)
	ciphertext, err := crypto.HybridEncrypt(rand.Reader, key, value, label)
	if err != nil {
		return "", fmt.Errorf("encrypt %s: %w", s.Field, err)
	}
	return base64.StdEncoding.EncodeToString(ciphertext), nil
}

// check refuses what would not work, without telling the value.
func (s Secret) check(value []byte) error {
	switch {
	case len(value) < s.MinBytes:
		return fmt.Errorf("the value for %s has %d bytes, and needs %d or more", s.Field, len(value), s.MinBytes)
	case len(value) > maxBytes:
		return fmt.Errorf("the value for %s has %d bytes, and may have %d at most", s.Field, len(value), maxBytes)
	case utf8.Valid(value) && value[len(value)-1] == '\n':
		return fmt.Errorf("the value for %s ends with a new line, which would be part of it; write it without, by printf %%s for instance", s.Field)
	}
	return nil
}
