package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"blogplatform.io/operator/internal/ready"
)

// TestTheHostThatHoldsUpTheCertificateIsNamed: all hosts are in one certificate, so
// an alias that leads elsewhere by now keeps it from being renewed.
func TestTheHostThatHoldsUpTheCertificateIsNamed(t *testing.T) {
	challenge := func(name, host, state, reason string) *unstructured.Unstructured {
		u := named(challengeKind, "istio-ingress", name)
		u.Object["spec"] = map[string]any{"dnsName": host}
		u.Object["status"] = map[string]any{"state": state, "reason": reason}
		return u
	}
	scheme := runtime.NewScheme()
	scheme.AddKnownTypeWithName(challengeKind, &unstructured.Unstructured{})
	scheme.AddKnownTypeWithName(challengeKind.GroupVersion().WithKind("ChallengeList"), &unstructured.UnstructuredList{})
	live := fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		challenge("a", "blog.example.com", "valid", "Successfully authorized domain"),
		challenge("b", "old.example.com", "invalid", "NXDOMAIN looking up A for old.example.com."),
		challenge("c", "other.example.com", "pending", ""),
		challenge("d", "stranger.example.com", "invalid", "somebody else's"),
	).Build()
	const says = "; the authority cannot validate old.example.com (NXDOMAIN looking up A for old.example.com): correct where the name leads, or take it out of spec.hosts"
	for name, c := range map[string]struct {
		verdict ready.Verdict
		age     time.Duration
		says    string
	}{
		"the renewal fails":            {ready.Verdict{State: ready.Warning, Reason: "RenewalFailing", Message: "m"}, time.Hour, "m" + says},
		"the renewal is overdue":       {ready.Verdict{State: ready.Warning, Reason: "RenewalOverdue", Message: "m"}, time.Hour, "m" + says},
		"it was never issued":          {ready.Verdict{State: ready.Failed, Reason: "IssuanceFailed", Message: "m"}, time.Minute, "m" + says},
		"the first issuance hangs":     {ready.Verdict{State: ready.Progressing, Reason: "NotIssued", Message: "m"}, time.Hour, "m" + says},
		"the first issuance has begun": {ready.Verdict{State: ready.Progressing, Reason: "NotIssued", Message: "m"}, time.Minute, "m"},
		"it is issued":                 {ready.Verdict{State: ready.Ready, Reason: "Issued"}, time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := enactmentAt()
			e.platform.Spec.Hosts = []string{"blog.example.com", "old.example.com", "other.example.com"}
			e.live = live
			certificate := &unstructured.Unstructured{Object: map[string]any{"kind": "Certificate"}}
			certificate.SetNamespace("istio-ingress")
			certificate.SetCreationTimestamp(metav1.NewTime(noon.Add(-c.age)))
			got, err := e.certificateCause(t.Context(), certificate, certificate, c.verdict)
			if err != nil || got.Message != c.says || got.Reason != c.verdict.Reason {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
