package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/ready"
)

var (
	// challengeKind is the proof that a host is ours, which an authority asks for by ACME.
	challengeKind = schema.GroupVersionKind{Group: "acme.cert-manager.io", Version: "v1", Kind: "Challenge"}
	// settled are the states of a challenge after which its host is no trouble
	// (cert-manager pkg/apis/acme/v1 State).
	settled = []string{"valid", "ready"}
)

// firstIssuance is how long an authority may take before it is asked which host it waits for.
const firstIssuance = 2 * time.Minute

// certificateCause looks one step further than the verdict on a Certificate: whether
// there is an issuer, and which host keeps it from being issued or renewed. All hosts
// are in one certificate, so one whose DNS record leads elsewhere blocks the others.
func (e *enactment) certificateCause(ctx context.Context, desired, live *unstructured.Unstructured, verdict ready.Verdict) (ready.Verdict, error) {
	if !verdict.Good() {
		var err error
		if verdict, err = e.issuerMissing(ctx, desired, verdict); err != nil || verdict.Reason == reasonIssuerMissing {
			return verdict, err
		}
	}
	switch verdict.Reason {
	case "Expired", "IssuanceFailed", "RenewalFailing", "RenewalOverdue":
	case "NotIssued":
		if e.now().Before(live.GetCreationTimestamp().Add(firstIssuance)) {
			return verdict, nil
		}
	default:
		return verdict, nil
	}
	hosts, err := e.hostsNotValidated(ctx, live)
	if len(hosts) > 0 {
		verdict.Message += "; the authority cannot validate " + message.Join(hosts) + ": correct where the name leads, or take it out of spec.hosts"
	}
	return verdict, err
}

// hostsNotValidated are the hosts of a Certificate whose challenges have failed or
// hang, each with the reason. Challenges are not watched, so the API server is asked.
func (e *enactment) hostsNotValidated(ctx context.Context, certificate *unstructured.Unstructured) ([]string, error) {
	challenges := &unstructured.UnstructuredList{}
	challenges.SetGroupVersionKind(challengeKind.GroupVersion().WithKind(challengeKind.Kind + "List"))
	err := e.live.List(ctx, challenges, client.InNamespace(certificate.GetNamespace()))
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list Challenges in %s: %w", certificate.GetNamespace(), err)
	}
	var hosts []string
	for _, challenge := range challenges.Items {
		host, _, _ := unstructured.NestedString(challenge.Object, "spec", "dnsName")
		state, _, _ := unstructured.NestedString(challenge.Object, "status", "state")
		reason, _, _ := unstructured.NestedString(challenge.Object, "status", "reason")
		if slices.Contains(e.platform.Spec.Hosts, host) && reason != "" && !slices.Contains(settled, state) {
			hosts = append(hosts, host+" ("+strings.TrimSuffix(message.Quote(reason), ".")+")")
		}
	}
	return hosts, nil
}

// issuerMissing replaces the verdict on a Certificate if cert-manager has no such issuer.
func (e *enactment) issuerMissing(ctx context.Context, certificate *unstructured.Unstructured, verdict ready.Verdict) (ready.Verdict, error) {
	reference, _, _ := unstructured.NestedStringMap(certificate.Object, "spec", "issuerRef")
	kind := map[string]schema.GroupVersionKind{kube.Issuers.Kind: kube.Issuers, kube.ClusterIssuers.Kind: kube.ClusterIssuers}[reference["kind"]]
	if kind.Empty() || (reference["group"] != "" && reference["group"] != kind.Group) || !e.watches.served(ctx, kind) {
		return verdict, nil
	}
	where := client.ObjectKey{Name: reference["name"]}
	if kind == kube.Issuers {
		where.Namespace = certificate.GetNamespace()
	}
	err := e.client.Get(ctx, where, kube.Metadata(kind))
	if apierrors.IsNotFound(err) {
		return failed(reasonIssuerMissing, fmt.Sprintf(
			"%s: there is no %s %s; create it, or name another in spec.tls.issuerRef", fields.Name(certificate), kind.Kind, reference["name"])), nil
	}
	return verdict, err
}
