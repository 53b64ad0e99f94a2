package service

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/testing/pki"
)

const publicHost = "blog.example.com"

// scene is a platform as verify sees it; its fields are what can be wrong.
type scene struct {
	// down names the data service whose database is away.
	down string
	// host is the name in the certificate.
	host string
	// start and validity are those of the certificate.
	start    time.Time
	validity time.Duration
	// home answers for the home page.
	home http.HandlerFunc
	// authority decides what verify is told: "" nothing, "ours" the right one, "other" a wrong one.
	authority string
}

func healthy() scene {
	return scene{
		host: publicHost, start: time.Now().Add(-time.Hour), validity: 2 * time.Hour, authority: "ours",
		home: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		},
	}
}

func TestVerifyPassesOnlyWhenReadersAreServed(t *testing.T) {
	cases := map[string]struct {
		change func(*scene)
		// passes is part of a line on standard output, fails of the error.
		passes, fails string
	}{
		"all is well": {
			func(*scene) {}, "home page of https://blog.example.com answered 200; certificate until", "",
		},
		"an authority that cannot be known here is accepted, and said": {
			func(s *scene) { s.authority = "" }, "authority is not known here, which is accepted", "",
		},
		"a database that is away": {
			func(s *scene) { s.down = "content" }, "ok   user", "content: service unavailable",
		},
		"a certificate for another host": {
			func(s *scene) { s.host = "shop.example.com" }, "", "does not cover blog.example.com, only shop.example.com",
		},
		"an expired certificate": {
			func(s *scene) { s.start = time.Now().Add(-24 * time.Hour) }, "", "expired on",
		},
		"an expired certificate of an unknown authority": {
			func(s *scene) { s.start, s.authority = time.Now().Add(-24*time.Hour), "" }, "", "expired on",
		},
		"a certificate from tomorrow": {
			func(s *scene) { s.start = time.Now().Add(24 * time.Hour) }, "", "is valid only from",
		},
		"a certificate of another authority than the given one": {
			func(s *scene) { s.authority = "other" }, "", "cannot be trusted",
		},
		"a home page that fails": {
			func(s *scene) { s.home = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) } }, "", "answered 503 instead of 200",
		},
		"a redirect instead of a home page": {
			func(s *scene) {
				s.home = func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, "https://elsewhere.example.com/", http.StatusFound)
				}
			}, "", "answered 302 instead of 200",
		},
		"something else that answers": {
			func(s *scene) { s.home = func(w http.ResponseWriter, _ *http.Request) { _ = problem.JSON(w, "hello") } }, "", "is something else answering?",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			c.change(&s)
			out, err := s.verify(t)
			if (err != nil) != (c.fails != "") || (err != nil && !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("got error %v", err)
			}
			if !strings.Contains(out, c.passes) || strings.Count(out, "\n") != 4 {
				t.Errorf("printed:\n%s", out)
			}
		})
	}
}

func TestVerifyAsksAgainUntilItsTimeIsOver(t *testing.T) {
	asked := 0
	c := check{"slow starter", func(context.Context) (string, error) {
		if asked++; asked < 2 {
			return "", context.DeadlineExceeded
		}
		return "up", nil
	}}
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), timefactor.Scale(30*time.Second))
	defer cancel()
	if err := runChecks(ctx, &out, []check{c}); err != nil || out.String() != "ok   slow starter: up\n" {
		t.Errorf("got %v, %s", err, out.String())
	}
}

func TestVerifyNamesWhatItWasNotTold(t *testing.T) {
	t.Setenv("USER_URL", "http://u")
	_, err := checksFromEnv()
	for _, want := range []string{"CONTENT_URL", "COMMENT_URL", "PUBLIC_URL", "GATEWAY_ADDRESS"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in: %v", want, err)
		}
	}
}

// verify runs the checks once against the scene and returns what was printed.
func (s scene) verify(t *testing.T) (string, error) {
	t.Helper()
	for _, name := range []string{"user", "content", "comment"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/healthz/dependencies" || s.down == name {
				problem.Write(w, r, http.StatusServiceUnavailable, "The database does not answer.")
				return
			}
			_ = problem.JSON(w, map[string]string{"database": "ok"})
		}))
		t.Cleanup(server.Close)
		t.Setenv(strings.ToUpper(name)+"_URL", server.URL)
	}
	gateway := s.gateway(t)
	t.Setenv("GATEWAY_ADDRESS", gateway.Listener.Addr().String())
	t.Setenv("PUBLIC_URL", "https://"+publicHost)
	checks, err := checksFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	// Time is over from the start: each check is asked once.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	err = runChecks(ctx, &out, checks)
	return out.String(), err
}

func (s scene) gateway(t *testing.T) *httptest.Server {
	t.Helper()
	authority := newAuthority(t)
	leaf, err := authority.Issue(s.start, s.validity, s.host)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != publicHost || r.TLS.ServerName != publicHost || r.URL.Path != "/" {
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		s.home(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{leaf.TLS()}}
	server.StartTLS()
	t.Cleanup(server.Close)

	if s.authority == "other" {
		authority = newAuthority(t)
	}
	file := ""
	if s.authority != "" {
		file = filepath.Join(t.TempDir(), "ca.crt")
		if err := os.WriteFile(file, authority.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GATEWAY_CA_FILE", file)
	return server
}

func newAuthority(t *testing.T) *pki.Authority {
	t.Helper()
	authority, err := pki.NewAuthority(48 * time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}
