package service

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/testing/asgardeo"
	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/client"
)

// becomes waits until the account is as it should be.
func (w *world) becomes(t *testing.T, admin person, id int64, what string, is func(client.Account) bool) client.Account {
	t.Helper()
	var account client.Account
	await.Nil(t, func() error {
		account = w.account(t, admin, id)
		if is(account) {
			return nil
		}
		return fmt.Errorf("not %s: %+v, sync %+v", what, account, account.Sync)
	})
	return account
}

func synced(state client.SyncState) func(client.Account) bool {
	return func(a client.Account) bool { return a.Sync != nil && a.Sync.State == state }
}

func (w *world) unlock(t *testing.T, admin person, id int64) client.Account {
	t.Helper()
	answer, err := w.client.UnlockAccountWithResponse(t.Context(), id, admin.as)
	if err != nil {
		t.Fatal(err)
	}
	account, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

func TestALockHoldsHereAtOnceAndAtTheProviderSoon(t *testing.T) {
	w := newWorld(t)
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	w.work(t)
	account, err := w.lock(t, admin, spammer.id)
	if err != nil || !account.Locked || !account.LockedHere || account.Sessions != 0 || account.Sync == nil {
		t.Fatalf("got %+v, %v", account, err)
	}
	if _, err := w.exchange(t, spammer.session); status(err) != 401 {
		t.Errorf("the session: %v", err)
	}
	if answer, err := w.client.GetMeWithResponse(t.Context(), spammer.as); err != nil || answer.StatusCode() != 403 {
		t.Errorf("the token: %d, %v", answer.StatusCode(), err)
	}
	account = w.becomes(t, admin, spammer.id, "confirmed", synced(client.Confirmed))
	if !account.LockedAtProvider || account.Sync.Drift || !w.idp.Locked(nuwan) || w.idp.Sessions(nuwan) != 0 {
		t.Errorf("confirmed, but %+v, %+v", account, account.Sync)
	}
	if account := w.unlock(t, admin, spammer.id); account.LockedHere {
		t.Errorf("unlocked: %+v", account)
	}
	w.becomes(t, admin, spammer.id, "unlocked there", func(a client.Account) bool { return !a.Locked && synced(client.Confirmed)(a) })
	w.signIn(t, "nuwan")
}

func TestASubjectThatNamesItsOrganizationIsLockedToo(t *testing.T) {
	w := newWorld(t)
	admin := w.someone(t, "amara")
	w.idp.Tamper(func(c map[string]any) { c["sub"] = nuwan + "@acme" })
	spammer := w.someone(t, "nuwan")
	w.idp.Tamper(nil)
	w.work(t)
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	w.becomes(t, admin, spammer.id, "confirmed", synced(client.Confirmed))
	if !w.idp.Locked(nuwan) {
		t.Error("the provider does not know")
	}
}

func TestALockedPersonCannotSignInWhateverTheProviderSays(t *testing.T) {
	w := newWorld(t)
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	in := w.callback(t, w.browser(), w.begin(t), "nuwan")
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	if _, err := w.complete(t, in); status(err) != 403 {
		t.Errorf("the sign-in under way: %v", err)
	}
	if _, err := w.trySignIn(t, "nuwan"); status(err) != 403 {
		t.Errorf("another: %v", err)
	}
}

func TestALockBitesWhileTheProviderHangs(t *testing.T) {
	w := newWorld(t)
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	w.idp.Inject(asgardeo.Fault{Hang: true})
	w.work(t)
	began := time.Now()
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	// Two sign-ins have asked for tokens before.
	await.Nil(t, func() error {
		if w.idp.Calls("POST", "/oauth2/token") < 3 {
			return errors.New("the worker does not send yet")
		}
		return nil
	})
	// The worker holds on to the provider; Admins must not wait for it.
	w.unlock(t, admin, spammer.id)
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	if _, err := w.exchange(t, spammer.session); status(err) != 401 {
		t.Errorf("the session: %v", err)
	}
	if took := time.Since(began); took > timefactor.Scale(5*time.Second) {
		t.Errorf("it took %s", took)
	}
	w.idp.Heal()
	w.becomes(t, admin, spammer.id, "confirmed", synced(client.Confirmed))
	if !w.idp.Locked(nuwan) {
		t.Error("the provider ended with another state than the last one asked for")
	}
}

func TestALockIsSentUntilTheProviderHasIt(t *testing.T) {
	for name, faults := range map[string][]asgardeo.Fault{
		"too many requests":    {{Method: "PATCH", Path: "/scim2", Times: 2, Status: 429, RetryAfter: time.Second}},
		"server errors":        {{Method: "PATCH", Path: "/scim2", Times: 1, Status: 500}, {Method: "PATCH", Path: "/scim2", Times: 1, Status: 503}},
		"refused connections":  {{Method: "PATCH", Path: "/scim2", Times: 2, Refuse: true}},
		"a lost reply":         {{Method: "PATCH", Path: "/scim2", Times: 1, Lose: true}},
		"no token":             {{Method: "POST", Path: "/oauth2/token", Times: 1, Status: 500}},
		"sessions that stay":   {{Method: "DELETE", Path: "/api/users", Times: 1, Status: 502}},
		"nothing to read back": {{Method: "GET", Path: "/scim2", Times: 1, Status: 504}},
		"a yes that was none":  {{Method: "PATCH", Path: "/scim2", Times: 1, Status: 200}},
		"a token it forgot":    {{Method: "PATCH", Path: "/scim2", Times: 1, Status: 401}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
			for _, fault := range faults {
				w.idp.Inject(fault)
			}
			w.work(t)
			if _, err := w.lock(t, admin, spammer.id); err != nil {
				t.Fatal(err)
			}
			account := w.becomes(t, admin, spammer.id, "confirmed", synced(client.Confirmed))
			if !w.idp.Locked(nuwan) || !account.LockedAtProvider || account.Sync.Error != nil {
				t.Errorf("got %+v, %+v", account, account.Sync)
			}
		})
	}
}

