package service

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/server"
	"blogplatform.io/operator/services/internal/testing/asgardeo"
	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/client"
)

// another starts one more replica, which has a process's state of its own, and
// returns who asks it.
func (w *world) another(t *testing.T) *client.Client {
	t.Helper()
	return serve(t, w.replica(t))
}

func serve(t *testing.T, replica *service) *client.Client {
	t.Helper()
	mux := server.NewMux()
	replica.routes(mux)
	listener := httptest.NewServer(mux)
	t.Cleanup(listener.Close)
	return client.New(listener.URL)
}

func exchangeAt(t *testing.T, replica *client.Client, session string) (client.Exchange, error) {
	t.Helper()
	answer, err := replica.ExchangeSessionWithResponse(t.Context(), client.SessionToken{Token: session})
	if err != nil {
		return client.Exchange{}, err
	}
	return rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
}

// success is an exchange that a replica granted.
type success struct {
	replica int
	asked   time.Time
}

// ask exchanges the session at a replica as fast as it can until ctx ends, and
// tells of each success.
func ask(ctx context.Context, replica int, at *client.Client, session string, successes chan<- success) {
	for ctx.Err() == nil {
		asked := time.Now()
		answer, err := at.ExchangeSessionWithResponse(ctx, client.SessionToken{Token: session})
		if err == nil && answer.JSON200 != nil {
			select {
			case successes <- success{replica, asked}:
			case <-ctx.Done():
			}
		}
	}
}

