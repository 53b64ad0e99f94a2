package plan

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// network says the same as the mesh at layer 3 and 4: nothing but the edges, and
// what every pod in a mesh needs.
func (b *builder) network() {
	b.gate(StageMesh, b.networkPolicy(b.names.Deny(), nil, nil, nil))
	b.gate(StageMesh, b.networkPolicy(b.names.Proxies(), nil,
		[]networkingv1.NetworkPolicyIngressRule{{Ports: tcp(proxyPorts...)}},
		[]networkingv1.NetworkPolicyEgressRule{
			{Ports: append(udp(portDNS), tcp(portDNS)...)},
			{Ports: tcp(portIstiod), To: []networkingv1.NetworkPolicyPeer{inNamespace(istioNamespace, map[string]string{"app": "istiod"})}},
		}))
	for _, p := range b.parties() {
		ingress, egress := b.rules(p)
		b.gate(StageMesh, b.networkPolicy(p.name, p.selector, ingress, egress))
	}
	// The address of the API server is not known here, and no pod has it.
	b.gate(StageMesh, b.networkPolicy(b.names.DatabaseAPI(), map[string]string{labelCluster: b.names.Database()}, nil,
		[]networkingv1.NetworkPolicyEgressRule{{Ports: tcp(443, 6443)}}))
}

// parties are those of the platform's namespace, in the order of the edges.
func (b *builder) parties() []party {
	var parties []party
	seen := map[string]bool{}
	for _, e := range b.edges() {
		for _, p := range []party{e.from, e.to} {
			if p.namespace == b.names.Namespace && !seen[p.name] {
				seen[p.name] = true
				parties = append(parties, p)
			}
		}
	}
	return parties
}

func (b *builder) rules(p party) (ingress []networkingv1.NetworkPolicyIngressRule, egress []networkingv1.NetworkPolicyEgressRule) {
	for _, e := range b.edges() {
		if e.to.name == p.name && e.to.namespace == p.namespace {
			ingress = append(ingress, networkingv1.NetworkPolicyIngressRule{Ports: portOf(e), From: []networkingv1.NetworkPolicyPeer{b.peer(e.from)}})
		}
		if e.from.name == p.name && e.from.namespace == p.namespace {
			egress = append(egress, networkingv1.NetworkPolicyEgressRule{Ports: portOf(e), To: []networkingv1.NetworkPolicyPeer{b.peer(e.to)}})
		}
	}
	return ingress, egress
}

func (b *builder) peer(p party) networkingv1.NetworkPolicyPeer {
	if p.namespace == b.names.Namespace {
		return networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: maps.Clone(p.selector)}}
	}
	return inNamespace(p.namespace, p.selector)
}

func inNamespace(namespace string, selector map[string]string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
		PodSelector:       &metav1.LabelSelector{MatchLabels: selector},
	}
}

// networkPolicy governs both directions; without a selector all pods of the namespace.
func (b *builder) networkPolicy(name string, selector map[string]string, ingress []networkingv1.NetworkPolicyIngressRule, egress []networkingv1.NetworkPolicyEgressRule) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: b.meta(name),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: selector},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			Ingress:     ingress, Egress: egress,
		},
	}
}

// portOf is the port of an edge; none means all.
func portOf(e edge) []networkingv1.NetworkPolicyPort {
	if e.port == 0 {
		return nil
	}
	return tcp(e.port)
}

func tcp(ports ...int32) []networkingv1.NetworkPolicyPort {
	return policyPorts(corev1.ProtocolTCP, ports)
}

func udp(ports ...int32) []networkingv1.NetworkPolicyPort {
	return policyPorts(corev1.ProtocolUDP, ports)
}

func policyPorts(protocol corev1.Protocol, ports []int32) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for _, port := range ports {
		out = append(out, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: new(intstr.FromInt32(port))})
	}
	return out
}
