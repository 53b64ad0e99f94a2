package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/stage"
)

// reportParts reports each part in more detail than its condition does.
func (r reporter) reportParts(status *v1alpha1.BlogPlatformStatus) {
	status.URL = r.url()
	r.reportDatabase(&status.Database)
	if r.Course.Problem != nil {
		return
	}
	status.Effective = r.Plan.Effective
	status.Services = nil
	for _, o := range r.Result.Outcomes {
		switch o.Kind() {
		case "Rollout":
			status.Services = append(status.Services, r.service(o))
		case "Certificate":
			status.Certificate = v1alpha1.CertificateStatus{Name: o.Child.Object.GetNamespace() + "/" + o.Child.Object.GetName(), NotAfter: r.notAfter()}
		}
	}
}

func (r reporter) reportDatabase(status *v1alpha1.DatabaseStatus) {
	status.Cluster = r.names.Database()
	status.Ready, status.Desired = r.State.DatabaseInstances()
	status.Summary = fmt.Sprintf("%d/%d", status.Ready, status.Desired)
	complete := false
	if r.State.Database != nil {
		_, complete = fields.ConditionTrue(r.State.Database, "PGBackRestReplicaCreate")
	}
	status.BackupComplete = &complete
	backups := ready.BackupsOf(r.State.Database, r.Now)
	status.LastFullBackupTime, status.LastIncrementalBackupTime = timeOrNil(backups.LastFull), timeOrNil(backups.LastIncremental)
}

func (r reporter) service(o stage.Outcome) v1alpha1.ServiceStatus {
	rollout := o.Live
	if rollout == nil {
		rollout = o.Child.Object
	}
	status := v1alpha1.ServiceStatus{
		Name: string(r.names.ServiceOf(o.Child.Object.GetName())), State: string(o.Verdict.State),
		Desired: fields.Int32(rollout, "spec", "replicas"),
	}
	if o.Live != nil {
		status.Ready = fields.Int32(o.Live, "status", "readyReplicas")
	}
	if o.Verdict.State != ready.Ready {
		status.Message = message.Quote(o.Verdict.Message)
	}
	return status
}

// certificateProblem is why browsers cannot trust the gateway; empty if they can.
func (r reporter) certificateProblem() string {
	switch notAfter := r.notAfter(); {
	case notAfter == nil:
		return "no certificate was issued yet; see " + v1alpha1.ConditionCertificatesReady
	case !notAfter.After(r.Now):
		return "the certificate of the hosts has expired; see " + v1alpha1.ConditionCertificatesReady
	}
	return ""
}

// notAfter is when the certificate expires; nil if none was ever issued.
func (r reporter) notAfter() *metav1.Time {
	for _, o := range r.Result.Outcomes {
		if o.Kind() != "Certificate" || o.Live == nil {
			continue
		}
		if notAfter, err := time.Parse(time.RFC3339, fields.Text(o.Live, "status", "notAfter")); err == nil {
			return &metav1.Time{Time: notAfter}
		}
	}
	if r.Course.Problem != nil {
		return r.Status.Certificate.NotAfter
	}
	return nil
}

// url is where readers find the blog.
func (r reporter) url() string {
	url := "https://" + cmp.Or(r.Plan.Host, r.Platform.Spec.Hosts[0])
	if port := r.Platform.Spec.Gateway.HTTPSPort; port != nil && *port != 443 {
		url += fmt.Sprintf(":%d", *port)
	}
	return url
}

func timeOrNil(at time.Time) *metav1.Time {
	if at.IsZero() {
		return nil
	}
	return &metav1.Time{Time: at}
}

// identity says whether people can sign in. Nothing waits for that: without the
// provider people still read, and those who are signed in stay so.
func (r reporter) identity() []condition {
	if r.State.Provider == nil || r.Course.Problem != nil || r.deleting() {
		return nil
	}
	where := "discovery at " + r.Platform.Spec.Identity.Issuer
	before := meta.FindStatusCondition(r.Before.Conditions, v1alpha1.ConditionIdentityReady)
	c := condition{name: v1alpha1.ConditionIdentityReady}
	switch provider := r.State.Provider; {
	case !provider.Known && before != nil && (strings.HasPrefix(before.Message, where+" ") || strings.HasPrefix(before.Message, where+":")):
		c.status, c.reason, c.message = before.Status, before.Reason, before.Message
	case !provider.Known:
		c.status, c.reason, c.message = metav1.ConditionUnknown, ReasonDiscovering, where+" has not answered yet"
	case provider.NotAllowed:
		c.status, c.reason = metav1.ConditionUnknown, ReasonAddressNotAllowed
		c.message = fmt.Sprintf("%s: %v, so the operator does not ask it; if it is meant, have its network added to the operator's --identity-provider-networks", where, provider.Problem)
	case provider.Problem != nil:
		c.status, c.reason, c.failed = metav1.ConditionFalse, ReasonNotDiscovered, true
		c.message = fmt.Sprintf("%s: %v; nobody can sign in until that changes: check the provider, identity.issuer and identity.caBundle", where, provider.Problem)
	default:
		c.status, c.reason, c.message = metav1.ConditionTrue, ReasonDiscovered, where+" answers"
	}
	return []condition{c}
}
