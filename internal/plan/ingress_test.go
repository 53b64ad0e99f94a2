package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	istio "istio.io/api/networking/v1"
	istionet "istio.io/client-go/pkg/apis/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/internal/naming"
)

// TestReadersAreLedToTheCanonicalHost asks the gateway as browsers and
// authorities do, for hosts of which one begins like the other.
func TestReadersAreLedToTheCanonicalHost(t *testing.T) {
	const canonical, alias, another = "blog.example.com.au", "blog.example.com", "www.blog.example.com.au"
	cases := map[string]struct {
		httpsPort int32
		url, want string
	}{
		"plain HTTP":                              {443, "http://blog.example.com.au/posts/one", "301 https://blog.example.com.au"},
		"plain HTTP, another port":                {8443, "http://blog.example.com.au/posts/one", "301 https://blog.example.com.au:8443"},
		"plain HTTP of an alias":                  {443, "http://blog.example.com/", "301 https://blog.example.com.au"},
		"an alias":                                {443, "https://blog.example.com/", "301 https://blog.example.com.au"},
		"another alias":                           {443, "https://www.blog.example.com.au/", "301 https://blog.example.com.au"},
		"plain HTTP of another alias":             {8443, "http://www.blog.example.com.au/", "301 https://blog.example.com.au:8443"},
		"an alias with its port":                  {443, "https://blog.example.com:443/", "301 https://blog.example.com.au"},
		"an alias in capitals, another port":      {8443, "https://BLOG.example.com:8443/", "301 https://blog.example.com.au:8443"},
		"the canonical host":                      {443, "https://blog.example.com.au/", "primary"},
		"the canonical host with its port":        {8443, "https://blog.example.com.au:8443/", "primary"},
		"a challenge of ACME":                     {443, "http://blog.example.com.au/.well-known/acme-challenge/x", "nothing"},
		"a challenge of ACME for an alias":        {8443, "http://blog.example.com/.well-known/acme-challenge/x", "nothing"},
		"the path of challenges over HTTPS":       {443, "https://blog.example.com.au/.well-known/acme-challenge/x", "primary"},
		"a path that is like that of a challenge": {443, "http://blog.example.com.au/.well-known/security.txt", "301 https://blog.example.com.au"},
		"the host of somebody else":               {443, "https://example.com/", "nothing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			children := served(t, c.httpsPort, canonical, alias, another)
			if got := answerOf(t, children, c.url, uint32(c.httpsPort)); got != c.want {
				t.Errorf("%s is answered %s, want %s", c.url, got, c.want)
			}
		})
	}
}

// TestAnOnlyHostIsRedirectedFromPlainHTTPAlone has no alias that could be.
func TestAnOnlyHostIsRedirectedFromPlainHTTPAlone(t *testing.T) {
	children := served(t, 8443, "blog.example.com")
	for url, want := range map[string]string{
		"http://blog.example.com/":           "301 https://blog.example.com:8443",
		"https://blog.example.com:8443/":     "primary",
		"https://www.blog.example.com:8443/": "nothing",
	} {
		if got := answerOf(t, children, url, 8443); got != want {
			t.Errorf("%s is answered %s, want %s", url, got, want)
		}
	}
}

