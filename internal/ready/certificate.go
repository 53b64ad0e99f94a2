package ready

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// renewalGrace is for how long after its renewalTime a Certificate may still
// have the old certificate: an authority may take minutes to validate all names.
const renewalGrace = time.Hour

// certificate reads the status of a cert-manager Certificate (pkg/apis/certmanager/v1
// CertificateStatus). While an issuance fails, condition Issuing is True during each
// further attempt; status.failedIssuanceAttempts is cleared only by success. Condition
// Ready is written by a controller that may be away: an expired certificate can have
// Ready=True, so the times are compared here, too.
func certificate(u *unstructured.Unstructured, now time.Time) Verdict {
	ready, issuing := condition(u, "Ready"), condition(u, "Issuing")
	observed := number(ready, "observedGeneration")
	issuer := text(u.Object, "spec", "issuerRef", "kind") + " " + text(u.Object, "spec", "issuerRef", "name")
	fails := number(u.Object, "status", "failedIssuanceAttempts") > 0
	switch {
	case past(u, now, "notAfter"):
		return Verdict{Failed, "Expired", name(u) + " has expired, and browsers refuse it; look at its CertificateRequest, at " + issuer + ", and that cert-manager runs"}
	case ready == nil, observed > 0 && observed < u.GetGeneration():
		return Verdict{Progressing, "NotObserved", name(u) + " is not yet seen by cert-manager; if it stays so, see whether that runs"}
	case is(ready, "True") && fails:
		return Verdict{Warning, "RenewalFailing", name(u) + " is valid, but its renewal fails, and is tried again by cert-manager; look at its CertificateRequest and at " + issuer + " before it expires"}
	case is(ready, "True") && past(u, now.Add(-renewalGrace), "renewalTime"):
		return Verdict{Warning, "RenewalOverdue", name(u) + " is valid, but should have been renewed; see whether cert-manager runs, and look at its CertificateRequest before it expires"}
	case is(ready, "True"):
		return Verdict{Ready, "Issued", name(u) + " is issued"}
	case fails, is(issuing, "False") && text(issuing, "reason") != "Issued":
		return Verdict{Failed, "IssuanceFailed", name(u) + " could not be issued and is tried again by cert-manager; look at its CertificateRequest and at " + issuer}
	}
	return Verdict{Progressing, "NotIssued", name(u) + " is not issued yet; look at its CertificateRequest, and that " + issuer + " exists and is ready"}
}

// past tells whether a time in the status is there and not after now.
func past(u *unstructured.Unstructured, now time.Time, field string) bool {
	at := timeOf(u.Object, "status", field)
	return !at.IsZero() && !at.After(now)
}

// certificateAgain is when the certificate expires, or its renewal is overdue.
func certificateAgain(u *unstructured.Unstructured, now time.Time) time.Time {
	expires, overdue := timeOf(u.Object, "status", "notAfter"), timeOf(u.Object, "status", "renewalTime")
	if !overdue.IsZero() {
		overdue = overdue.Add(renewalGrace)
	}
	return earliest(now, expires, overdue)
}
