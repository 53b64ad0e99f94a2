package content

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	sealedsecrets "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/kube"
)

// sealSecrets writes the ciphertext that the platform already has, so that
// another up changes nothing, or what is new sealed for this cluster.
func sealSecrets(ctx context.Context, c *component.Cluster, platform *unstructured.Unstructured, config provider) error {
	oidc, errOIDC := config.client(oidcClient(platform))
	scim, errSCIM := config.client(scimClient(platform))
	live := platform.DeepCopy()
	err := c.Client.Get(ctx, client.ObjectKeyFromObject(platform), live)
	if err := errors.Join(errOIDC, errSCIM, client.IgnoreNotFound(err)); err != nil {
		return err
	}
	if err != nil {
		live = nil
	}
	publicKey, err := sealingKey(ctx, c)
	if err != nil {
		return err
	}
	for _, secret := range []struct{ name, field, value string }{
		{"cookies", "key", rand.Text() + rand.Text()},
		{"oidc", "clientSecret", oidc.Secret},
		{"scim", "clientSecret", scim.Secret},
	} {
		path := []string{"spec", "secrets", secret.name, "sealed", secret.field}
		ciphertext := ""
		if live != nil {
			ciphertext, _, _ = unstructured.NestedString(live.Object, path...) // the API server has validated it
		}
		if ciphertext == "" {
			if ciphertext, err = sealFor(platform, publicKey, secret.name, secret.value); err != nil {
				return err
			}
		}
		if err := unstructured.SetNestedField(platform.Object, ciphertext, path...); err != nil {
			return err
		}
	}
	return nil
}

func sealFor(platform *unstructured.Unstructured, publicKey *rsa.PublicKey, name, value string) (string, error) {
	label := sealedsecrets.EncryptionLabel(platform.GetNamespace(), platform.GetName()+"-"+name, sealedsecrets.StrictScope)
	ciphertext, err := crypto.HybridEncrypt(rand.Reader, publicKey, []byte(value), label)
	return base64.StdEncoding.EncodeToString(ciphertext), err
}

// sealingKey asks the Sealed Secrets controller for its certificate, as kubeseal does.
func sealingKey(ctx context.Context, c *component.Cluster) (*rsa.PublicKey, error) {
	var answer []byte
	err := c.Await(ctx, "certificate of Sealed Secrets", func(ctx context.Context) (bool, error) {
		var err error
		answer, err = c.Clientset.CoreV1().Services("sealed-secrets").ProxyGet("http", "sealed-secrets-controller", "8080", "/v1/cert.pem", nil).DoRaw(ctx)
		if err != nil {
			return false, kube.Pending(err.Error())
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(answer)
	if block == nil {
		return nil, errors.New("the Sealed Secrets controller answered no certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the certificate of Sealed Secrets holds a %T, want an RSA key", certificate.PublicKey)
	}
	return key, nil
}