// TestAHostIsServedOnceTheCertificateCoversIt: until then the canonical host is the
// one that was, and nobody meets a certificate of another name.
func TestAHostIsServedOnceTheCertificateCoversIt(t *testing.T) {
	const before, added = "blog.example.com", "new.example.com"
	certificate := func(hosts []any, ready string, observed int64) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"generation": int64(2)},
			"spec":   map[string]any{"dnsNames": hosts},
			"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": ready, "observedGeneration": observed}}},
		}}
	}
	both := []any{added, before}
	cases := map[string]struct {
		hosts       []string
		served      []string
		certificate *unstructured.Unstructured
		want        map[string]string
	}{
		"the certificate is for the others yet": {[]string{added, before}, []string{before}, certificate([]any{before}, "True", 2),
			map[string]string{"https://new.example.com/": "nothing", "https://blog.example.com/": "primary", "http://new.example.com/": "301 https://blog.example.com"}},
		"it is being issued": {[]string{added, before}, []string{before}, certificate(both, "False", 2),
			map[string]string{"https://new.example.com/": "nothing", "https://blog.example.com/": "primary"}},
		"cert-manager has not seen the new name": {[]string{added, before}, []string{before}, certificate(both, "True", 1),
			map[string]string{"https://new.example.com/": "nothing", "https://blog.example.com/": "primary"}},
		"it is issued": {[]string{added, before}, []string{before}, certificate(both, "True", 2),
			map[string]string{"https://new.example.com/": "primary", "https://blog.example.com/": "301 https://new.example.com"}},
		"its renewal fails": {[]string{added, before}, []string{added, before}, certificate(both, "False", 2),
			map[string]string{"https://new.example.com/": "primary", "https://blog.example.com/": "301 https://new.example.com"}},
		"an alias waits": {[]string{before, added}, []string{before}, certificate(both, "False", 2),
			map[string]string{"https://new.example.com/": "nothing", "https://blog.example.com/": "primary", "http://new.example.com/.well-known/acme-challenge/x": "nothing"}},
		"nothing is served yet": {[]string{added, before}, nil, nil,
			map[string]string{"https://new.example.com/": "primary", "https://blog.example.com/": "301 https://new.example.com"}},
		"no host is what it was": {[]string{added}, []string{before}, certificate([]any{before}, "True", 2),
			map[string]string{"https://new.example.com/": "primary", "https://blog.example.com/": "nothing"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := stories(t)["production"]
			in.Platform.Spec.Gateway.HTTPSPort = new(int32(443))
			in.Platform.Spec.Hosts = c.served
			if c.served != nil {
				in.Observed = append(in.Observed, live(t, planOf(t, in), "Gateway").DeepCopy())
			}
			in.Platform.Spec.Hosts = c.hosts
			if c.certificate != nil {
				desired := live(t, planOf(t, in), "Certificate")
				c.certificate.SetNamespace(desired.GetNamespace())
				c.certificate.SetName(desired.GetName())
				c.certificate.SetLabels(naming.Of(keyOf(in.Platform)).UnownedLabels())
				in.Observed = append(in.Observed, c.certificate)
			}
			children := planOf(t, in).Children
			for url, want := range c.want {
				if got := answerOf(t, children, url, 443); got != want {
					t.Errorf("%s is answered %s, want %s", url, got, want)
				}
			}
			if gateway := childrenOf[istionet.Gateway](t, children, "Gateway")[0]; len(gateway.Spec.Servers[0].Hosts) != len(c.hosts) {
				t.Errorf("plain HTTP is open to %v", gateway.Spec.Servers[0].Hosts)
			}
			if dns := childrenOf[certmanager.Certificate](t, children, "Certificate")[0].Spec.DNSNames; !slices.Equal(dns, c.hosts) {
				t.Errorf("the certificate is for %v", dns)
			}
		})
	}
}

// live is the first child of a kind, as the API server would have it.
func live(t *testing.T, plan Plan, kind string) *unstructured.Unstructured {
	t.Helper()
	for _, child := range plan.Children {
		if child.Object.GetKind() == kind {
			return child.Object
		}
	}
	t.Fatalf("the plan has no %s", kind)
	return nil
}

// served are the children of a platform with those hosts.
func served(t *testing.T, httpsPort int32, hosts ...string) []Child {
	t.Helper()
	in := stories(t)["production"]
	in.Platform.Spec.Hosts = hosts
	in.Platform.Spec.Gateway.HTTPSPort = &httpsPort
	return planOf(t, in).Children
}

