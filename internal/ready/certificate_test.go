package ready

import (
	"testing"
	"time"
)

func TestACertificate(t *testing.T) {
	const spec = "spec: {secretName: blog, issuerRef: {kind: ClusterIssuer, name: letsencrypt}}\n"
	stories := []story{
		{"is new", ``, Progressing, "NotObserved", "by cert-manager; if it stays so, see whether that runs"},
		{"is seen first", `
status:
  conditions:
  - {type: Issuing, status: "True", reason: DoesNotExist, observedGeneration: 2, message: Issuing certificate as Secret does not exist}
  - {type: Ready, status: "False", reason: DoesNotExist, observedGeneration: 2, message: Issuing certificate as Secret does not exist}
  nextPrivateKeySecretName: blog-abcde
`, Progressing, "NotIssued", "ClusterIssuer letsencrypt exists and is ready"},
		{"is issued", `
status:
  revision: 1
  notBefore: "2026-01-02T03:04:05Z"
  notAfter: "2026-04-02T03:04:05Z"
  renewalTime: "2026-03-02T03:04:05Z"
  conditions: [{type: Ready, status: "True", reason: Ready, observedGeneration: 2, message: Certificate is up to date and has not expired}]
`, Ready, "Issued", "is issued"},
		{"is issued under server-side apply", `
status:
  conditions:
  - {type: Issuing, status: "False", reason: Issued, observedGeneration: 2, message: The certificate has been successfully issued}
  - {type: Ready, status: "True", reason: Ready, observedGeneration: 2}
`, Ready, "Issued", ""},
		{"is about to be ready under server-side apply", `
status:
  conditions:
  - {type: Issuing, status: "False", reason: Issued, observedGeneration: 2, message: The certificate has been successfully issued}
  - {type: Ready, status: "False", reason: DoesNotExist, observedGeneration: 2}
`, Progressing, "NotIssued", ""},
		{"is renewed and served meanwhile", `
status:
  conditions:
  - {type: Issuing, status: "True", reason: Renewing, observedGeneration: 2}
  - {type: Ready, status: "True", reason: Ready, observedGeneration: 2}
`, Ready, "Issued", ""},
		{"was issued for an earlier spec", `
status: {conditions: [{type: Ready, status: "True", reason: Ready, observedGeneration: 1}]}
`, Progressing, "NotObserved", "is not yet seen"},
		{"is issued by a cert-manager that counts no generations", `
status: {conditions: [{type: Ready, status: "True", reason: Ready}]}
`, Ready, "Issued", ""},
		{"has expired", `
status: {conditions: [{type: Ready, status: "False", reason: Expired, observedGeneration: 2}]}
`, Progressing, "NotIssued", ""},
		{"was refused", `
status:
  failedIssuanceAttempts: 1
  lastFailureTime: "2026-01-02T03:04:05Z"
  conditions:
  - {type: Issuing, status: "False", reason: Failed, observedGeneration: 2, message: "The certificate request has failed to complete and will be retried: no such host at 03:04:05"}
  - {type: Ready, status: "False", reason: DoesNotExist, observedGeneration: 2}
`, Failed, "IssuanceFailed", "look at its CertificateRequest and at ClusterIssuer letsencrypt"},
		{"was denied by an approver", `
status:
  conditions:
  - {type: Issuing, status: "False", reason: policy.cert-manager.io, observedGeneration: 2}
  - {type: Ready, status: "False", reason: DoesNotExist, observedGeneration: 2}
`, Failed, "IssuanceFailed", ""},
		{"is tried again after a failure", `
status:
  failedIssuanceAttempts: 3
  conditions:
  - {type: Issuing, status: "True", reason: DoesNotExist, observedGeneration: 2}
  - {type: Ready, status: "False", reason: DoesNotExist, observedGeneration: 2}
`, Failed, "IssuanceFailed", "is tried again"},
		{"was not renewed, and cert-manager is away", `
status:
  notAfter: "2026-02-01T11:59:59Z"
  conditions: [{type: Ready, status: "True", reason: Ready, observedGeneration: 2}]
`, Failed, "Expired", "browsers refuse it; look at its CertificateRequest, at ClusterIssuer letsencrypt, and that cert-manager runs"},
		{"has expired while its renewal failed", `
status:
  notAfter: "2020-01-01T00:00:00Z"
  failedIssuanceAttempts: 9
  conditions:
  - {type: Issuing, status: "True", reason: Renewing, observedGeneration: 2}
  - {type: Ready, status: "False", reason: Expired, observedGeneration: 2}
`, Failed, "Expired", ""},
		{"is to be renewed just now", `
status:
  notAfter: "2026-03-03T11:30:00Z"
  renewalTime: "2026-02-01T11:30:00Z"
  conditions: [{type: Ready, status: "True", reason: Ready, observedGeneration: 2}]
`, Ready, "Issued", ""},
		{"should have been renewed an hour ago", `
status:
  notAfter: "2026-03-03T11:00:00Z"
  renewalTime: "2026-02-01T11:00:00Z"
  conditions: [{type: Ready, status: "True", reason: Ready, observedGeneration: 2}]
`, Warning, "RenewalOverdue", "see whether cert-manager runs"},
		{"is served though its renewal fails", `
status:
  failedIssuanceAttempts: 2
  conditions:
  - {type: Issuing, status: "False", reason: Failed, observedGeneration: 2}
  - {type: Ready, status: "True", reason: Ready, observedGeneration: 2}
`, Warning, "RenewalFailing", "look at its CertificateRequest and at ClusterIssuer letsencrypt before it expires"},
	}
	for i := range stories {
		stories[i].object = spec + stories[i].object
	}
	tell(t, "Certificate", stories)
}

// TestACertificateIsLookedAtWhenItsTimeHasCome though cert-manager may be away and write nothing.
func TestACertificateIsLookedAtWhenItsTimeHasCome(t *testing.T) {
	const status = `status: {renewalTime: "2026-03-02T03:00:00Z", notAfter: "2026-04-02T03:00:00Z"}`
	overdue, expires := time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC), time.Date(2026, 4, 2, 3, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status    string
		now, want time.Time
	}{
		{status, today, overdue},
		{status, overdue, expires},
		{status, expires, time.Time{}},
		{"", today, time.Time{}},
		{`status: {renewalTime: null}`, today, time.Time{}},
	} {
		if got := Again(object(t, "Certificate", c.status), c.now); !got.Equal(c.want) {
			t.Errorf("%s at %v: %v, want %v", c.status, c.now, got, c.want)
		}
	}
	if at := Again(nil, today); !at.IsZero() {
		t.Errorf("what is not there is looked at again at %v", at)
	}
	if at := Again(object(t, "Job", ""), today); !at.IsZero() {
		t.Errorf("a Job is looked at again at %v", at)
	}
}
