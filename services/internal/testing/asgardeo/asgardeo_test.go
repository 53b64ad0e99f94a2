package asgardeo_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"blogplatform.io/operator/services/internal/testing/asgardeo"
)

const (
	amara    = "0d1e3a2b-7f6c-4a53-9c1d-5e8f7a6b4c3d"
	callback = "https://blog.example.com/auth/callback"
	leaving  = "https://blog.example.com/"
)

// world is a fake and an application that uses it.
type world struct {
	*asgardeo.Fake
	server *httptest.Server
	ctx    context.Context
	oauth  oauth2.Config
	oidc   *oidc.Provider
	told   chan url.Values
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{told: make(chan url.Values, 10)}
	application := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.told <- r.PostForm
	}))
	t.Cleanup(application.Close)
	w.server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.ServeHTTP(rw, r) }))
	t.Cleanup(w.server.Close)
	var err error
	w.Fake, err = asgardeo.New(asgardeo.Config{
		BaseURL: w.server.URL + "/t/acme",
		Clients: []asgardeo.Client{
			{ID: "blog", Secret: "s", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{leaving}, BackChannelLogoutURI: application.URL},
			{ID: "m2m", Secret: "m", Scopes: []string{"internal_user_mgt_list", "internal_user_mgt_view", "internal_user_mgt_update"}},
		},
		Users: []asgardeo.User{{ID: amara, UserName: "amara@example.com", Password: "pw", Given: "Amara", Family: "Silva"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.ctx = oidc.ClientContext(t.Context(), w.server.Client())
	if w.oidc, err = oidc.NewProvider(w.ctx, w.Issuer()); err != nil {
		t.Fatal(err)
	}
	w.oauth = oauth2.Config{ClientID: "blog", ClientSecret: "s", RedirectURL: callback, Endpoint: w.oidc.Endpoint(), Scopes: []string{"openid", "email", "profile"}}
	return w
}

// signIn returns the ID token of a sign-in.
func (w *world) signIn(t *testing.T, browser *asgardeo.Browser, password string) (*oidc.IDToken, string, error) {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	at, err := browser.SignIn(w.oauth.AuthCodeURL("state", oidc.Nonce("nonce"), oauth2.S256ChallengeOption(verifier)), "amara@example.com", password)
	if err != nil {
		return nil, "", err
	}
	if at.Query().Get("state") != "state" {
		t.Errorf("the browser came back to %s", at)
	}
	token, err := w.oauth.Exchange(w.ctx, at.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, "", err
	}
	raw := token.Extra("id_token").(string)
	id, err := w.oidc.Verifier(&oidc.Config{ClientID: "blog"}).Verify(w.ctx, raw)
	if err == nil {
		err = id.VerifyAccessToken(token.AccessToken)
	}
	return id, raw, err
}

func (w *world) browser() *asgardeo.Browser { return w.NewBrowser(w.server.Client().Transport) }

func TestAPersonSignsInOnceAndOutEverywhere(t *testing.T) {
	w := newWorld(t)
	browser := w.browser()
	if _, _, err := w.signIn(t, browser, "wrong"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("with a wrong password: %v", err)
	}
	id, raw, err := w.signIn(t, browser, "pw")
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Sid, Azp, Email, Name string }
	if err := id.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if id.Subject != amara || id.Nonce != "nonce" || claims.Sid == "" {
		t.Errorf("got %+v and %+v", id, claims)
	}
	claimed := []string{claims.Azp, claims.Email, claims.Name}
	if want := []string{"blog", "amara@example.com", "Amara Silva"}; !slices.Equal(claimed, want) {
		t.Errorf("got %v, want %v", claimed, want)
	}
	again, _, err := w.signIn(t, browser, "not asked for")
	if err != nil || w.Sessions(amara) != 1 {
		t.Fatalf("a second time: %v, %d sessions", err, w.Sessions(amara))
	}
	if err := again.Claims(&claims); err != nil {
		t.Fatal(err)
	}

	out := w.server.URL + "/t/acme/oidc/logout?" + url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {leaving}, "state": {"bye"}}.Encode()
	if to, err := browser.Open(out); err != nil || to.String() != leaving+"?state=bye" {
		t.Errorf("signing out leads to %v, %v", to, err)
	}
	w.toldOf(t, claims.Sid)
	if w.Sessions(amara) != 0 {
		t.Error("the session is still there")
	}
}

// toldOf fails the test unless the application hears next that this session of Amara's has ended.
func (w *world) toldOf(t *testing.T, session string) {
	t.Helper()
	told := <-w.told
	token, err := w.oidc.Verifier(&oidc.Config{ClientID: "blog"}).Verify(w.ctx, told.Get("logout_token"))
	if err != nil {
		t.Fatal(err)
	}
	var logout struct {
		Sid    string
		Events map[string]any
	}
	if err := token.Claims(&logout); err != nil || logout.Sid != session || token.Subject != amara || len(logout.Events) != 1 {
		t.Errorf("the application was told %+v, %v", logout, err)
	}
}

func TestALockedPersonCannotSignIn(t *testing.T) {
	w := newWorld(t)
	browser := w.browser()
	if _, _, err := w.signIn(t, browser, "pw"); err != nil {
		t.Fatal(err)
	}
	w.SetLocked(amara, true)
	for name, with := range map[string]*asgardeo.Browser{"with a session": browser, "with a password": w.browser()} {
		if _, _, err := w.signIn(t, with, "pw"); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACodeIsGoodOnceAndOnlyForWhoBegan(t *testing.T) {
	w := newWorld(t)
	verifier := oauth2.GenerateVerifier()
	at, err := w.browser().SignIn(w.oauth.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)), "amara@example.com", "pw")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.oauth.Exchange(w.ctx, at.Query().Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier())); err == nil {
		t.Error("another verifier got the tokens")
	}
	if _, err := w.oauth.Exchange(w.ctx, at.Query().Get("code"), oauth2.VerifierOption(verifier)); err == nil {
		t.Error("a code was good twice")
	}
}

