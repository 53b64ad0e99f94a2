package service

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/internal/migrate"
	database "blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/server"
	"blogplatform.io/operator/services/internal/testing/asgardeo"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/client"
)

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

const (
	publicURL   = "https://blog.example.com"
	tokenIssuer = "blogplatform://g11-stg/blog"
)

// People of the provider. Amara is the configured first Admin.
const (
	amara = "0d1e3a2b-7f6c-4a53-9c1d-5e8f7a6b4c3d"
	nuwan = "1b2c3d4e-5f60-4718-92a3-b4c5d6e7f809"
	priya = "2c3d4e5f-6071-4829-a3b4-c5d6e7f8091a"
)

// world is a user service, its database and its provider.
type world struct {
	*service
	database *postgres.Server
	idp      *asgardeo.Fake
	idpHTTP  *http.Client
	settings settings
	pool     *pgxpool.Pool
	app      *httptest.Server
	client   *client.Client
}

// newWorld begins without background work; see [world.work].
func newWorld(t *testing.T) *world { return worldOn(t, postgres.Shared(t)) }

func worldOn(t *testing.T, on *postgres.Server) *world {
	t.Helper()
	for name, value := range on.Database(t, "user") {
		t.Setenv(name, value)
	}
	if _, err := migrate.Run(t.Context(), "user", migrate.Expand, migrations); err != nil {
		t.Fatal(err)
	}
	w := &world{database: on}
	provider := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.idp.ServeHTTP(rw, r) }))
	t.Cleanup(provider.Close)
	w.idpHTTP = provider.Client()
	mux := server.NewMux()
	w.app = httptest.NewServer(http.MaxBytesHandler(mux, 64<<10))
	t.Cleanup(w.app.Close)
	w.client = client.New(w.app.URL)
	var err error
	w.idp, err = asgardeo.New(asgardeo.Config{
		BaseURL: provider.URL + "/t/acme",
		Clients: []asgardeo.Client{
			{ID: "blog", Secret: "s", RedirectURIs: []string{publicURL + "/auth/callback"}, PostLogoutRedirectURIs: []string{publicURL + "/"}, BackChannelLogoutURI: w.app.URL + "/v1/logouts"},
			{ID: "m2m", Secret: "m", Scopes: []string{"internal_user_mgt_view", "internal_user_mgt_update", "internal_session_delete"}},
			{ID: "weak", Secret: "m", Scopes: []string{"internal_user_mgt_view"}},
		},
		Users: []asgardeo.User{
			{ID: amara, UserName: "amara@example.com", Password: "pw", Given: "Amara", Family: "Silva", EmailVerified: true},
			{ID: nuwan, UserName: "nuwan@example.com", Password: "pw", Given: "Nuwan", Family: "Perera"},
			{ID: priya, UserName: "priya@example.com", Password: "pw", Given: "Priya", Family: "Nair"},
			{ID: "4e5f6071-8293-4a4b-85d6-e7f8091a2b3c", UserName: "other@example.com", Password: "pw", Given: "Some", Family: "Other"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.settings = settings{
		publicURL: publicURL, issuer: w.idp.Issuer(), clientID: "blog", clientSecret: func() string { return "s" },
		authorities: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: provider.Certificate().Raw}),
		scimURL:     provider.URL + "/t/acme/scim2", scimClientID: "m2m", scimClientSecret: func() string { return "m" },
		firstAdmin: amara, tokenIssuer: tokenIssuer, erasers: map[string]string{},
	}
	if w.pool, err = database.Open(context.Background(), "user"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	w.service = w.replica(t)
	w.routes(mux)
	return w
}

// replica returns another process of the service.
func (w *world) replica(t *testing.T) *service {
	t.Helper()
	s, err := newService(w.pool, w.settings)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// work starts the background work of the service, until the test ends.
func (w *world) work(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.outbox.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
}

func (w *world) browser() *asgardeo.Browser { return w.idp.NewBrowser(w.idpHTTP.Transport) }

// begin begins to sign in.
func (w *world) begin(t *testing.T) client.SignIn {
	t.Helper()
	answer, err := w.client.BeginSignInWithResponse(t.Context(), client.SignInBeginning{ReturnTo: "/posts/first"})
	if err != nil {
		t.Fatal(err)
	}
	began, err := rest.Result(answer.JSON201, answer.HTTPResponse, answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return began
}

// callback is what the provider sends the browser back with.
func (w *world) callback(t *testing.T, browser *asgardeo.Browser, began client.SignIn, name string) client.SignInCompletion {
	t.Helper()
	at, err := browser.SignIn(began.AuthorizationURL, name+"@example.com", "pw")
	if err != nil {
		t.Fatal(err)
	}
	return completion(began.Transaction, at.Query())
}

func completion(transaction string, query url.Values) client.SignInCompletion {
	return client.SignInCompletion{Transaction: transaction, State: query.Get("state"), Code: new(query.Get("code"))}
}

func (w *world) complete(t *testing.T, in client.SignInCompletion) (client.Session, error) {
	t.Helper()
	answer, err := w.client.CompleteSignInWithResponse(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return rest.Result(answer.JSON201, answer.HTTPResponse, answer.Body)
}

// trySignIn signs in from a new browser.
func (w *world) trySignIn(t *testing.T, name string) (client.Session, error) {
	t.Helper()
	return w.complete(t, w.callback(t, w.browser(), w.begin(t), name))
}

func (w *world) signIn(t *testing.T, name string) client.Session {
	t.Helper()
	session, err := w.trySignIn(t, name)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func (w *world) exchange(t *testing.T, session string) (client.Exchange, error) {
	t.Helper()
	answer, err := w.client.ExchangeSessionWithResponse(t.Context(), client.SessionToken{Token: session})
	if err != nil {
		t.Fatal(err)
	}
	return rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
}

// person is somebody who is signed in.
type person struct {
	id      int64
	session string
	as      client.RequestEditorFn
}

// someone signs in and gets a token.
func (w *world) someone(t *testing.T, name string) person {
	t.Helper()
	session := w.signIn(t, name)
	exchanged, err := w.exchange(t, session.Token)
	if err != nil {
		t.Fatal(err)
	}
	return person{exchanged.Person.ID, session.Token, bearer(exchanged.Tokens.User)}
}

func bearer(raw string) client.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+raw)
		return nil
	}
}

func (w *world) setRole(t *testing.T, id int64, role token.Role) {
	t.Helper()
	w.exec(t, `UPDATE "user".people SET role = $2 WHERE id = $1`, id, role)
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func scan[T any](t *testing.T, w *world, sql string, args ...any) T {
	t.Helper()
	var value T
	if err := w.pool.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// account is what the Admin sees of a person.
func (w *world) account(t *testing.T, admin person, id int64) client.Account {
	t.Helper()
	answer, err := w.client.GetAccountWithResponse(t.Context(), id, admin.as)
	if err != nil {
		t.Fatal(err)
	}
	account, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

func (w *world) lock(t *testing.T, admin person, id int64) (client.Account, error) {
	t.Helper()
	answer, err := w.client.LockAccountWithResponse(t.Context(), id, client.Lock{Reason: "spam"}, admin.as)
	if err != nil {
		t.Fatal(err)
	}
	return rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
}
