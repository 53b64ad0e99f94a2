package service

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/testing/asgardeo"
	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/client"
)

// status is that of the answer that an error is.
func status(err error) int {
	var answer *rest.StatusError
	if errors.As(err, &answer) {
		return answer.Status
	}
	return 0
}

func TestWhoSignsInFirstBecomesAReader(t *testing.T) {
	w := newWorld(t)
	session := w.signIn(t, "nuwan")
	if session.ReturnTo != "/posts/first" || time.Until(session.ExpiresAt).Round(time.Hour) != 12*time.Hour {
		t.Errorf("the session: %+v", session)
	}
	got, err := w.exchange(t, session.Token)
	if err != nil {
		t.Fatal(err)
	}
	if got.Role != client.Reader || got.Person.DisplayName != "Nuwan Perera" {
		t.Errorf("exchanged for %+v", got)
	}
	for audience, raw := range map[string]string{token.User: got.Tokens.User, token.Content: got.Tokens.Content, token.Comment: got.Tokens.Comment} {
		claims, err := token.NewVerifier(token.HTTP(w.app.URL+"/v1/keys"), tokenIssuer, audience).Verify(t.Context(), raw)
		if diff := cmp.Diff(token.Claims{Person: got.Person.ID, Name: "Nuwan Perera", Role: token.Reader}, claims); err != nil || diff != "" {
			t.Errorf("token for %s: %v %s", audience, err, diff)
		}
	}
	again, err := w.exchange(t, w.signIn(t, "nuwan").Token)
	if err != nil || again.Person.ID != got.Person.ID {
		t.Errorf("the second sign-in is of person %d: %v", again.Person.ID, err)
	}
	if verified := scan[bool](t, w, `SELECT email_verified FROM "user".people WHERE subject = $1`, nuwan); verified {
		t.Error("an address counts as verified that the provider has not verified")
	}
	if kept := scan[bool](t, w, `SELECT EXISTS (SELECT FROM "user".sessions s WHERE s::text LIKE '%' || $1 || '%' OR position(convert_to($1, 'UTF8') IN s.token_hash) > 0)`, session.Token); kept {
		t.Error("the database holds the cookie's value")
	}
}

func TestPeopleAreKnownBySubjectNotByAddress(t *testing.T) {
	w := newWorld(t)
	first := w.someone(t, "nuwan")
	w.idp.RemoveUser(nuwan)
	w.idp.AddUser(asgardeo.User{ID: "3d4e5f60-7182-493a-b4c5-d6e7f8091a2b", UserName: "nuwan@example.com", Password: "pw", Given: "Another", Family: "Nuwan"})
	if second := w.someone(t, "nuwan"); second.id == first.id {
		t.Error("who has the address got the account")
	}
}

func TestTwoFirstSignInsAtOnceAreOfOnePerson(t *testing.T) {
	w := newWorld(t)
	first, second := w.callback(t, w.browser(), w.begin(t), "amara"), w.callback(t, w.browser(), w.begin(t), "amara")
	var answers [2]*client.CompleteSignInResponse
	var errs [2]error
	var both sync.WaitGroup
	for i, in := range []client.SignInCompletion{first, second} {
		both.Go(func() { answers[i], errs[i] = w.client.CompleteSignInWithResponse(t.Context(), in) })
	}
	both.Wait()
	people := map[int64]bool{}
	for i, answer := range answers {
		if errs[i] != nil || answer.JSON201 == nil {
			t.Fatalf("sign-in %d: %+v, %v", i, answer, errs[i])
		}
		got, err := w.exchange(t, answer.JSON201.Token)
		if err != nil || got.Role != client.Admin {
			t.Errorf("got %+v, %v", got, err)
		}
		people[got.Person.ID] = true
	}
	if len(people) != 1 {
		t.Errorf("persons %v", people)
	}
	if entries := scan[int](t, w, `SELECT count(*) FROM "user".audit`); entries != 1 {
		t.Errorf("the first Admin was made %d times", entries)
	}
}