func TestAProviderThatWantsPeaceGetsIt(t *testing.T) {
	w := newWorld(t)
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	w.idp.Inject(asgardeo.Fault{Method: "PATCH", Path: "/scim2", Status: 429, RetryAfter: 90 * time.Second})
	w.work(t)
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	account := w.becomes(t, admin, spammer.id, "retrying", synced(client.Retrying))
	if account.Sync.Attempts != 1 || time.Until(*account.Sync.NextAttemptAt) < time.Minute || !strings.Contains(*account.Sync.Error, "429") {
		t.Errorf("got %+v", account.Sync)
	}
	w.idp.Heal()
	retried, err := w.client.RetryLockWithResponse(t.Context(), spammer.id, admin.as)
	if err != nil || retried.JSON200 == nil {
		t.Fatalf("%s %v", retried.Body, err)
	}
	w.becomes(t, admin, spammer.id, "confirmed", synced(client.Confirmed))
}

func TestAMissingScopeIsShownAndWaitsForAPerson(t *testing.T) {
	w := newWorld(t)
	w.settings.scimClientID = "weak"
	w.outbox = w.replica(t).outbox
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	w.work(t)
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	account := w.becomes(t, admin, spammer.id, "failed", synced(client.Failed))
	if !strings.Contains(*account.Sync.Error, "internal_user_mgt_update") || strings.Contains(*account.Sync.Error, "secret") || !account.LockedHere {
		t.Errorf("got %+v", account.Sync)
	}
	calls := w.idp.Calls("POST", "/oauth2/token")
	retried, err := w.client.RetryLockWithResponse(t.Context(), spammer.id, admin.as)
	if err != nil || retried.JSON200 == nil || retried.JSON200.Sync.State == client.Confirmed {
		t.Fatalf("%s %v", retried.Body, err)
	}
	await.Nil(t, func() error {
		if w.idp.Calls("POST", "/oauth2/token") == calls {
			return errors.New("it was not tried again")
		}
		return nil
	})
	w.becomes(t, admin, spammer.id, "failed", synced(client.Failed))
}

func TestAnAccountThatTheProviderLacksIsShown(t *testing.T) {
	w := newWorld(t)
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	w.idp.RemoveUser(nuwan)
	w.work(t)
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	if account := w.becomes(t, admin, spammer.id, "failed", synced(client.Failed)); !strings.Contains(*account.Sync.Error, "404") {
		t.Errorf("got %+v", account.Sync)
	}
}

func TestReplicasDoNotRevokeEachOthersTokens(t *testing.T) {
	w := newWorld(t)
	w.someone(t, "nuwan")
	first, second := w.replica(t), w.replica(t)
	for range 3 {
		for _, replica := range []*service{first, second} {
			if _, err := replica.scim.Locked(t.Context(), nuwan); err != nil {
				t.Fatal(err)
			}
		}
	}
	// One by the sign-in, and one for each replica.
	if got := w.idp.Calls("POST", "/oauth2/token"); got != 3 {
		t.Errorf("%d tokens were asked for", got)
	}
}