func TestKeysRotateClocksDifferAndClaimsLie(t *testing.T) {
	w := newWorld(t)
	before, raw, err := w.signIn(t, w.browser(), "pw")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.RotateKeys(true); err != nil {
		t.Fatal(err)
	}
	verifier := w.oidc.Verifier(&oidc.Config{ClientID: "blog"})
	if _, _, err := w.signIn(t, w.browser(), "pw"); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	if _, err := verifier.Verify(w.ctx, raw); err != nil {
		t.Errorf("the old key is still published: %v", err)
	}
	w.SetClockSkew(time.Hour)
	if later, _, err := w.signIn(t, w.browser(), "pw"); err != nil || later.IssuedAt.Sub(before.IssuedAt) < 50*time.Minute {
		t.Errorf("an hour ahead: %+v, %v", later, err)
	}
	w.SetClockSkew(-2 * time.Hour)
	if _, _, err := w.signIn(t, w.browser(), "pw"); err == nil {
		t.Error("a token that is over was good")
	}
	w.SetClockSkew(0)
	w.Tamper(func(claims map[string]any) { claims["aud"] = "other" })
	if _, _, err := w.signIn(t, w.browser(), "pw"); err == nil {
		t.Error("a token for another application was good")
	}
}

// m2m returns an HTTP client with a token for the scopes.
func (w *world) m2m(binding string, scopes ...string) *http.Client {
	config := clientcredentials.Config{
		ClientID: "m2m", ClientSecret: "m", TokenURL: w.server.URL + "/t/acme/oauth2/token", Scopes: scopes,
		EndpointParams: url.Values{"tokenBindingId": {binding}},
	}
	return config.Client(context.WithValue(w.ctx, oauth2.HTTPClient, w.server.Client()))
}

func (w *world) ask(t *testing.T, client *http.Client, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+"/t/acme"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	document, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	_ = json.Unmarshal(document, &out)
	return resp.StatusCode, out
}

