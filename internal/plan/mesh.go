package plan

import (
	"slices"
	"strconv"

	istio "istio.io/api/networking/v1"
	security "istio.io/api/security/v1"
	istiotype "istio.io/api/type/v1beta1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	securityv1 "istio.io/client-go/pkg/apis/security/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/internal/naming"
)

func securityType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: securityv1.SchemeGroupVersion.String(), Kind: kind}
}

func networkingType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: kind}
}

// mesh is strict mutual TLS in which nobody may ask anything but what the edges
// allow. Both hold for the whole namespace, so that no pod is open because it
// lacks a label. Platforms that share a namespace have one object each, and all
// say the same.
func (b *builder) mesh() {
	b.gate(StageMesh, &securityv1.PeerAuthentication{
		TypeMeta: securityType("PeerAuthentication"), ObjectMeta: b.meta(b.names.Strict()),
		Spec: security.PeerAuthentication{Mtls: &security.PeerAuthentication_MutualTLS{Mode: security.PeerAuthentication_MutualTLS_STRICT}},
	})
	// A policy without rules allows nothing, so that each request needs one that allows it.
	b.gate(StageMesh, &securityv1.AuthorizationPolicy{TypeMeta: securityType("AuthorizationPolicy"), ObjectMeta: b.meta(b.names.Deny())})
	edges := b.edges()
	for _, p := range b.ownParties(edges) {
		if rules := rulesOf(edges, p); len(rules) > 0 {
			b.governing(p, &securityv1.AuthorizationPolicy{
				TypeMeta: securityType("AuthorizationPolicy"), ObjectMeta: b.meta(p.name),
				Spec: security.AuthorizationPolicy{Selector: &istiotype.WorkloadSelector{MatchLabels: p.pods.MatchLabels}, Rules: rules},
			})
		}
	}
	b.scopes(edges)
	// Patroni keeps its leader lock in the Kubernetes API, and backup Jobs reach the repository through it.
	beyond := append([]string{"default/" + naming.MeshHost("default", "kubernetes")}, b.repositoryBeyond()...)
	b.keep(StageMesh, b.scope(b.names.Database(), map[string]string{labelCluster: b.names.Database()}, "./*", beyond...))
}

// governing adds a policy of some pods. That of the database's pods stays as long as they do.
func (b *builder) governing(p party, policy any) {
	if p.pods.MatchLabels[labelCluster] != "" {
		b.keep(StageMesh, policy)
		return
	}
	b.gate(StageMesh, policy)
}

// rulesOf are the rules for the edges that lead to a party.
func rulesOf(edges []edge, target party) []*security.Rule {
	var rules []*security.Rule
	for _, e := range edges {
		if !e.to.is(target) {
			continue
		}
		var principals, ports []string
		for _, p := range e.from {
			principals = append(principals, p.principals()...)
		}
		for _, port := range e.ports {
			ports = append(ports, strconv.Itoa(int(port)))
		}
		slices.Sort(principals)
		rules = append(rules, &security.Rule{
			From: []*security.Rule_From{{Source: &security.Source{Principals: slices.Compact(principals)}}},
			To:   []*security.Rule_To{{Operation: &security.Operation{Ports: ports, Methods: e.methods, Paths: e.paths}}},
		})
	}
	return rules
}

// scopes are what the proxies of our pods may dial: the Services of their own
// namespace, and of others those that an edge leads to. Only the user service
// knows more of its namespace than Services: the hosts outside, where the identity
// provider is.
func (b *builder) scopes(edges []edge) {
	p := b.parties()
	within := "./" + naming.MeshHosts(b.names.Namespace)
	for _, from := range []party{p.services[naming.Frontend], p.services[naming.Content], p.services[naming.Comment], p.verify, p.load} {
		b.gate(StageMesh, b.scope(from.name, from.pods.MatchLabels, within, b.beyond(edges, from)...))
	}
	user := p.services[naming.User]
	b.gate(StageMesh, b.scope(user.name, user.pods.MatchLabels, "./*", b.beyond(edges, user)...))
	for _, service := range naming.DataServices {
		b.gate(StageMesh, b.scope(b.names.MigrationScope(service), b.names.MigrationSelector(service), within))
	}
}

// beyond are the Services of other namespaces that edges lead a party to.
func (b *builder) beyond(edges []edge, from party) []string {
	var hosts []string
	for _, e := range edges {
		host := e.to.namespace + "/" + naming.MeshHost(e.to.namespace, e.to.name)
		if e.to.namespace != b.names.Namespace && slices.ContainsFunc(e.from, from.is) && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// scope is a Sidecar: it limits the Services that the proxies of some pods know. Each
// Sidecar selects its own pods. If two selected the same pod, Istio would apply only one.
// A Sidecar without a selector is not planned: a namespace may have only one, and it may
// belong to somebody else.
func (b *builder) scope(name string, pods map[string]string, within string, beyond ...string) *networkingv1.Sidecar {
	return &networkingv1.Sidecar{
		TypeMeta: networkingType("Sidecar"), ObjectMeta: b.meta(name),
		Spec: istio.Sidecar{
			WorkloadSelector:      &istio.WorkloadSelector{Labels: pods},
			OutboundTrafficPolicy: &istio.OutboundTrafficPolicy{Mode: istio.OutboundTrafficPolicy_REGISTRY_ONLY},
			Egress:                []*istio.IstioEgressListener{{Hosts: append([]string{within}, beyond...)}},
		},
	}
}