// answerOf finds the route that the gateway takes, as Istio merges the
// VirtualServices of a host. At most one may match, since those merged are in no
// order that we choose.
func answerOf(t *testing.T, children []Child, url string, httpsPort uint32) string {
	t.Helper()
	scheme, rest, _ := strings.Cut(url, "://")
	authority, path, _ := strings.Cut(rest, "/")
	host, _, _ := strings.Cut(authority, ":")
	port := uint32(80)
	if scheme == "https" {
		port = httpsPort
	}
	gateway := childrenOf[istionet.Gateway](t, children, "Gateway")[0]
	if !slices.ContainsFunc(gateway.Spec.Servers, func(s *istio.Server) bool {
		return s.Port.Number == port && (s.Tls != nil) == (scheme == "https") && slices.Contains(s.Hosts, "./"+strings.ToLower(host))
	}) {
		return "nothing"
	}
	answer := "nothing"
	for _, service := range childrenOf[istionet.VirtualService](t, children, "VirtualService") {
		if !slices.Contains(service.Spec.Gateways, gateway.Name) || !slices.Contains(service.Spec.Hosts, strings.ToLower(host)) {
			continue
		}
		for _, route := range service.Spec.Http {
			// A route that asks for nothing takes everything.
			if len(route.Match) > 0 && !slices.ContainsFunc(route.Match, func(m *istio.HTTPMatchRequest) bool { return matches(m, port, authority, "/"+path) }) {
				continue
			}
			if answer != "nothing" {
				t.Errorf("%s is answered both %s and by route %s", url, answer, route.Name)
			}
			answer = describeRoute(route)
		}
	}
	return answer
}

// matches panics where a match holds more than this test knows of.
func matches(m *istio.HTTPMatchRequest, port uint32, authority, path string) bool {
	known := &istio.HTTPMatchRequest{Port: m.Port, Authority: m.Authority, WithoutHeaders: m.WithoutHeaders}
	if m.String() != known.String() {
		panic(fmt.Sprintf("unknown match %v", m))
	}
	if m.Port != port {
		return false
	}
	// Regular expressions of Istio match the whole.
	if m.Authority != nil && !regexp.MustCompile("^(?:"+m.Authority.GetRegex()+")$").MatchString(authority) {
		return false
	}
	without := m.WithoutHeaders[":path"]
	return without == nil || !strings.HasPrefix(path, without.GetPrefix())
}

func describeRoute(route *istio.HTTPRoute) string {
	redirect := route.Redirect
	if redirect == nil {
		return route.Name
	}
	address := redirect.Scheme + "://" + redirect.Authority
	// Istio leaves out the port that is the scheme's own.
	if port := redirect.GetPort(); port != 0 && port != 443 {
		address += fmt.Sprintf(":%d", port)
	}
	return fmt.Sprintf("%d %s", redirect.RedirectCode, address)
}

// TestNoRetryRepeatsARequestThatMayHaveBeenServed holds for any method: a
// route does not tell them apart.
func TestNoRetryRepeatsARequestThatMayHaveBeenServed(t *testing.T) {
	safe := []string{"connect-failure", "refused-stream", "reset-before-request"}
	for _, service := range childrenOf[istionet.VirtualService](t, planOf(t, stories(t)["production"]).Children, "VirtualService") {
		for _, route := range service.Spec.Http {
			if route.Redirect != nil {
				continue
			}
			// Without a policy Istio has one of its own; one without attempts is that there are none.
			if route.Retries == nil || route.Retries.Attempts > 0 && route.Retries.RetryOn == "" {
				t.Errorf("%s: route %s leaves retries to Istio", service.Name, route.Name)
				continue
			}
			if route.Retries.Attempts == 0 {
				continue
			}
			for _, failure := range strings.Split(route.Retries.RetryOn, ",") {
				if !slices.Contains(safe, failure) {
					t.Errorf("%s: route %s retries after %s", service.Name, route.Name, failure)
				}
			}
		}
	}
}
