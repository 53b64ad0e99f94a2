package plan

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// portIstiod gives proxies their configuration and certificates.
const portIstiod = 15012

// proxyPorts of every pod answer outside the mesh: merged metrics and probes,
// health, and metrics of Envoy itself.
var proxyPorts = []int32{15020, 15021, 15090}

// A NetworkPolicy sees the port and the address of the pod behind a Service. These
// are the ones of the usual distributions, so that no cluster needs a setting.
var (
	// portsDNS: pods of name servers that may not bind port 53 listen on 5353 (OpenShift, CoreDNS without rights).
	portsDNS = []int32{53, 5353}
	// namespacesDNS are those of name servers: of most distributions, and of OpenShift.
	namespacesDNS = []string{metav1.NamespaceSystem, "openshift-dns"}
	// nodeDNS is where caches on the node listen: NodeLocal DNSCache (169.254.20.10), AKS LocalDNS (169.254.10.10 and .11).
	nodeDNS = []string{"169.254.20.10/32", "169.254.10.10/31"}
	// apiPorts are those of the API server: its Service's, and those behind it of
	// kubeadm (6443), k3s (6444), minikube (8443) and MicroK8s (16443).
	apiPorts = []int32{443, 6443, 6444, 8443, 16443}
)

// network says the same as the mesh at layers 3 and 4: nothing but the edges,
// and what every pod in a mesh needs. It also holds where a pod has no proxy.
func (b *builder) network() {
	all := metav1.LabelSelector{}
	b.gate(StageMesh, b.networkPolicy(b.names.Deny(), all, nil, nil))
	ingress, egress := waysOfProxies()
	b.gate(StageMesh, b.networkPolicy(b.names.Proxies(), all, ingress, egress))
	edges := b.edges()
	for _, p := range b.ownParties(edges) {
		ingress, egress := b.waysOf(edges, p)
		b.governing(p, b.networkPolicy(p.name, p.pods, ingress, egress))
	}
	// The address of the API server is not known here, and no pod has it. The
	// rest is what the policy of all pods says, too, which does not outlive the platform.
	postgres := metav1.LabelSelector{MatchLabels: map[string]string{labelCluster: b.names.Database()}}
	b.keep(StageMesh, b.networkPolicy(b.names.DatabaseAPI(), postgres, ingress, append(egress, networkingv1.NetworkPolicyEgressRule{Ports: tcp(apiPorts...)})))
}

// waysOfProxies are what every pod in the mesh needs: its proxy is asked for
// metrics and health, and asks name servers and istiod.
func waysOfProxies() ([]networkingv1.NetworkPolicyIngressRule, []networkingv1.NetworkPolicyEgressRule) {
	return []networkingv1.NetworkPolicyIngressRule{{Ports: tcp(proxyPorts...)}},
		[]networkingv1.NetworkPolicyEgressRule{
			{Ports: append(udp(portsDNS...), tcp(portsDNS...)...), To: nameServers()},
			{Ports: tcp(portIstiod), To: []networkingv1.NetworkPolicyPeer{istiod()}},
		}
}

// nameServers are pods in the namespaces of name servers, whatever their labels are, or a cache on the node.
func nameServers() []networkingv1.NetworkPolicyPeer {
	var peers []networkingv1.NetworkPolicyPeer
	for _, namespace := range namespacesDNS {
		peers = append(peers, inNamespace(namespace, metav1.LabelSelector{}))
	}
	for _, cidr := range nodeDNS {
		peers = append(peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr}})
	}
	return peers
}

// istiod may be in any namespace (AKS has it in aks-istio-system). Proxies believe
// it by its certificate, and no other pod because of its label.
func istiod() networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{}, PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "istiod"}},
	}
}

// waysOf are the rules for the edges that lead to a party, and from it.
func (b *builder) waysOf(edges []edge, p party) (ingress []networkingv1.NetworkPolicyIngressRule, egress []networkingv1.NetworkPolicyEgressRule) {
	for _, e := range edges {
		if e.to.is(p) {
			ingress = appendNew(ingress, networkingv1.NetworkPolicyIngressRule{Ports: tcp(e.ports...), From: b.peers(e.from...)})
		}
		for _, from := range e.from {
			if from.is(p) {
				egress = appendNew(egress, networkingv1.NetworkPolicyEgressRule{Ports: tcp(e.ports...), To: b.peers(e.to)})
			}
		}
	}
	return ingress, egress
}

// appendNew leaves out what is there: edges that differ in what may be asked for
// are the same way here.
func appendNew[T any](rules []T, rule T) []T {
	if slices.ContainsFunc(rules, func(there T) bool { return equality.Semantic.DeepEqual(there, rule) }) {
		return rules
	}
	return append(rules, rule)
}

func (b *builder) peers(of ...party) []networkingv1.NetworkPolicyPeer {
	var peers []networkingv1.NetworkPolicyPeer
	for _, p := range of {
		peer := inNamespace(p.namespace, p.pods)
		if p.namespace == b.names.Namespace {
			peer.NamespaceSelector = nil
		}
		peers = append(peers, peer)
	}
	return peers
}

func inNamespace(namespace string, pods metav1.LabelSelector) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
		PodSelector:       &pods,
	}
}

// networkPolicy governs both directions, so that what it does not list is closed.
func (b *builder) networkPolicy(name string, pods metav1.LabelSelector, ingress []networkingv1.NetworkPolicyIngressRule, egress []networkingv1.NetworkPolicyEgressRule) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
		ObjectMeta: b.meta(name),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: pods,
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			Ingress:     ingress, Egress: egress,
		},
	}
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
