package plan

import (
	"strconv"

	istio "istio.io/api/networking/v1"
	security "istio.io/api/security/v1"
	istiotype "istio.io/api/type/v1beta1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	securityv1 "istio.io/client-go/pkg/apis/security/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// labelData on the pods of a PostgresCluster tells PostgreSQL from pgBackRest.
const labelData = "postgres-operator.crunchydata.com/data"

var (
	securityType = func(kind string) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: "security.istio.io/v1", Kind: kind}
	}
	networkingType = func(kind string) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: "networking.istio.io/v1", Kind: kind}
	}
)

// mesh is strict mutual TLS for the whole namespace, in which nobody may ask
// anything but what the edges allow.
func (b *builder) mesh() {
	b.gate(StageMesh, &securityv1.PeerAuthentication{
		TypeMeta: securityType("PeerAuthentication"), ObjectMeta: b.meta(b.names.Strict()),
		Spec: security.PeerAuthentication{Mtls: &security.PeerAuthentication_MutualTLS{Mode: security.PeerAuthentication_MutualTLS_STRICT}},
	})
	// A policy without rules allows nothing, so that each request needs one that allows it.
	b.gate(StageMesh, &securityv1.AuthorizationPolicy{TypeMeta: securityType("AuthorizationPolicy"), ObjectMeta: b.meta(b.names.Deny())})
	targets, leading := b.targets()
	for _, target := range targets {
		b.gate(StageMesh, b.authorization(target, leading[target.name]))
	}
	gateway := b.values.gateway
	b.gate(StageMesh, b.scope(b.names.Name, b.names.Own(), gateway.namespace+"/"+gateway.service+"."+gateway.namespace+".svc.cluster.local"))
	// Patroni's leader lock, and the backup Jobs, are in the Kubernetes API.
	b.gate(StageMesh, b.scope(b.names.Database(), map[string]string{labelCluster: b.names.Database()}, "default/kubernetes.default.svc.cluster.local"))
}

func (b *builder) authorization(target party, leading []edge) *securityv1.AuthorizationPolicy {
	policy := &securityv1.AuthorizationPolicy{
		TypeMeta: securityType("AuthorizationPolicy"), ObjectMeta: b.meta(target.name),
		Spec: security.AuthorizationPolicy{Selector: &istiotype.WorkloadSelector{MatchLabels: target.selector}},
	}
	for _, e := range leading {
		policy.Spec.Rules = append(policy.Spec.Rules, &security.Rule{
			From: []*security.Rule_From{{Source: &security.Source{Principals: e.from.principals()}}},
			To:   operations(e),
		})
	}
	return policy
}

func operations(e edge) []*security.Rule_To {
	ports := []string{strconv.Itoa(int(e.port))}
	if e.allowed == nil {
		return []*security.Rule_To{{Operation: &security.Operation{Ports: ports}}}
	}
	var to []*security.Rule_To
	for _, o := range e.allowed {
		to = append(to, &security.Rule_To{Operation: &security.Operation{Ports: ports, Methods: o.methods, Paths: o.paths}})
	}
	return to
}

// scope is what the proxies of some pods know of: their own namespace, and one
// host beyond it. A namespace may have one Sidecar without a selector, so each has one.
func (b *builder) scope(name string, selector map[string]string, beyond string) *networkingv1.Sidecar {
	return &networkingv1.Sidecar{
		TypeMeta: networkingType("Sidecar"), ObjectMeta: b.meta(name),
		Spec: istio.Sidecar{
			WorkloadSelector:      &istio.WorkloadSelector{Labels: selector},
			OutboundTrafficPolicy: &istio.OutboundTrafficPolicy{Mode: istio.OutboundTrafficPolicy_REGISTRY_ONLY},
			Egress:                []*istio.IstioEgressListener{{Hosts: []string{"./*", beyond}}},
		},
	}
}