func TestALockAtTheProviderEndsSessionsHere(t *testing.T) {
	w := newWorld(t)
	admin, other := w.someone(t, "amara"), w.someone(t, "nuwan")
	w.work(t)
	w.becomes(t, admin, other.id, "looked at", func(a client.Account) bool { return a.CheckedAt != nil })
	w.idp.SetLocked(nuwan, true)
	w.exec(t, `UPDATE "user".people SET check_due_at = now() WHERE id = $1`, other.id)
	account := w.becomes(t, admin, other.id, "locked", func(a client.Account) bool { return a.Locked })
	if account.LockedHere || !account.LockedAtProvider || account.Sessions != 0 {
		t.Errorf("got %+v", account)
	}
	if _, err := w.exchange(t, other.session); status(err) != 401 {
		t.Errorf("the session: %v", err)
	}
	w.idp.SetLocked(nuwan, false)
	if _, err := w.trySignIn(t, "nuwan"); err != nil {
		t.Errorf("unlocked there, and asked for at the sign-in: %v", err)
	}
	if entries := scan[int](t, w, `SELECT count(*) FROM "user".audit WHERE person_id = $1 AND action LIKE 'found % at the provider'`, other.id); entries != 2 {
		t.Errorf("%d entries in the audit log", entries)
	}
}

func TestADisabledAccountCountsAsLocked(t *testing.T) {
	w := newWorld(t)
	admin, other := w.someone(t, "amara"), w.someone(t, "nuwan")
	w.idp.Disable(nuwan, true)
	w.work(t)
	account := w.becomes(t, admin, other.id, "locked", func(a client.Account) bool { return a.Locked })
	if account.LockedHere || account.Sessions != 0 {
		t.Errorf("got %+v", account)
	}
	w.unlock(t, admin, other.id)
	account = w.becomes(t, admin, other.id, "retrying", synced(client.Retrying))
	if !strings.Contains(*account.Sync.Error, "disabled") || !account.Locked {
		t.Errorf("only the console enables them, but it says %+v, %+v", account, account.Sync)
	}
	w.idp.Disable(nuwan, false)
	w.becomes(t, admin, other.id, "unlocked", func(a client.Account) bool { return !a.Locked && synced(client.Confirmed)(a) })
	w.signIn(t, "nuwan")
}

