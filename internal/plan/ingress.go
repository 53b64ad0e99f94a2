package plan

import (
	"net/http"
	"regexp"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	istio "istio.io/api/networking/v1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	b.gate(StageMesh, b.virtualService(b.names.Workload(naming.Frontend), b.Platform.Spec.Hosts[:1], []string{b.names.Name}, route))
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

// ingressGateway opens the hosts to VirtualServices of this namespace only.
func (b *builder) ingressGateway() *networkingv1.Gateway {
	var hosts []string
	for _, host := range b.Platform.Spec.Hosts {
		hosts = append(hosts, "./"+host)
	}
	return &networkingv1.Gateway{
		TypeMeta: networkingType("Gateway"), ObjectMeta: b.meta(b.names.Name),
		Spec: istio.Gateway{
			Selector: b.values.gateway.selector,
			Servers: []*istio.Server{
				{Port: &istio.Port{Number: portHTTP, Name: "http", Protocol: "HTTP"}, Hosts: hosts},
				{
					Port: &istio.Port{Number: b.httpsPort(), Name: "https", Protocol: "HTTPS"}, Hosts: hosts,
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
	if len(hosts) > 1 {
		aliases := &istio.HTTPRoute{Name: "aliases", Redirect: b.toCanonical()}
		for _, alias := range hosts[1:] {
			aliases.Match = append(aliases.Match, &istio.HTTPMatchRequest{Port: b.httpsPort(), Authority: authority(alias)})
		}
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
		Scheme: "https", Authority: b.Platform.Spec.Hosts[0], RedirectCode: http.StatusMovedPermanently,
		// Istio leaves it out of the address if it is the scheme's own.
		RedirectPort: &istio.HTTPRedirect_Port{Port: b.httpsPort()},
	}
}

func (b *builder) httpsPort() uint32 { return uint32(b.values.gateway.httpsPort) }
