package discovery

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// provider is a server that answers discovery with handler, and counts questions.
func provider(t *testing.T, handler func(w http.ResponseWriter, issuer string)) (Provider, *atomic.Int32) {
	t.Helper()
	var asked atomic.Int32
	mux := http.NewServeMux()
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	issuer := server.URL + "/t/acme/oauth2/token"
	mux.HandleFunc("GET /t/acme/oauth2/token/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		handler(w, issuer)
	})
	return Provider{issuer, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))}, &asked
}

func good(w http.ResponseWriter, issuer string) { fmt.Fprintf(w, `{"issuer": %q}`, issuer) }

// loopback is where the providers of tests are.
var loopback = Networks{netip.MustParsePrefix("127.0.0.0/8")}

// asker answers what is known of a provider, once something is.
func asker() func(Provider) error { return askerOf(loopback) }

func askerOf(networks Networks) func(Provider) error {
	changed := make(chan Provider, parallel)
	a := NewAsker(networks, func(p Provider) { changed <- p })
	return func(p Provider) error {
		if known, problem := a.Answer(p); known {
			return problem
		}
		<-changed
		_, problem := a.Answer(p)
		return problem
	}
}

func TestAProviderThatAnswersIsGood(t *testing.T) {
	p, asked := provider(t, good)
	answer := asker()
	for range 3 {
		if err := answer(p); err != nil {
			t.Error(err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("it was asked %d times", asked.Load())
	}
}

// TestAProviderThatNeverAnswersKeepsNobodyWaiting: neither who asks about it nor,
// as long as others are open, who asks about another one.
func TestAProviderThatNeverAnswersKeepsNobodyWaiting(t *testing.T) {
	release := make(chan struct{})
	silent, asked := provider(t, func(http.ResponseWriter, string) { <-release })
	defer close(release)
	changed := make(chan Provider, 2)
	a := NewAsker(loopback, func(p Provider) { changed <- p })
	for range 3 {
		if known, problem := a.Answer(silent); known || problem != nil {
			t.Fatalf("known: %v, %v", known, problem)
		}
	}
	other, _ := provider(t, good)
	_, _ = a.Answer(other)
	if p := <-changed; p != other {
		t.Errorf("the first answer is of %s", p.Issuer)
	}
	if known, problem := a.Answer(other); problem != nil || !known {
		t.Errorf("known: %v, %v", known, problem)
	}
	if p := <-changed; p != silent {
		t.Errorf("the second answer is of %s", p.Issuer)
	}
	if known, problem := a.Answer(silent); !known || problem == nil || problem.Error() != "it does not answer" {
		t.Errorf("known: %v, %v", known, problem)
	}
	if asked.Load() != 1 {
		t.Errorf("it was asked %d times", asked.Load())
	}
}

func TestAnIssuerMayEndWithASlash(t *testing.T) {
	p, _ := provider(t, func(w http.ResponseWriter, issuer string) { good(w, issuer+"/") })
	p.Issuer += "/"
	if err := asker()(p); err != nil {
		t.Error(err)
	}
}

func TestEachProblemIsNamedWithoutWhatChanges(t *testing.T) {
	gone, _ := provider(t, good)
	closed := httptest.NewTLSServer(nil)
	gone.Issuer = closed.URL
	closed.Close()
	untrusted, _ := provider(t, good)
	untrusted.CABundle = ""
	broken, _ := provider(t, good)
	broken.CABundle = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
	cases := map[string]struct {
		provider Provider
		want     string
	}{
		"nobody listens":         {gone, "it does not answer"},
		"unknown authority":      {untrusted, "its certificate is not trusted"},
		"unreadable CA bundle":   {broken, "the CA bundle holds no certificate that can be read"},
		"name that nobody knows": {Provider{Issuer: "https://nobody.invalid/token"}, "its name is not known to DNS"},
	}
	for name, answer := range map[string]struct {
		with func(w http.ResponseWriter, issuer string)
		want string
	}{
		"an error": {func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusBadGateway) }, "it answers with status 502"},
		"a redirect": {func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusFound)
		}, "it answers with status 302"},
		"a page":               {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, "<html>") }, "its answer is no discovery document"},
		"another's document":   {func(w http.ResponseWriter, issuer string) { good(w, issuer+"/other") }, "its discovery document names another issuer"},
		"a document too large": {func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `{"a": "`+strings.Repeat("a", maxDocument)) }, "its answer is no discovery document"},
	} {
		p, _ := provider(t, answer.with)
		cases[name] = struct {
			provider Provider
			want     string
		}{p, answer.want}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if err := asker()(c.provider); err == nil || err.Error() != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}
