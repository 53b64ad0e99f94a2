package seal

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"

	"blogplatform.io/operator/internal/naming"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// certificateOf a key, as the Sealed Secrets controller makes it.
func certificateOf(t *testing.T, public, private any, notAfter time.Time) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// sealingKey is as long as the controller's own; it takes a while to make.
var sealingKey = sync.OnceValue(func() *rsa.PrivateKey { return keyOf(keyBits) })

func keyOf(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func TestWhatIsSealedOpensOnlyAsTheSecretOfItsPlatform(t *testing.T) {
	private := sealingKey()
	public, err := Certificate(certificateOf(t, &private.PublicKey, private, now.Add(time.Hour)), now)
	if err != nil {
		t.Fatal(err)
	}
	value := []byte(strings.Repeat("a secret ", 4))
	sealed, err := Secrets["cookies"].Encrypt(public, naming.Platform{Namespace: "g11-prod", Name: "blog"}, value)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(sealed, "Ag") || len(sealed)%4 != 0 || len(sealed) > 8192 {
		t.Errorf("the CRD would refuse %s", sealed)
	}
	ciphertext, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]*rsa.PrivateKey{"": private}
	for label, opens := range map[string]bool{
		"g11-prod/blog-cookies": true, "g11-stg/blog-cookies": false, "g11-prod/other-cookies": false, "g11-prod": false, "": false,
	} {
		opened, err := crypto.HybridDecrypt(rand.Reader, keys, ciphertext, []byte(label))
		if opens && (err != nil || !bytes.Equal(opened, value)) {
			t.Errorf("as %s it opens as %q, %v", label, opened, err)
		}
		if !opens && err == nil {
			t.Errorf("it opens as %s too", label)
		}
	}
}

func TestAValueOfTheGreatestLengthFits(t *testing.T) {
	sealed, err := Secrets["cookies"].Encrypt(&sealingKey().PublicKey, naming.Platform{Namespace: "a", Name: "b"}, bytes.Repeat([]byte{1}, maxBytes))
	if err != nil || len(sealed) > 8192 {
		t.Errorf("%d characters, %v", len(sealed), err)
	}
}

func TestWrongValuesAreRefusedAndNotTold(t *testing.T) {
	key := sealingKey()
	for value, says := range map[string]string{
		"":                                    "has 0 bytes, and needs 32 or more",
		"TOPSECRET":                           "has 9 bytes, and needs 32 or more",
		strings.Repeat("TOPSECRET", 500):      "may have 4096 at most",
		strings.Repeat("TOPSECRET", 4) + "\n": "ends with a new line",
	} {
		sealed, err := Secrets["cookies"].Encrypt(&key.PublicKey, naming.Platform{Namespace: "a", Name: "b"}, []byte(value))
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "TOPSECRET") || sealed != "" {
			t.Errorf("%d bytes: %v, want an error that says %q", len(value), err, says)
		}
	}
	random, err := Generate()
	other, _ := Generate()
	if err != nil || bytes.Equal(random, other) {
		t.Errorf("two generated values are the same, or none: %v", err)
	}
	if _, err := Secrets["cookies"].Encrypt(&key.PublicKey, naming.Platform{Namespace: "a", Name: "b"}, random); err != nil {
		t.Error(err)
	}
	// Random bytes may end with what is a new line in a text.
	if _, err := Secrets["cookies"].Encrypt(&key.PublicKey, naming.Platform{Namespace: "a", Name: "b"}, append(bytes.Repeat([]byte{0xff}, 32), '\n')); err != nil {
		t.Error(err)
	}
	if _, err := Find("salt"); err == nil || !strings.Contains(err.Error(), "seal one of cookies, oidc, scim") {
		t.Errorf("an unknown secret: %v", err)
	}
}

func TestWrongCertificatesAreRefused(t *testing.T) {
	key := sealingKey()
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short := keyOf(2048)
	for says, content := range map[string][]byte{
		"it holds a key of 2048 bits":      certificateOf(t, &short.PublicKey, short, now.Add(time.Hour)),
		"holds no PEM certificate":         []byte("hello"),
		"this is a private key":            pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		"it has expired on 2026-11-26":     certificateOf(t, &key.PublicKey, key, now.Add(-time.Minute)),
		"it holds a *ecdsa.PublicKey, and": certificateOf(t, &curve.PublicKey, curve, now.Add(time.Hour)),
	} {
		if _, err := Certificate(content, now); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the error is %v, want one that says %q", err, says)
		}
	}
}