func TestALockBitesOnEveryReplicaWhileTheProviderIsAway(t *testing.T) {
	w := newWorld(t)
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	replicas := []*client.Client{w.client, w.another(t), w.another(t)}
	w.idp.Inject(asgardeo.Fault{Refuse: true})
	w.work(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	successes := make(chan success, 10_000)
	var asking sync.WaitGroup
	for i, replica := range replicas {
		for range 2 {
			asking.Go(func() { ask(ctx, i, replica, spammer.session, successes) })
		}
	}
	for working := map[int]bool{}; len(working) < len(replicas); {
		working[(<-successes).replica] = true
	}
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	locked := time.Now()
	for i, replica := range replicas {
		if _, err := exchangeAt(t, replica, spammer.session); status(err) != 401 {
			t.Errorf("replica %d exchanges the session: %v", i, err)
		}
		if answer, err := replica.GetMeWithResponse(t.Context(), spammer.as); err != nil || answer.StatusCode() != 403 {
			t.Errorf("replica %d takes the token: %d %v", i, answer.StatusCode(), err)
		}
	}
	w.becomes(t, admin, spammer.id, "retrying", synced(client.Retrying))
	stop()
	asking.Wait()
	close(successes)
	for late := range successes {
		// The frontend uses an exchange again for up to three seconds; here it ends at once.
		if late.asked.After(locked) {
			t.Errorf("replica %d granted what was asked %s after the lock", late.replica, late.asked.Sub(locked))
		}
	}
	w.idp.Heal()
	w.becomes(t, admin, spammer.id, "confirmed", synced(client.Confirmed))
}

func TestALockBitesWhateverSessionsThereAre(t *testing.T) {
	w := newWorld(t)
	other := w.someone(t, "nuwan")
	for _, column := range []string{"locked_here", "locked_there"} {
		w.exec(t, `UPDATE "user".people SET `+column+` = true WHERE id = $1`, other.id)
		if _, err := w.exchange(t, other.session); status(err) != 403 {
			t.Errorf("%s: %v", column, err)
		}
		w.exec(t, `UPDATE "user".people SET `+column+` = false WHERE id = $1`, other.id)
	}
	if _, err := w.exchange(t, other.session); err != nil {
		t.Error(err)
	}
}

func TestALockHoldsHereWhereTheProviderCannotBeTold(t *testing.T) {
	w := newWorld(t)
	w.settings.scimURL = ""
	w.client = w.another(t)
	admin, spammer := w.someone(t, "amara"), w.someone(t, "nuwan")
	account, err := w.lock(t, admin, spammer.id)
	if err != nil || !account.LockedHere || account.Sync != nil {
		t.Errorf("got %+v, %v", account, err)
	}
	if _, err := w.trySignIn(t, "nuwan"); status(err) != 403 {
		t.Errorf("a sign-in: %v", err)
	}
	if answer, err := w.client.RetryLockWithResponse(t.Context(), spammer.id, admin.as); err != nil || answer.StatusCode() != 404 {
		t.Errorf("there is nobody to tell again: %d %v", answer.StatusCode(), err)
	}
	w.unlock(t, admin, spammer.id)
	w.signIn(t, "nuwan")
}

func TestABlogWithoutAProviderSaysThatNobodyCanSignIn(t *testing.T) {
	w := newWorld(t)
	session := w.signIn(t, "nuwan")
	w.settings = settings{tokenIssuer: tokenIssuer}
	w.client = w.another(t)
	if answer, err := w.client.BeginSignInWithResponse(t.Context(), client.SignInBeginning{ReturnTo: "/"}); err != nil || answer.StatusCode() != 503 {
		t.Errorf("a sign-in: %d %v", answer.StatusCode(), err)
	}
	if _, err := w.complete(t, client.SignInCompletion{Transaction: "t", State: "s"}); status(err) != 503 {
		t.Errorf("its end: %v", err)
	}
	w.tellLogout(t, "x.y.z", 503)
	out, err := w.client.EndSessionWithResponse(t.Context(), client.SessionToken{Token: session.Token})
	if err != nil || out.JSON200 == nil || out.JSON200.EndSessionURL != nil {
		t.Errorf("signing out: %s %v", out.Body, err)
	}
}

func TestADemotionBitesOnEveryReplica(t *testing.T) {
	w := newWorld(t)
	first, second := w.twoAdmins(t)
	replicas := []*client.Client{w.client, w.another(t)}
	if err := w.changeRole(t, first, second.id, client.Reader); err != nil {
		t.Fatal(err)
	}
	for i, replica := range replicas {
		if got, err := exchangeAt(t, replica, second.session); err != nil || got.Role != client.Reader {
			t.Errorf("replica %d: %+v, %v", i, got, err)
		}
		if answer, err := replica.ListPeopleWithResponse(t.Context(), &client.ListPeopleParams{}, second.as); err != nil || answer.StatusCode() != 403 {
			t.Errorf("replica %d lists people: %d %v", i, answer.StatusCode(), err)
		}
	}
}

func TestALostDatabaseIsSaidAndNothingAcceptedIsLost(t *testing.T) {
	database := postgres.New(t)
	w := worldOn(t, database)
	admin, spammer, reader := w.someone(t, "amara"), w.someone(t, "nuwan"), w.someone(t, "priya")
	in := w.callback(t, w.browser(), w.begin(t), "priya")
	// The provider is told only after the crash.
	w.idp.Inject(asgardeo.Fault{Method: "PATCH", Path: "/scim2", Status: 503})
	w.work(t)
	if _, err := w.lock(t, admin, spammer.id); err != nil {
		t.Fatal(err)
	}
	database.Crash(t)
	if _, err := w.exchange(t, reader.session); status(err) != 503 {
		t.Errorf("a session: %v", err)
	}
	if _, err := w.lock(t, admin, reader.id); status(err) != 503 {
		t.Errorf("a lock: %v", err)
	}
	if began, err := w.client.BeginSignInWithResponse(t.Context(), client.SignInBeginning{ReturnTo: "/"}); err != nil || began.StatusCode() != 503 {
		t.Errorf("a sign-in: %d %v", began.StatusCode(), err)
	}
	if _, err := w.complete(t, in); status(err) != 503 {
		t.Errorf("a sign-in under way: %v", err)
	}
	if told, err := w.client.BackChannelLogoutWithFormdataBodyWithResponse(t.Context(), client.BackChannelLogoutFormdataRequestBody{
		LogoutToken: w.idp.LogoutToken("blog", priya, "", nil),
	}); err != nil || told.StatusCode() != 503 {
		t.Errorf("a logout that was not kept is answered %d %v", told.StatusCode(), err)
	}
	database.Restart(t)
	w.idp.Heal()
	await.Nil(t, func() error {
		_, err := w.exchange(t, reader.session)
		return err
	})
	if _, err := w.complete(t, in); err != nil {
		t.Errorf("the sign-in under way: %v", err)
	}
	if _, err := w.exchange(t, spammer.session); status(err) != 401 {
		t.Errorf("the session of who was locked: %v", err)
	}
	w.becomes(t, admin, spammer.id, "confirmed", synced(client.Confirmed))
	if !w.idp.Locked(nuwan) {
		t.Error("the provider does not know of the lock")
	}
}

func TestTokensOfTwoReplicasAreVerifiedWithOneKeySet(t *testing.T) {
	w := newWorld(t)
	reader := w.someone(t, "nuwan")
	second := w.another(t)
	verifier := token.NewVerifier(token.HTTP(w.app.URL+"/v1/keys"), tokenIssuer, token.Content)
	for i, replica := range []*client.Client{w.client, second} {
		got, err := exchangeAt(t, replica, reader.session)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verifier.Verify(t.Context(), got.Tokens.Content); err != nil {
			t.Errorf("replica %d: %v", i, err)
		}
	}
	w.app.Close()
	got, err := exchangeAt(t, second, reader.session)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), got.Tokens.Content); err != nil {
		t.Errorf("while the first replica is away: %v", err)
	}
	if _, err := verifier.Verify(t.Context(), got.Tokens.Comment); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a token for another service: %v", err)
	}
}