const lock = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"urn:scim:wso2:schema:accountLocked","value":true}]}`

func TestAnApplicationLocksAPersonAndReadsItBack(t *testing.T) {
	w := newWorld(t)
	client := w.m2m("a", "internal_user_mgt_view", "internal_user_mgt_update")
	if status, _ := w.ask(t, client, "PATCH", "/scim2/Users/"+amara, lock); status != 200 || !w.Locked(amara) {
		t.Errorf("locking answered %d", status)
	}
	_, user := w.ask(t, client, "GET", "/scim2/Users/"+amara+"?attributes=urn:scim:wso2:schema", "")
	if state, _ := user["urn:scim:wso2:schema"].(map[string]any); state["accountLocked"] != "true" || user["userName"] != "DEFAULT/amara@example.com" {
		t.Errorf("read back: %v", user)
	}
	_, user = w.ask(t, client, "GET", "/scim2/Users/"+amara+"?attributes=urn:scim:wso2:schema:accountLocked", "")
	if _, shown := user["urn:scim:wso2:schema"]; shown {
		t.Error("an attribute by its name is not empty")
	}
	if status, _ := w.ask(t, client, "GET", "/scim2/Users", ""); status != 403 {
		t.Errorf("listing without the scope answered %d", status)
	}
	if status, _ := w.ask(t, client, "PATCH", "/scim2/Users/"+amara, strings.ReplaceAll(lock, "urn:scim:wso2", "urn:other")); status != 400 {
		t.Errorf("an unknown path answered %d", status)
	}
	if status, _ := w.ask(t, client, "PATCH", "/scim2/Users/nobody", lock); status != 404 {
		t.Errorf("nobody answered %d", status)
	}
	dropped := w.m2m("b", "internal_user_mgt_view", "internal_session_delete")
	if status, _ := w.ask(t, dropped, "DELETE", "/api/users/v1/"+amara+"/sessions", ""); status != 403 {
		t.Errorf("with a scope that the application may not have: %d", status)
	}
}

func TestTokensOfOneBindingRevokeEachOther(t *testing.T) {
	w := newWorld(t)
	first, second, other := w.m2m("a", "internal_user_mgt_list"), w.m2m("a", "internal_user_mgt_list"), w.m2m("b", "internal_user_mgt_list")
	for _, step := range []struct {
		client *http.Client
		want   int
	}{{first, 200}, {other, 200}, {first, 200}, {second, 200}, {first, 401}, {other, 200}} {
		if status, _ := w.ask(t, step.client, "GET", "/scim2/Users", ""); status != step.want {
			t.Errorf("answered %d instead of %d", status, step.want)
		}
	}
}

func TestFaultsSpoilTheRequestsTheyFit(t *testing.T) {
	w := newWorld(t)
	client := w.m2m("a", "internal_user_mgt_view", "internal_user_mgt_update")
	patch := func() int {
		status, _ := w.ask(t, client, "PATCH", "/scim2/Users/"+amara, lock)
		return status
	}
	w.Inject(asgardeo.Fault{Method: "PATCH", Path: "/scim2", Times: 1, Status: 429, RetryAfter: 7 * time.Second})
	w.Inject(asgardeo.Fault{Method: "PATCH", Path: "/scim2", Times: 1, Refuse: true})
	w.Inject(asgardeo.Fault{Method: "PATCH", Path: "/scim2", Times: 1, Lose: true})
	for _, step := range []struct {
		name   string
		status int
		locked bool
	}{{"too many", 429, false}, {"refused", 0, false}, {"applied, but the answer is lost", 0, true}, {"healed", 200, true}} {
		if status := patch(); status != step.status || w.Locked(amara) != step.locked {
			t.Errorf("%s: %d, locked %t", step.name, status, w.Locked(amara))
		}
	}
	if calls := w.Calls("PATCH", "/scim2"); calls != 4 {
		t.Errorf("%d calls", calls)
	}
}

func TestFiltersFindPeopleAsAsgardeoDoes(t *testing.T) {
	people := []asgardeo.User{
		{ID: "1", UserName: "amara@example.com", Given: "Amara", Family: "Silva"},
		{ID: "2", UserName: "nuwan@example.com", Given: "Nuwan", Family: `O"Neil`},
	}
	for filter, want := range map[string][]string{
		"":                                {"1", "2"},
		`userName eq "amara@example.com"`: {"1"},
		`userName eq "DEFAULT/amara@example.com"`: {"1"},
		`username EQ amara@example.com`:           {"1"},
		`userName co "example"`:                   {"1", "2"},
		`name.familyName eq "O\"Neil"`:            {"2"},
		`userName ew ".com" and id sw "2"`:        {"2"},
		`userName eq "x\" and id eq \"1"`:         nil,
	} {
		matches, err := asgardeo.ParseFilter(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		var got []string
		for _, user := range people {
			if matches(&user) {
				got = append(got, user.ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s finds %v", filter, got)
		}
	}
	for _, filter := range []string{`userName`, `userName eq`, `userName eq "x`, `password eq "x"`, `userName gt "x"`, `id eq "1" or id eq "2"`, `id eq "1"x`, `id eq "1" id eq "2"`, `and`} {
		if _, err := asgardeo.ParseFilter(filter); err == nil {
			t.Errorf("%s is taken", filter)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{"", `userName eq "a"`, `userName eq "a\"b" and id sw 1`, `id eq "`, `id eq "1" or id eq "2"`, "id\teq\n1", `id eq "\ud800"`} {
		f.Add(seed, "1")
	}
	f.Fuzz(func(t *testing.T, filter, id string) {
		matches, err := asgardeo.ParseFilter(filter)
		if (matches == nil) == (err == nil) {
			t.Fatalf("%q: both or neither", filter)
		}
		if err == nil {
			matches(&asgardeo.User{ID: id})
		}
		// What is quoted as JSON is one value, whatever it holds.
		quoted, err := json.Marshal(id)
		if err != nil {
			return
		}
		only, err := asgardeo.ParseFilter("id eq " + string(quoted))
		if err != nil {
			t.Fatalf("%s: %v", quoted, err)
		}
		var same string
		if json.Unmarshal(quoted, &same) == nil && !only(&asgardeo.User{ID: same}) {
			t.Fatalf("%s does not find itself", quoted)
		}
	})
}
