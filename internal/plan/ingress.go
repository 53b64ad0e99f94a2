package plan

import (
	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	istio "istio.io/api/networking/v1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/internal/naming"
)

// portHTTP of the ingress gateway only redirects, and lets ACME's challenges pass.
const portHTTP = 80

// ingress leads readers to the frontend.
func (b *builder) ingress() {
	b.add(Child{Stage: StageMesh, Object: b.convert(b.certificate())})
	b.gate(StageMesh, b.ingressGateway())
	b.gate(StageMesh, b.redirect())
	route := b.primaryRoute(naming.Frontend, &istio.HTTPMatchRequest{Port: uint32(b.values.gateway.httpsPort)})
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
			DNSNames:   b.Platform.Spec.Hosts,
			IssuerRef:  cmmeta.IssuerReference{Group: or(issuer.Group, certmanager.SchemeGroupVersion.Group), Kind: issuer.Kind, Name: issuer.Name},
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
					Port: &istio.Port{Number: uint32(b.values.gateway.httpsPort), Name: "https", Protocol: "HTTPS"}, Hosts: hosts,
					Tls: &istio.ServerTLSSettings{
						Mode: istio.ServerTLSSettings_SIMPLE, CredentialName: b.names.Certificate(),
						MinProtocolVersion: istio.ServerTLSSettings_TLSV1_2,
					},
				},
			},
		},
	}
}

// redirect sends every host to the canonical one over HTTPS. On plain HTTP its
// route matches no path, which puts it behind the routes of ACME's challenges:
// Istio keeps routes for everything at the end of a host.
func (b *builder) redirect() *networkingv1.VirtualService {
	hosts := b.Platform.Spec.Hosts
	routes := []*istio.HTTPRoute{{
		Name:     "http",
		Match:    []*istio.HTTPMatchRequest{{Port: portHTTP}},
		Redirect: b.toCanonical(),
	}}
	if len(hosts) > 1 {
		aliases := &istio.HTTPRoute{Name: "aliases", Redirect: b.toCanonical()}
		for _, alias := range hosts[1:] {
			// The authority of a request may hold the port.
			aliases.Match = append(aliases.Match, &istio.HTTPMatchRequest{
				Port:      uint32(b.values.gateway.httpsPort),
				Authority: &istio.StringMatch{MatchType: &istio.StringMatch_Prefix{Prefix: alias}},
			})
		}
		routes = append(routes, aliases)
	}
	return b.virtualService(b.names.Redirect(), hosts, []string{b.names.Name}, routes...)
}

func (b *builder) toCanonical() *istio.HTTPRedirect {
	redirect := &istio.HTTPRedirect{Scheme: "https", Authority: b.Platform.Spec.Hosts[0], RedirectCode: 301}
	if port := b.values.gateway.httpsPort; port != 443 {
		redirect.RedirectPort = &istio.HTTPRedirect_Port{Port: uint32(port)}
	}
	return redirect
}
