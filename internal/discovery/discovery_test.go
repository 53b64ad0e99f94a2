package discovery

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
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

func TestAProviderThatAnswersIsGood(t *testing.T) {
	p, asked := provider(t, good)
	var asker Asker
	for range 3 {
		if err := asker.Ask(t.Context(), p); err != nil {
			t.Error(err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("it was asked %d times", asked.Load())
	}
}

func TestAnIssuerMayEndWithASlash(t *testing.T) {
	p, _ := provider(t, func(w http.ResponseWriter, issuer string) { good(w, issuer+"/") })
	p.Issuer += "/"
	if err := new(Asker).Ask(t.Context(), p); err != nil {
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
			if err := new(Asker).Ask(t.Context(), c.provider); err == nil || err.Error() != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}
