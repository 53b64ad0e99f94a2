package scim_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"blogplatform.io/operator/services/user/internal/scim"
)

// provider answers everything with yes, or with how it fails, and remembers which
// paths it was asked at.
type provider struct {
	*httptest.Server
	asked []string
	fails string
}

func newProvider(t testing.TB) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/token" {
			_, _ = w.Write([]byte(`{"access_token": "t", "token_type": "Bearer", "expires_in": 3600, "scope": "internal_user_mgt_update internal_user_mgt_view internal_session_delete"}`))
			return
		}
		p.asked = append(p.asked, r.URL.EscapedPath())
		if p.fails != "" {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"detail": p.fails})
			return
		}
		_, _ = w.Write([]byte(`{}`))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) client(t testing.TB) *scim.Client {
	t.Helper()
	client, err := scim.New(scim.Config{
		BaseURL: p.URL + "/t/acme/scim2", ClientID: "m2m", ClientSecret: func() string { return "m" }, HTTP: p.Client(),
		TokenURL: func(context.Context) (string, error) { return p.URL + "/token", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Whatever a subject is, the provider is asked about one user of its own, never
// about all of them or about something beside.
func FuzzSubjectsAreOneUser(f *testing.F) {
	for _, seed := range []string{"0d1e3a2b-7f6c", "0d1e3a2b@acme", "", "@acme", ".", "..", "../Groups", "a/b", "a%2fb", "a?b", "a#b", "a;b", "\x00", "\xff", "ක", ".@.", `a\b`, "%2e%2e"} {
		f.Add(seed)
	}
	p := newProvider(f)
	client := p.client(f)
	f.Fuzz(func(t *testing.T, subject string) {
		p.asked = nil
		errLock := client.SetLocked(t.Context(), subject, true)
		_, errRead := client.Locked(t.Context(), subject)
		errEnd := client.EndSessions(t.Context(), subject)
		for _, err := range []error{errLock, errRead, errEnd} {
			if err != nil && (!errors.Is(err, scim.ErrNoID) || !scim.Final(err)) {
				t.Fatalf("%q: %v", subject, err)
			}
		}
		if errLock != nil {
			if len(p.asked) > 0 {
				t.Fatalf("%q: asked at %q", subject, p.asked)
			}
			return
		}
		for i, around := range [][2]string{{"/t/acme/scim2/Users/", ""}, {"/t/acme/scim2/Users/", ""}, {"/t/acme/api/users/v1/", "/sessions"}} {
			rest, isUser := strings.CutPrefix(p.asked[i], around[0])
			id, ends := strings.CutSuffix(rest, around[1])
			if !isUser || !ends || id == "" || strings.Contains(id, "/") || path.Clean(p.asked[i]) != p.asked[i] {
				t.Fatalf("%q: asked at %q", subject, p.asked[i])
			}
		}
	})
}

// What the provider says of a failure is kept in the database and shown to Admins.
func TestWhatTheProviderSaysOfAFailureCanBeKept(t *testing.T) {
	for name, detail := range map[string]string{
		"half a character":     strings.Repeat("x", 199) + "ක",
		"a NUL":                "no\x00where",
		"lines":                "one\ntwo",
		"what is too long":     strings.Repeat("long ", 1000),
		"what is no character": "\xff",
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.fails = detail
			err := p.client(t).SetLocked(t.Context(), "0d1e3a2b", true)
			if err == nil || !scim.Final(err) {
				t.Fatalf("got %v", err)
			}
			text := err.Error()
			if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > 300 || !strings.Contains(text, "400") {
				t.Errorf("got %q", text)
			}
		})
	}
}
