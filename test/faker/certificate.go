package faker

import (
	"context"
	"slices"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// validity is that of certificates, which are renewed when two thirds of it are over.
const validity = 90 * 24 * time.Hour

// stepCertificate begins an issuance for a generation that is not issued yet
// and ends it, well or not. The Secret that it makes has no owner, as cert-manager's has none by default.
func (f *Faker) stepCertificate(ctx context.Context, u *unstructured.Unstructured, b Behaviour) error {
	c := &certmanager.Certificate{}
	if err := decode(u, c); err != nil || c.DeletionTimestamp != nil {
		return err
	}
	ready, issuing := condition(c, certmanager.CertificateConditionReady), condition(c, certmanager.CertificateConditionIssuing)
	switch {
	case ready.Status == cmmeta.ConditionTrue && ready.ObservedGeneration == c.Generation:
		if !ageCertificate(c, b) {
			return nil
		}
	case issuing.Status == cmmeta.ConditionFalse && b.Fail:
		return nil // it failed and backs off for an hour
	case issuing.Status != cmmeta.ConditionTrue || issuing.ObservedGeneration != c.Generation:
		beginIssuance(c)
	case f.isMissing(c.Spec.IssuerRef.Name):
		return nil // the request waits for the issuer
	case b.Fail:
		failIssuance(c)
	default:
		if _, err := f.ensure(ctx, secrets, keyPair(c)); err != nil {
			return err
		}
		issue(c)
	}
	return f.setStatus(ctx, certificates, u, &c.Status)
}

// keyPair is the Secret of a certificate that is issued.
func keyPair(c *certmanager.Certificate) *corev1.Secret {
	s := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, Type: corev1.SecretTypeTLS,
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Spec.SecretName},
		Data:       map[string][]byte{corev1.TLSCertKey: []byte("certificate of " + c.Name), corev1.TLSPrivateKeyKey: []byte("key of " + c.Name)},
	}
	if template := c.Spec.SecretTemplate; template != nil {
		s.Labels, s.Annotations = template.Labels, template.Annotations
	}
	return s
}

// ageCertificate lets the renewal of an issued certificate fail, or its time run
// out, and answers whether that changed anything. Either way condition Ready stays
// True: cert-manager has not looked at it since.
func ageCertificate(c *certmanager.Certificate, b Behaviour) bool {
	switch {
	case b.Expire && c.Status.NotAfter.After(time.Now()):
		until := metav1.NewTime(time.Now().Add(-time.Hour))
		c.Status.NotAfter = &until
	case b.Fail && c.Status.FailedIssuanceAttempts == nil:
		failIssuance(c)
	default:
		return false
	}
	return true
}

func beginIssuance(c *certmanager.Certificate) {
	reason, message := "DoesNotExist", "Issuing certificate as Secret does not exist"
	if c.Status.Revision != nil {
		reason, message = "RequestChanged", "Fields on existing CertificateRequest resource not up to date: [spec.dnsNames]"
	}
	setCondition(c, certmanager.CertificateConditionReady, cmmeta.ConditionFalse, reason, message)
	setCondition(c, certmanager.CertificateConditionIssuing, cmmeta.ConditionTrue, reason, message)
}

func failIssuance(c *certmanager.Certificate) {
	attempts, at := 1, now()
	if c.Status.FailedIssuanceAttempts != nil {
		attempts += *c.Status.FailedIssuanceAttempts
	}
	c.Status.FailedIssuanceAttempts, c.Status.LastFailureTime = &attempts, &at
	setCondition(c, certmanager.CertificateConditionIssuing, cmmeta.ConditionFalse, "Failed",
		"The certificate request has failed to complete and will be retried: the issuer refused it")
}

func issue(c *certmanager.Certificate) {
	revision, from := 1, now()
	if c.Status.Revision != nil {
		revision += *c.Status.Revision
	}
	until, renewal := metav1.NewTime(from.Add(validity)), metav1.NewTime(from.Add(validity*2/3))
	c.Status = certmanager.CertificateStatus{Conditions: c.Status.Conditions, NotBefore: &from, NotAfter: &until, RenewalTime: &renewal, Revision: &revision}
	c.Status.Conditions = slices.DeleteFunc(c.Status.Conditions, func(c certmanager.CertificateCondition) bool {
		return c.Type == certmanager.CertificateConditionIssuing
	})
	setCondition(c, certmanager.CertificateConditionReady, cmmeta.ConditionTrue, "Ready", "Certificate is up to date and has not expired")
}

func condition(c *certmanager.Certificate, kind certmanager.CertificateConditionType) certmanager.CertificateCondition {
	for _, condition := range c.Status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	return certmanager.CertificateCondition{}
}

func setCondition(c *certmanager.Certificate, kind certmanager.CertificateConditionType, status cmmeta.ConditionStatus, reason, message string) {
	at := now()
	condition := certmanager.CertificateCondition{
		Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: &at, ObservedGeneration: c.Generation,
	}
	for i, old := range c.Status.Conditions {
		if old.Type == kind {
			if old.Status == status {
				condition.LastTransitionTime = old.LastTransitionTime
			}
			c.Status.Conditions[i] = condition
			return
		}
	}
	c.Status.Conditions = append(c.Status.Conditions, condition)
}