func TestOnlyPeopleWithALiveSessionAreAskedAbout(t *testing.T) {
	w := newWorld(t)
	w.someone(t, "amara")
	w.someone(t, "nuwan")
	w.exec(t, `UPDATE "user".sessions SET expires_at = now() WHERE person_id = (SELECT id FROM "user".people WHERE subject = $1)`, nuwan)
	check := func() {
		t.Helper()
		for range 3 {
			if err := w.outbox.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	asked := func(subject string) int { return w.idp.Calls("GET", "/scim2/Users/"+subject) }
	check()
	if asked(amara) != 1 || asked(nuwan) != 0 {
		t.Errorf("asked %d times about who is here, %d times about who is not", asked(amara), asked(nuwan))
	}
	w.exec(t, `UPDATE "user".people SET check_due_at = check_due_at - interval '14 minutes 50 seconds'`)
	check()
	if asked(amara) != 1 {
		t.Errorf("asked %d times within a quarter of an hour", asked(amara))
	}
	w.exec(t, `UPDATE "user".people SET check_due_at = check_due_at - interval '10 seconds'`)
	check()
	if asked(amara) != 2 {
		t.Errorf("asked %d times in a quarter of an hour and once more", asked(amara))
	}
}

func TestAProviderThatIsAskedTooMuchIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.someone(t, "amara")
	w.someone(t, "nuwan")
	w.idp.Inject(asgardeo.Fault{Method: "GET", Path: "/scim2", Status: 429, RetryAfter: time.Minute})
	if err := w.outbox.Check(t.Context()); err == nil {
		t.Error("a 429 is no error")
	}
	for range 3 {
		if err := w.outbox.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if asked := w.idp.Calls("GET", "/scim2"); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestDriftIsShown(t *testing.T) {
	w := newWorld(t)
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	w.work(t)
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	w.becomes(t, admin, spammer.id, "confirmed", synced(client.Confirmed))
	w.idp.SetLocked(nuwan, false)
	w.exec(t, `UPDATE "user".people SET check_due_at = now() WHERE id = $1`, spammer.id)
	account := w.becomes(t, admin, spammer.id, "drifted", func(a client.Account) bool { return a.Sync.Drift })
	if !account.Locked || account.LockedAtProvider {
		t.Errorf("got %+v", account)
	}
	retried, err := w.client.RetryLockWithResponse(t.Context(), spammer.id, admin.as)
	if err != nil || retried.JSON200 == nil {
		t.Fatalf("%s %v", retried.Body, err)
	}
	w.becomes(t, admin, spammer.id, "locked there again", func(a client.Account) bool { return !a.Sync.Drift && a.LockedAtProvider })
}

func TestAProviderThatCannotBeAskedLocksNobodyOut(t *testing.T) {
	w := newWorld(t)
	me := w.someone(t, "nuwan")
	w.idp.Inject(asgardeo.Fault{Path: "/scim2", Status: 404})
	if err := w.outbox.Check(t.Context()); err == nil {
		t.Error("a 404 is no error")
	}
	if _, err := w.exchange(t, me.session); err != nil {
		t.Errorf("the session: %v", err)
	}
}

func TestAPersonWhoLeavesIsErasedInEveryService(t *testing.T) {
	w := newWorld(t)
	var content, comment atomic.Int64
	eraser := func(audience string, counter *atomic.Int64, failures int64) string {
		verifier := token.NewVerifier(token.HTTP(w.app.URL+"/v1/keys"), tokenIssuer, audience)
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			claims, ok, err := verifier.Authenticate(r)
			if err != nil || !ok || claims.Purpose != token.Erasure || r.Method != http.MethodDelete || r.URL.Path != fmt.Sprintf("/v1/people/%d", claims.Person) {
				t.Errorf("%s was asked %s %s by %+v, %v", audience, r.Method, r.URL, claims, err)
			}
			if counter.Add(1) <= failures {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			rw.WriteHeader(http.StatusNoContent)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	w.settings.erasers = map[string]string{token.Content: eraser(token.Content, &content, 0), token.Comment: eraser(token.Comment, &comment, 1)}
	w.outbox = w.replica(t).outbox
	me := w.someone(t, "nuwan")
	w.work(t)
	answer, err := w.client.EraseMeWithResponse(t.Context(), me.as)
	if err != nil || answer.StatusCode() != 204 {
		t.Fatalf("%s %v", answer.Body, err)
	}
	await.Nil(t, func() error {
		if left := scan[int](t, w, `SELECT count(*) FROM "user".erasures`); left > 0 {
			return fmt.Errorf("%d orders are left", left)
		}
		return nil
	})
	if content.Load() != 1 || comment.Load() != 2 {
		t.Errorf("content was asked %d times, comment %d times", content.Load(), comment.Load())
	}
}

func TestALockIsToldEvenOfSomebodyWhoWasErasedMeanwhile(t *testing.T) {
	w := newWorld(t)
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	erased, err := w.client.EraseAccountWithResponse(t.Context(), spammer.id, admin.as)
	if err != nil || erased.StatusCode() != 204 {
		t.Fatalf("%s %v", erased.Body, err)
	}
	w.work(t)
	await.Nil(t, func() error {
		if !w.idp.Locked(nuwan) || scan[int](t, w, `SELECT count(*) FROM "user".provider_locks`) != 0 {
			return errors.New("the provider does not know, or the order is still there")
		}
		return nil
	})
}

// TestALockThatTheProviderDoesNotFollowIsMeasured until it does.
func TestALockThatTheProviderDoesNotFollowIsMeasured(t *testing.T) {
	w := newWorld(t)
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	if age := testutil.ToFloat64(w.store.SyncAge()); age != 0 {
		t.Errorf("nobody is locked, and the provider is %v s late", age)
	}
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	w.exec(t, `UPDATE "user".provider_locks SET requested_at = now() - interval '5 minutes'`)
	if age := testutil.ToFloat64(w.store.SyncAge()); age < 300 {
		t.Errorf("after five minutes the provider is %v s late", age)
	}
	w.work(t)
	w.becomes(t, admin, spammer.id, "confirmed", synced(client.Confirmed))
	if age := testutil.ToFloat64(w.store.SyncAge()); age != 0 {
		t.Errorf("the provider follows, and is %v s late", age)
	}
}
