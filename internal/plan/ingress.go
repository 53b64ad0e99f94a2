package plan

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	istio "istio.io/api/networking/v1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/internal/naming"
)

const (
	// portHTTP of the ingress gateway only redirects, and lets ACME's challenges pass.
	portHTTP = 80
	// pathACME is where an authority looks for the answer to its challenge (RFC 8555, section 8.3).
	pathACME = "/.well-known/acme-challenge/"
)

// ingress leads readers to the frontend.
func (b *builder) ingress() {
	b.add(Child{Stage: StageMesh, Object: b.convert(b.certificate())})
	b.gate(StageMesh, b.ingressGateway())
	b.gate(StageMesh, b.redirect())
	route := b.primaryRoute(naming.Frontend, &istio.HTTPMatchRequest{Port: b.httpsPort()})
	b.gate(StageMesh, b.virtualService(b.names.Workload(naming.Frontend), []string{b.canonical()}, []string{b.names.Name}, route))
}

// secured are the hosts that are served by HTTPS: of those of the spec the ones that
// the certificate covers or that were served before, and all of them if there are
// none. A host that is added waits for its certificate: browsers would warn of
// it and, if it comes first, readers of the others would be sent to it for good.
func (b *builder) secured() []string {
	gateway := b.find(networkingv1.SchemeGroupVersion.WithKind("Gateway").GroupKind(), b.names.Namespace, b.names.Name)
	certificate := b.find(certmanager.SchemeGroupVersion.WithKind(certmanager.CertificateKind).GroupKind(), b.values.gateway.namespace, b.names.Certificate())
	usable := append(securedBy(gateway), coveredBy(certificate)...)
	hosts := slices.DeleteFunc(slices.Clone(b.Platform.Spec.Hosts), func(host string) bool { return !slices.Contains(usable, host) })
	if gateway == nil || len(hosts) == 0 {
		return b.Platform.Spec.Hosts
	}
	return hosts
}

// canonical is the host that readers are led to.
func (b *builder) canonical() string { return b.secured()[0] }

// securedBy are the hosts that a live Gateway serves by HTTPS.
func securedBy(gateway *unstructured.Unstructured) (hosts []string) {
	if gateway == nil {
		return nil
	}
	for _, server := range objects(gateway.Object, "spec", "servers") {
		names, _, _ := unstructured.NestedStringSlice(server, "hosts")
		for _, name := range names {
			if server["tls"] != nil {
				hosts = append(hosts, strings.TrimPrefix(name, "./"))
			}
		}
	}
	return hosts
}

// coveredBy are the hosts of a live Certificate that was issued for what its spec says.
func coveredBy(certificate *unstructured.Unstructured) []string {
	if certificate == nil {
		return nil
	}
	ready := named(objects(certificate.Object, "status", "conditions"), "type", string(certmanager.CertificateConditionReady))
	observed, _, _ := unstructured.NestedInt64(ready, "observedGeneration")
	if ready["status"] != string(cmmeta.ConditionTrue) || observed < certificate.GetGeneration() {
		return nil
	}
	hosts, _, _ := unstructured.NestedStringSlice(certificate.Object, "spec", "dnsNames")
	return hosts
}

// certificate lives where the gateway reads its Secret. A platform can be served
// without it being renewed, so it holds nothing back.
func (b *builder) certificate() *certmanager.Certificate {
	issuer := b.Platform.Spec.TLS.IssuerRef
	meta := b.meta(b.names.Certificate())
	meta.Namespace = b.values.gateway.namespace
	return &certmanager.Certificate{
		TypeMeta:   metav1.TypeMeta{APIVersion: certmanager.SchemeGroupVersion.String(), Kind: certmanager.CertificateKind},
		ObjectMeta: meta,
		Spec: certmanager.CertificateSpec{
			SecretName: b.names.Certificate(),
			// The Secret outlives the Certificate, and its labels say whose it was.
			SecretTemplate: &certmanager.CertificateSecretTemplate{Labels: b.names.UnownedLabels()},
			DNSNames:       b.Platform.Spec.Hosts,
			IssuerRef:      cmmeta.IssuerReference{Group: or(issuer.Group, certmanager.SchemeGroupVersion.Group), Kind: issuer.Kind, Name: issuer.Name},
			PrivateKey: &certmanager.CertificatePrivateKey{
				Algorithm: certmanager.ECDSAKeyAlgorithm, Size: 256, RotationPolicy: certmanager.RotationPolicyAlways,
			},
		},
	}
}

// ingressGateway opens the hosts to VirtualServices of this namespace only. Plain HTTP
// is open to all of them, since authorities ask there whether a host is ours.
func (b *builder) ingressGateway() *networkingv1.Gateway {
	within := func(hosts []string) (names []string) {
		for _, host := range hosts {
			names = append(names, "./"+host)
		}
		return names
	}
	return &networkingv1.Gateway{
		TypeMeta: networkingType("Gateway"), ObjectMeta: b.meta(b.names.Name),
		Spec: istio.Gateway{
			Selector: b.values.gateway.selector,
			Servers: []*istio.Server{
				{Port: &istio.Port{Number: portHTTP, Name: "http", Protocol: "HTTP"}, Hosts: within(b.Platform.Spec.Hosts)},
				{
					Port: &istio.Port{Number: b.httpsPort(), Name: "https", Protocol: "HTTPS"}, Hosts: within(b.secured()),
					Tls: &istio.ServerTLSSettings{
						Mode: istio.ServerTLSSettings_SIMPLE, CredentialName: b.names.Certificate(),
						MinProtocolVersion: istio.ServerTLSSettings_TLSV1_2,
					},
				},
			},
		},
	}
}

// redirect sends every host to the canonical one over HTTPS. ACME's challenges
// are left alone: whoever answers them has a route of its own for their path.
func (b *builder) redirect() *networkingv1.VirtualService {
	hosts := b.Platform.Spec.Hosts
	routes := []*istio.HTTPRoute{{
		Name: "http",
		Match: []*istio.HTTPMatchRequest{{
			Port:           portHTTP,
			WithoutHeaders: map[string]*istio.StringMatch{":path": {MatchType: &istio.StringMatch_Prefix{Prefix: pathACME}}},
		}},
		Redirect: b.toCanonical(),
	}}
	aliases := &istio.HTTPRoute{Name: "aliases", Redirect: b.toCanonical()}
	for _, host := range b.secured() {
		if host != b.canonical() {
			aliases.Match = append(aliases.Match, &istio.HTTPMatchRequest{Port: b.httpsPort(), Authority: authority(host)})
		}
	}
	if len(aliases.Match) > 0 {
		routes = append(routes, aliases)
	}
	return b.virtualService(b.names.Redirect(), hosts, []string{b.names.Name}, routes...)
}

// authority matches a host as requests name it: in any case, and with the port.
// It matches the whole, because one host may begin like another.
func authority(host string) *istio.StringMatch {
	return &istio.StringMatch{MatchType: &istio.StringMatch_Regex{Regex: "(?i)" + regexp.QuoteMeta(host) + "(:[0-9]+)?"}}
}

func (b *builder) toCanonical() *istio.HTTPRedirect {
	return &istio.HTTPRedirect{
		Scheme: "https", Authority: b.canonical(), RedirectCode: http.StatusMovedPermanently,
		// Istio leaves it out of the address if it is the scheme's own.
		RedirectPort: &istio.HTTPRedirect_Port{Port: b.httpsPort()},
	}
}

func (b *builder) httpsPort() uint32 { return uint32(b.values.gateway.httpsPort) }
