package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	istio "istio.io/api/networking/v1"
	istionet "istio.io/client-go/pkg/apis/networking/v1"
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