func TestWhatAProviderSaysOfAPersonIsCleanedBeforeItIsKept(t *testing.T) {
	w := newWorld(t)
	for email, kept := range map[string]string{
		"nuwan@example.com": "nuwan@example.com", "a\x00b@example.com": "", "nobody": "", strings.Repeat("x", 300) + "@example.com": "",
	} {
		w.idp.Tamper(func(c map[string]any) { c["email"] = email; c["name"] = " Nuwan\x00\u202e  \n Perera " })
		w.signIn(t, "nuwan")
		got := scan[string](t, w, `SELECT display_name || ' <' || email || '>' FROM "user".people`)
		if want := "Nuwan Perera <" + kept + ">"; got != want {
			t.Errorf("%q instead of %q", got, want)
		}
	}
	w.idp.Tamper(func(c map[string]any) {
		c["name"] = "priya@example.com"
		delete(c, "given_name")
		delete(c, "family_name")
	})
	if got := w.someone(t, "priya"); scan[string](t, w, `SELECT display_name FROM "user".people WHERE id = $1`, got.id) != "New reader" {
		t.Error("an address became a public name")
	}
}

func TestTheConfiguredAdminIsPromotedOnce(t *testing.T) {
	w := newWorld(t)
	admin := w.someone(t, "amara")
	if got := w.account(t, admin, admin.id); got.Role != client.Admin {
		t.Fatalf("got %+v", got)
	}
	w.setRole(t, admin.id, token.Reader)
	got, err := w.exchange(t, w.signIn(t, "amara").Token)
	if err != nil || got.Role != client.Reader {
		t.Errorf("after a demotion the next sign-in gives %s, %v", got.Role, err)
	}
	if entries := scan[int](t, w, `SELECT count(*) FROM "user".audit WHERE action LIKE 'made the first Admin%' AND actor_id IS NULL`); entries != 1 {
		t.Errorf("%d entries in the audit log", entries)
	}
}

