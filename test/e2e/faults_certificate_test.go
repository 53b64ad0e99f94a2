//go:build e2e && (faults || alerts)

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// aCertificateThatExpires has an authority that cannot sign any more, because its key
// is not that of its certificate: the renewal fails, which is a warning. Then the
// certificate in use has expired, and nobody is served; then all is well again.
func aCertificateThatExpires(t *testing.T, env environment) {
	settle(t, env)
	works, fails := keyPair(t, time.Now().AddDate(1, 0, 0)), keyPair(t, time.Now().AddDate(1, 0, 0))
	authority := authorityOf(t, works)
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.TLS.IssuerRef = v1alpha1.IssuerReference{Kind: certmanager.ClusterIssuerKind, Name: authority.Name}
	})
	eventually(t, 2*truth, "a certificate of that authority", func(ctx context.Context) error { return ready(ctx, env) })

	replace(t, authority, map[string][]byte{corev1.TLSPrivateKeyKey: fails[corev1.TLSPrivateKeyKey]})
	for _, condition := range []string{v1alpha1.ConditionCertificatesReady, v1alpha1.ConditionReady} {
		eventually(t, 2*truth, condition+" warns of the renewal", func(ctx context.Context) error {
			return orRenew(ctx, env, says(ctx, env, condition, metav1.ConditionTrue, "RenewalFailing", ""))
		})
	}

	inUse := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-ingress", Name: env.namespace + "." + platform}}
	replace(t, inUse, keyPair(t, time.Now().Add(-time.Minute)))
	eventually(t, truth, "the certificate has expired", func(ctx context.Context) error {
		return errors.Join(
			says(ctx, env, v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, "Expired", ""),
			says(ctx, env, v1alpha1.ConditionAvailable, metav1.ConditionFalse, "", "certificate"))
	})

	replace(t, authority, works)
	eventually(t, 2*truth, env.namespace+" Ready again", func(ctx context.Context) error { return orRenew(ctx, env, ready(ctx, env)) })
}

// authorityOf is the Secret of a ClusterIssuer with that key pair, which has its name.
func authorityOf(t *testing.T, pair map[string][]byte) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "cert-manager", Name: "e2e-authority"}, Type: corev1.SecretTypeTLS, Data: pair}
	issuer := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"ca": map[string]any{"secretName": secret.Name}}}}
	issuer.SetGroupVersionKind(certmanager.SchemeGroupVersion.WithKind(certmanager.ClusterIssuerKind))
	issuer.SetName(secret.Name)
	for _, object := range []client.Object{secret, issuer} {
		if err := cluster.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := cluster.Delete(context.WithoutCancel(t.Context()), object); err != nil {
				t.Error(err)
			}
		})
	}
	return secret
}

// replace writes values into a Secret, whose other values stay. It works in cleanups, too.
func replace(t *testing.T, secret *corev1.Secret, data map[string][]byte) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Patch(context.WithoutCancel(t.Context()), secret.DeepCopy(), client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Fatal(err)
	}
}

// orRenew answers why a wait is not over. It has cert-manager issue the certificate of
// the platform anew meanwhile, by the condition that cmctl renew sets.
func orRenew(ctx context.Context, env environment, waiting error) error {
	if waiting == nil {
		return nil
	}
	return errors.Join(waiting, renew(ctx, env))
}

func renew(ctx context.Context, env environment) error {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(certmanager.SchemeGroupVersion.WithKind(certmanager.CertificateKind))
	if err := cluster.Get(ctx, client.ObjectKey{Namespace: "istio-ingress", Name: env.namespace + "." + platform}, live); err != nil {
		return err
	}
	var certificate certmanager.Certificate
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, &certificate); err != nil {
		return err
	}
	now := metav1.Now()
	issuing := certmanager.CertificateCondition{
		Type: certmanager.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: "ManuallyTriggered",
		Message: "the test asks for it", LastTransitionTime: &now, ObservedGeneration: certificate.Generation,
	}
	conditions := []certmanager.CertificateCondition{issuing}
	for _, c := range certificate.Status.Conditions {
		switch {
		case c.Type != issuing.Type:
			conditions = append(conditions, c)
		case c.Status == cmmeta.ConditionTrue:
			return nil // it is being issued
		}
	}
	certificate.Status.Conditions = conditions
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&certificate)
	if err != nil {
		return err
	}
	return cluster.Status().Update(ctx, &unstructured.Unstructured{Object: object})
}

// keyPair is a self-signed certificate of an authority, valid until then, and its key, as a Secret of type kubernetes.io/tls holds them.
func keyPair(t *testing.T, until time.Time) map[string][]byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(until.UnixNano()), Subject: pkix.Name{CommonName: "e2e"},
		NotBefore: time.Now().AddDate(0, 0, -2), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}
