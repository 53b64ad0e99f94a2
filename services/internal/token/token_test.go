package token

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/services/internal/problem"
)

const issuer = "blogplatform://g11-stg/blog"

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// publisher is a Source with a clock.
type publisher struct {
	set    Set
	failed error
	calls  atomic.Int64
	clock  time.Time
}

func (p *publisher) fetch(context.Context) (Set, error) {
	p.calls.Add(1)
	return p.set, p.failed
}

func (p *publisher) verifier() *Verifier {
	v := NewVerifier(p.fetch, issuer, Content)
	v.now = func() time.Time { return p.clock }
	return v
}

func publish(keys ...Key) *publisher {
	p := &publisher{clock: now}
	for _, key := range keys {
		p.set.Keys = append(p.set.Keys, key.Public())
	}
	return p
}

func newKey(t *testing.T) Key {
	t.Helper()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, key Key, audience string, claims Claims) string {
	t.Helper()
	raw, err := key.Sign(issuer, audience, claims, now)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestATokenSaysWhoAsksAndWithWhichRole(t *testing.T) {
	key := newKey(t)
	again, err := ParseKey(key.ID, key.Seed())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Claims{
		{Person: 7, Name: "Amara Silva", Role: Editor},
		{Person: 7, Purpose: Erasure},
	} {
		got, err := publish(key).verifier().Verify(t.Context(), sign(t, again, Content, want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestATokenThatIsNotToBeBelievedIsRefused(t *testing.T) {
	key, other := newKey(t), newKey(t)
	reader := Claims{Person: 7, Role: Reader}
	good := sign(t, key, Content, reader)
	part := strings.Split(good, ".")
	forged := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + part[1] + "."
	}
	stranger := other
	stranger.ID = key.ID
	elsewhere, err := key.Sign("blogplatform://g11-prod/blog", Content, reader, now)
	if err != nil {
		t.Fatal(err)
	}
	hmac := sharedSecret(t, key)
	cases := map[string]string{
		"empty":                           "",
		"not a token":                     "amara",
		"unsigned":                        forged(`{"alg":"none","kid":"` + key.ID + `"}`),
		"signed with the public key":      hmac,
		"signed by an elliptic key":       elliptical(t, key.ID),
		"for another service":             sign(t, key, Comment, reader),
		"of another environment":          elsewhere,
		"signed by a stranger":            sign(t, stranger, Content, reader),
		"signed by a key nobody knows":    sign(t, other, Content, reader),
		"with a changed payload":          part[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"role":"Admin"}`)) + "." + part[2],
		"without a role":                  sign(t, key, Content, Claims{Person: 7}),
		"with a role that there is not":   sign(t, key, Content, Claims{Person: 7, Role: "Owner"}),
		"for erasure and with a role":     sign(t, key, Content, Claims{Person: 7, Role: Reader, Purpose: Erasure}),
		"of nobody":                       sign(t, key, Content, Claims{Role: Reader}),
		"with more than one audience":     raw(t, key, map[string]any{"iss": issuer, "aud": []string{Content, Comment}, "sub": "7", "role": "Reader", "iat": now.Unix(), "exp": now.Unix() + 60}),
		"that never ends":                 raw(t, key, map[string]any{"iss": issuer, "aud": Content, "sub": "7", "role": "Reader", "iat": now.Unix()}),
		"that does not say when it began": raw(t, key, map[string]any{"iss": issuer, "aud": Content, "sub": "7", "role": "Reader", "exp": now.Unix() + 60}),
	}
	for name, token := range cases {
		t.Run(name, func(t *testing.T) {
			if claims, err := publish(key).verifier().Verify(t.Context(), token); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %+v, %v", claims, err)
			}
		})
	}
}

func TestATokenHoldsForAMinuteWhateverTheClocksAreApart(t *testing.T) {
	key := newKey(t)
	raw := sign(t, key, Content, Claims{Person: 7, Role: Reader})
	for age, want := range map[time.Duration]bool{
		-10 * time.Second: false, -4 * time.Second: true, 0: true, 64 * time.Second: true, 66 * time.Second: false,
	} {
		p := publish(key)
		p.clock = now.Add(age)
		if _, err := p.verifier().Verify(t.Context(), raw); (err == nil) != want {
			t.Errorf("after %s: %v", age, err)
		}
	}
}

func TestUnknownKeysCauseAFetchEveryFiveSecondsAtMost(t *testing.T) {
	known, young := newKey(t), newKey(t)
	p := publish(known)
	v := p.verifier()
	old, fresh := sign(t, known, Content, Claims{Person: 7, Role: Reader}), sign(t, young, Content, Claims{Person: 7, Role: Reader})
	for range 3 {
		if _, err := v.Verify(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), fresh); !errors.Is(err, ErrInvalid) {
			t.Fatalf("got %v", err)
		}
	}
	if got := p.calls.Load(); got != 1 {
		t.Errorf("%d fetches", got)
	}
	p.set.Keys = append(p.set.Keys, young.Public())
	p.clock = now.Add(unknownEvery)
	if _, err := v.Verify(t.Context(), fresh); err != nil {
		t.Errorf("after the key was published: %v", err)
	}
	if got := p.calls.Load(); got != 2 {
		t.Errorf("%d fetches", got)
	}
}

func TestTheLastKeysServeTenMinutesWhileNoneCanBeFetched(t *testing.T) {
	key := newKey(t)
	p := publish(key)
	v := p.verifier()
	if err := v.refresh(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	p.failed = errors.New("connection refused")
	for age, want := range map[time.Duration]error{keepFor - time.Second: nil, keepFor: ErrNoKeys} {
		p.clock = now.Add(age)
		raw, err := key.Sign(issuer, Content, Claims{Person: 7, Role: Reader}, p.clock)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, want) {
			t.Errorf("after %s: %v", age, err)
		}
	}
}

func TestRunFetchesTheKeysBeforeAnybodyAsks(t *testing.T) {
	p := publish(newKey(t))
	v := p.verifier()
	ctx, cancel := context.WithCancel(t.Context())
	fetched := make(chan struct{})
	v.source = func(ctx context.Context) (Set, error) {
		defer close(fetched)
		return p.fetch(ctx)
	}
	done := make(chan struct{})
	go func() { v.Run(ctx); close(done) }()
	<-fetched
	cancel()
	<-done
}

func TestKeysComeFromTheUserService(t *testing.T) {
	key := newKey(t)
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		// A key of another algorithm is none of ours.
		private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		_ = json.NewEncoder(w).Encode(Set{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "ec", Algorithm: "ES256"}, key.Public()}})
	}))
	defer server.Close()
	set, err := HTTP(server.URL)(t.Context())
	if err != nil || len(set.Keys) != 1 || set.Keys[0].KeyID != key.ID {
		t.Errorf("got %+v, %v", set, err)
	}
	status = http.StatusServiceUnavailable
	if _, err := HTTP(server.URL)(t.Context()); err == nil {
		t.Error("an answer of 503 is taken for keys")
	}
}

func TestARequestIsAnonymousOrProvesWhoAsks(t *testing.T) {
	key := newKey(t)
	away := publish(key)
	away.failed = errors.New("connection refused")
	good := sign(t, key, Content, Claims{Person: 7, Role: Reader})
	cases := map[string]struct {
		from   *publisher
		header string
		ok     bool
		status int
	}{
		"without a token":            {publish(key), "", false, 0},
		"with a token":               {publish(key), "Bearer " + good, true, 0},
		"with a small bearer":        {publish(key), "bearer " + good, true, 0},
		"with a password":            {publish(key), "Basic YTpi", false, 401},
		"with nonsense":              {publish(key), "Bearer x", false, 401},
		"while keys cannot be had":   {away, "Bearer " + good, false, 503},
		"nonsense, and without keys": {away, "Bearer x", false, 401},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			claims, ok, err := c.from.verifier().Authenticate(r)
			var told *problem.Error
			if status := 0; errors.As(err, &told) && told.Status != c.status || (err != nil) != (c.status != status) || ok != c.ok {
				t.Errorf("got %+v, %t, %v", claims, ok, err)
			}
		})
	}
}

func TestARoleIncludesThoseBelow(t *testing.T) {
	for _, c := range []struct {
		role, other Role
		want        bool
	}{
		{Admin, Reader, true}, {Admin, Admin, true}, {Editor, Reader, true}, {Reader, Editor, false},
		{"Owner", Reader, false}, {Admin, "Owner", false}, {"", "", false},
	} {
		if got := c.role.Includes(c.other); got != c.want {
			t.Errorf("%q includes %q: %t", c.role, c.other, got)
		}
	}
}

func raw(t *testing.T, key Key, claims map[string]any) string {
	t.Helper()
	return serialize(t, jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key.private, KeyID: key.ID}}, claims)
}

// sharedSecret signs with the public key as if it were a shared secret.
func sharedSecret(t *testing.T, key Key) string {
	t.Helper()
	public, err := json.Marshal(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return serialize(t, jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: public, KeyID: key.ID}},
		map[string]any{"iss": issuer, "aud": Content, "sub": "7", "role": "Admin", "iat": now.Unix(), "exp": now.Unix() + 60})
}

func elliptical(t *testing.T, id string) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return serialize(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: id}},
		map[string]any{"iss": issuer, "aud": Content, "sub": "7", "role": "Admin", "iat": now.Unix(), "exp": now.Unix() + 60})
}

func serialize(t *testing.T, key jose.SigningKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