func TestASignInEndsTheBrowsersSessionBefore(t *testing.T) {
	w := newWorld(t)
	before := w.signIn(t, "nuwan")
	in := w.callback(t, w.browser(), w.begin(t), "nuwan")
	in.PreviousSession = &before.Token
	after, err := w.complete(t, in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.exchange(t, before.Token); status(err) != 401 {
		t.Errorf("the session before: %v", err)
	}
	if _, err := w.exchange(t, after.Token); err != nil {
		t.Error(err)
	}
}

func TestASignInIsGoodOnceForTheBrowserThatBegan(t *testing.T) {
	w := newWorld(t)
	spoil := map[string]func(t *testing.T, in *client.SignInCompletion){
		"with another state":          func(_ *testing.T, in *client.SignInCompletion) { in.State = "guessed" },
		"without a state":             func(_ *testing.T, in *client.SignInCompletion) { in.State = "" },
		"with an unknown transaction": func(_ *testing.T, in *client.SignInCompletion) { in.Transaction = "guessed" },
		"from another browser": func(t *testing.T, in *client.SignInCompletion) {
			in.Transaction = w.begin(t).Transaction
		},
		"with another's code": func(t *testing.T, in *client.SignInCompletion) {
			in.Code = w.callback(t, w.browser(), w.begin(t), "priya").Code
		},
		"without a code":           func(_ *testing.T, in *client.SignInCompletion) { in.Code = nil },
		"of another provider":      func(_ *testing.T, in *client.SignInCompletion) { in.Issuer = new("https://evil.example.com") },
		"that the provider denied": func(_ *testing.T, in *client.SignInCompletion) { in.Error = new("access_denied") },
		"a second time": func(t *testing.T, in *client.SignInCompletion) {
			if _, err := w.complete(t, *in); err != nil {
				t.Error(err)
			}
		},
		"after ten minutes": func(t *testing.T, _ *client.SignInCompletion) {
			w.exec(t, `UPDATE "user".sign_ins SET created_at = created_at - interval '10 minutes 1 second'`)
		},
	}
	for name, change := range spoil {
		t.Run(name, func(t *testing.T) {
			in := w.callback(t, w.browser(), w.begin(t), "nuwan")
			good := in
			change(t, &in)
			if _, err := w.complete(t, in); status(err) != 400 {
				t.Fatalf("got %v", err)
			}
			if in.Transaction == good.Transaction {
				if _, err := w.complete(t, good); status(err) != 400 {
					t.Errorf("the sign-in is still good: %v", err)
				}
			}
		})
	}
	t.Run("with the issuer that it should have", func(t *testing.T) {
		in := w.callback(t, w.browser(), w.begin(t), "nuwan")
		in.Issuer = new(w.idp.Issuer())
		if _, err := w.complete(t, in); err != nil {
			t.Error(err)
		}
	})
}

func TestAnIDTokenThatLiesIsRefused(t *testing.T) {
	w := newWorld(t)
	for name, lie := range map[string]func(claims map[string]any){
		"another nonce":             func(c map[string]any) { c["nonce"] = "replayed" },
		"no nonce":                  func(c map[string]any) { delete(c, "nonce") },
		"another issuer":            func(c map[string]any) { c["iss"] = "https://evil.example.com" },
		"another audience":          func(c map[string]any) { c["aud"] = "other" },
		"two audiences and no azp":  func(c map[string]any) { c["aud"] = []string{"blog", "other"}; delete(c, "azp") },
		"the azp of another":        func(c map[string]any) { c["azp"] = "other" },
		"the hash of another token": func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" },
		"no subject":                func(c map[string]any) { delete(c, "sub") },
		"a subject that is none":    func(c map[string]any) { c["sub"] = "a\x00b" },
		"a sid that is none":        func(c map[string]any) { c["sid"] = "a\x00b" },
		"an end an hour ago":        func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"a beginning in an hour":    func(c map[string]any) { c["nbf"] = time.Now().Add(time.Hour).Unix() },
	} {
		t.Run(name, func(t *testing.T) {
			w.idp.Tamper(lie)
			defer w.idp.Tamper(nil)
			if _, err := w.trySignIn(t, "nuwan"); status(err) != 400 {
				t.Errorf("got %v", err)
			}
		})
	}
	if people := scan[int](t, w, `SELECT count(*) FROM "user".people`); people != 0 {
		t.Errorf("%d people were made of lies", people)
	}
}

func TestSubjectsKeepTheirOrganisationAndClocksMayDiffer(t *testing.T) {
	w := newWorld(t)
	w.idp.SetClockSkew(2 * time.Minute)
	w.idp.Tamper(func(c map[string]any) { c["sub"] = c["sub"].(string) + "@acme"; c["email_verified"] = "true" })
	if _, err := w.trySignIn(t, "nuwan"); err != nil {
		t.Fatal(err)
	}
	if verified := scan[bool](t, w, `SELECT email_verified FROM "user".people WHERE subject = $1`, nuwan+"@acme"); !verified {
		t.Error("a string boolean is not understood")
	}
}

func TestTheProvidersKeysMayRotate(t *testing.T) {
	w := newWorld(t)
	w.signIn(t, "nuwan")
	if err := w.idp.RotateKeys(false); err != nil {
		t.Fatal(err)
	}
	// Keys are fetched again five seconds after they were fetched before.
	await.Nil(t, func() error {
		_, err := w.trySignIn(t, "nuwan")
		return err
	})
}

func TestASessionEndsIdleOrAfterTwelveHours(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change string
		want   int
	}{
		"fresh":          {`UPDATE "user".sessions SET used_at = now() - interval '1 hour 59 minutes'`, 0},
		"idle too long":  {`UPDATE "user".sessions SET used_at = now() - interval '2 hours'`, 401},
		"too old":        {`UPDATE "user".sessions SET expires_at = now()`, 401},
		"busy but young": {`UPDATE "user".sessions SET used_at = now()`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			session := w.signIn(t, "nuwan")
			w.exec(t, c.change)
			if _, err := w.exchange(t, session.Token); status(err) != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
	session := w.signIn(t, "nuwan")
	w.exec(t, `UPDATE "user".sessions SET used_at = now() - interval '1 hour'`)
	if _, err := w.exchange(t, session.Token); err != nil {
		t.Fatal(err)
	}
	if recent := scan[bool](t, w, `SELECT max(used_at) > now() - interval '10 seconds' FROM "user".sessions`); !recent {
		t.Error("a request does not keep the session alive")
	}
	w.exec(t, `UPDATE "user".sessions SET expires_at = now()`)
	if err := w.store.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := scan[int](t, w, `SELECT count(*) FROM "user".sessions`); left != 0 {
		t.Errorf("%d sessions are left", left)
	}
}

func TestNobodyIsSentToAnotherSite(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"", "posts", "//evil.example.com", `/\evil.example.com`, "https://evil.example.com", "/a\x00b", "/a\nb\x01", "/\t/evil.example.com", "/" + strings.Repeat("x", 2000)} {
		answer, err := w.client.BeginSignInWithResponse(t.Context(), client.SignInBeginning{ReturnTo: path})
		if err != nil {
			t.Fatal(err)
		}
		if answer.ApplicationProblemJSONDefault == nil || answer.StatusCode() != 400 || *answer.ApplicationProblemJSONDefault.Field != "body.returnTo" {
			t.Errorf("%q: %s", path, answer.Body)
		}
	}
}

func TestSigningOutEndsTheSessionHereAndAtTheProvider(t *testing.T) {
	w := newWorld(t)
	browser := w.browser()
	session, err := w.complete(t, w.callback(t, browser, w.begin(t), "nuwan"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.client.EndSessionWithResponse(t.Context(), client.SessionToken{Token: session.Token})
	if err != nil || answer.JSON200 == nil || answer.JSON200.EndSessionURL == nil {
		t.Fatalf("got %s, %v", answer.Body, err)
	}
	if _, err := w.exchange(t, session.Token); status(err) != 401 {
		t.Errorf("the session: %v", err)
	}
	if to, err := browser.Open(*answer.JSON200.EndSessionURL); err != nil || to.String() != publicURL+"/" {
		t.Errorf("the provider sends the browser to %v, %v", to, err)
	}
	if w.idp.Sessions(nuwan) != 0 {
		t.Error("the provider's session goes on")
	}
	again, err := w.client.EndSessionWithResponse(t.Context(), client.SessionToken{Token: session.Token})
	if err != nil || again.JSON200 == nil || again.JSON200.EndSessionURL != nil {
		t.Errorf("signing out twice: %s, %v", again.Body, err)
	}
}

func TestSigningOutAtTheProviderEndsTheSessionHere(t *testing.T) {
	w := newWorld(t)
	first, second, other := w.signIn(t, "nuwan"), w.signIn(t, "nuwan"), w.signIn(t, "priya")
	sid := scan[string](t, w, `SELECT sid FROM "user".sessions ORDER BY id LIMIT 1`)
	w.tellLogout(t, w.idp.LogoutToken("blog", nuwan, sid, nil), 200)
	for session, want := range map[client.Session]int{first: 401, second: 0, other: 0} {
		if _, err := w.exchange(t, session.Token); status(err) != want {
			t.Errorf("by sid: %v instead of %d", err, want)
		}
	}
	everywhere := w.idp.LogoutToken("blog", nuwan, "", nil)
	w.tellLogout(t, everywhere, 200)
	for session, want := range map[client.Session]int{second: 401, other: 0} {
		if _, err := w.exchange(t, session.Token); status(err) != want {
			t.Errorf("by sub: %v instead of %d", err, want)
		}
	}
	w.exec(t, `UPDATE "user".logouts SET issued_at = issued_at - interval '1 hour'`)
	later := w.signIn(t, "nuwan")
	w.tellLogout(t, everywhere, 200)
	if _, err := w.exchange(t, later.Token); err != nil {
		t.Errorf("a replayed logout token ended a session: %v", err)
	}
	w.tellLogout(t, w.idp.LogoutToken("blog", "", "a session that nobody knows", nil), 200)
	if _, err := w.exchange(t, other.Token); err != nil {
		t.Errorf("a logout of nobody's session: %v", err)
	}
	w.idp.EndSessions(priya)
	if _, err := w.exchange(t, other.Token); status(err) != 401 {
		t.Errorf("told by the provider itself: %v", err)
	}
}

func (w *world) tellLogout(t *testing.T, raw string, want int) {
	t.Helper()
	answer, err := w.client.BackChannelLogoutWithFormdataBodyWithResponse(t.Context(), client.BackChannelLogoutFormdataRequestBody{LogoutToken: raw})
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode() != want {
		t.Errorf("the logout answered %d: %s", answer.StatusCode(), answer.Body)
	}
}

func TestALogoutThatOvertakesASignInHolds(t *testing.T) {
	w := newWorld(t)
	for name, logout := range map[string]func(sid string) string{
		"of the session": func(sid string) string { return w.idp.LogoutToken("blog", "", sid, nil) },
		"of the person":  func(string) string { return w.idp.LogoutToken("blog", nuwan, "", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			// Tokens tell whole seconds: the logout of the case before would count here, too.
			w.exec(t, `DELETE FROM "user".logouts`)
			browser := w.browser()
			if _, err := w.complete(t, w.callback(t, browser, w.begin(t), "nuwan")); err != nil {
				t.Fatal(err)
			}
			sid := scan[string](t, w, `SELECT sid FROM "user".sessions ORDER BY id DESC LIMIT 1`)
			in := w.callback(t, browser, w.begin(t), "nuwan")
			// The ID token is from before the logout, which arrives first.
			w.idp.Tamper(func(c map[string]any) { c["iat"] = time.Now().Add(-10 * time.Second).Unix() })
			defer w.idp.Tamper(nil)
			w.tellLogout(t, logout(sid), 200)
			if _, err := w.complete(t, in); status(err) != 401 {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestALogoutTokenThatLiesEndsNothing(t *testing.T) {
	w := newWorld(t)
	session := w.signIn(t, "nuwan")
	tokens := map[string]string{"nothing": "", "nonsense": "x.y.z"}
	for name, lie := range map[string]func(claims map[string]any){
		"for another application": func(c map[string]any) { c["aud"] = "other" },
		"of another issuer":       func(c map[string]any) { c["iss"] = "https://evil.example.com" },
		"with a nonce":            func(c map[string]any) { c["nonce"] = "n" },
		"without the event":       func(c map[string]any) { c["events"] = map[string]any{"urn:other": map[string]any{}} },
		"without events":          func(c map[string]any) { delete(c, "events") },
		"without an id":           func(c map[string]any) { delete(c, "jti") },
		"that names nobody":       func(c map[string]any) { delete(c, "sub") },
		"that is over":            func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"that never ends":         func(c map[string]any) { delete(c, "exp") },
	} {
		tokens[name] = w.idp.LogoutToken("blog", nuwan, "", lie)
	}
	tokens["without a signature"] = unsigned(t, w.idp.LogoutToken("blog", nuwan, "", nil))
	tokens["an ID token"] = scan[string](t, w, `SELECT id_token FROM "user".sessions`)
	for name, raw := range tokens {
		t.Run(name, func(t *testing.T) { w.tellLogout(t, raw, 400) })
	}
	before := w.idp.Calls("GET", "/oauth2/jwks")
	for range 20 {
		forged := signedByOthers(t, w.idp.LogoutToken("blog", nuwan, "", nil))
		answer, err := w.client.BackChannelLogoutWithFormdataBodyWithResponse(t.Context(), client.BackChannelLogoutFormdataRequestBody{LogoutToken: forged})
		// Until the provider's keys may be fetched again, a new one could have signed it.
		if err != nil || answer.StatusCode() != 400 && answer.StatusCode() != 503 {
			t.Errorf("what somebody else signed: %d %v", answer.StatusCode(), err)
		}
	}
	if fetched := w.idp.Calls("GET", "/oauth2/jwks") - before; fetched > 4 {
		t.Errorf("the provider's keys were fetched %d times", fetched)
	}
	if _, err := w.exchange(t, session.Token); err != nil {
		t.Errorf("the session: %v", err)
	}
}

// signedByOthers signs a token's claims with a key that the provider does not
// have, under the id of one that it has.
func signedByOthers(t *testing.T, raw string) string {
	t.Helper()
	parsed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: parsed.Signatures[0].Header.KeyID}}
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(parsed.UnsafePayloadWithoutVerification())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return forged
}

// unsigned is a token that says that it needs no signature (RFC 7518, section 3.6).
func unsigned(t *testing.T, raw string) string {
	t.Helper()
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		t.Fatalf("not a token: %s", raw)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
}

func TestWhileTheProviderIsAwayPeopleKeepWorking(t *testing.T) {
	w := newWorld(t)
	session := w.signIn(t, "nuwan")
	w.idp.Inject(asgardeo.Fault{Refuse: true})
	fresh := w.replica(t)
	w.provider = fresh.provider
	if _, err := w.exchange(t, session.Token); err != nil {
		t.Errorf("a session: %v", err)
	}
	answer, err := w.client.BeginSignInWithResponse(t.Context(), client.SignInBeginning{ReturnTo: "/"})
	if err != nil || answer.StatusCode() != 503 {
		t.Errorf("signing in: %d %v", answer.StatusCode(), err)
	}
	out, err := w.client.EndSessionWithResponse(t.Context(), client.SessionToken{Token: session.Token})
	if err != nil || out.JSON200 == nil || out.JSON200.EndSessionURL != nil {
		t.Errorf("signing out: %s %v", out.Body, err)
	}
	w.idp.Heal()
	w.signIn(t, "nuwan")
}

func TestWhileTheProviderHangsNobodyWaitsInLine(t *testing.T) {
	w := newWorld(t)
	session := w.signIn(t, "nuwan")
	w.idp.Inject(asgardeo.Fault{Hang: true})
	w.provider = w.replica(t).provider
	began := time.Now()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if answer, err := w.client.BeginSignInWithResponse(t.Context(), client.SignInBeginning{ReturnTo: "/"}); err == nil && answer.StatusCode() != 503 {
				t.Errorf("signing in: %d", answer.StatusCode())
			}
		})
	}
	all.Wait()
	if _, err := w.exchange(t, session.Token); err != nil {
		t.Errorf("a session: %v", err)
	}
	// One discovery takes four seconds; in line, eight would take thirty-two.
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestAProviderThatFailsMidwayIsSaidToBeAway(t *testing.T) {
	w := newWorld(t)
	for _, fault := range []asgardeo.Fault{
		{Method: "POST", Path: "/oauth2/token", Times: 1, Status: 503},
		{Method: "POST", Path: "/oauth2/token", Times: 1, Status: 429},
		{Method: "POST", Path: "/oauth2/token", Times: 1, Lose: true},
	} {
		in := w.callback(t, w.browser(), w.begin(t), "nuwan")
		w.idp.Inject(fault)
		if _, err := w.complete(t, in); status(err) != 503 {
			t.Errorf("%+v: %v", fault, err)
		}
	}
}

func TestAuthorizationRequestsCarryStateNonceAndChallenge(t *testing.T) {
	w := newWorld(t)
	first, second := w.begin(t), w.begin(t)
	seen := map[string]bool{}
	for _, began := range []client.SignIn{first, second} {
		at, err := url.Parse(began.AuthorizationURL)
		if err != nil {
			t.Fatal(err)
		}
		query := at.Query()
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			if value := query.Get(name); len(value) < 20 || seen[value] {
				t.Errorf("%s is %q", name, value)
			}
			seen[query.Get(name)] = true
		}
		if query.Get("code_challenge_method") != "S256" || strings.Contains(began.AuthorizationURL, began.Transaction) {
			t.Errorf("got %s", began.AuthorizationURL)
		}
	}
}
