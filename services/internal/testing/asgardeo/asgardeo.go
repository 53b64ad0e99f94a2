package asgardeo

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// Config is what a fake begins with.
type Config struct {
	// BaseURL is that of an organization, https://api.asgardeo.io/t/<org> at the
	// real one. The issuer is <BaseURL>/oauth2/token.
	BaseURL string   `json:"baseURL"`
	Clients []Client `json:"clients"`
	Users   []User   `json:"users"`
	// HTTPClient delivers back-channel logouts, nil for the default one.
	HTTPClient *http.Client `json:"-"`
}

// Client is an application of the organization.
type Client struct {
	ID                     string   `json:"id"`
	Secret                 string   `json:"secret"`
	RedirectURIs           []string `json:"redirectURIs"`
	PostLogoutRedirectURIs []string `json:"postLogoutRedirectURIs"`
	// BackChannelLogoutURI is told of every session that ends, empty for none.
	BackChannelLogoutURI string `json:"backChannelLogoutURI"`
	// Scopes are those that client_credentials may get; others are dropped without a word.
	Scopes []string `json:"scopes"`
}

// User is a person of the organization's primary user store.
type User struct {
	// ID is the SCIM id and the subject of tokens, a UUID at the real one.
	ID string `json:"id"`
	// UserName is without the user store; SCIM shows it as DEFAULT/<UserName>.
	UserName string `json:"userName"`
	Password string `json:"password"`
	Given    string `json:"given"`
	Family   string `json:"family"`
	// EmailVerified is what tokens say of the address, which is UserName.
	EmailVerified bool `json:"emailVerified"`
	Locked        bool `json:"locked"`
	// Disabled is what only the console sets.
	Disabled bool `json:"disabled"`
}

// Fake is the provider. It is safe for concurrent use.
type Fake struct {
	config   Config
	issuer   string
	basePath string
	provider *op.Provider
	handler  http.Handler

	mu       sync.Mutex
	users    map[string]*User
	keys     []signingKey
	requests map[string]*authRequest
	codes    map[string]string
	sessions map[string]*session
	tokens   map[string]*accessToken
	faults   []*Fault
	skew     time.Duration
	tamper   func(claims map[string]any)
	calls    []string
}

type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

// session is one browser's at the provider.
type session struct {
	id, user string
	clients  map[string]bool
	began    time.Time
}

// New returns a fake. It serves under the path of BaseURL.
func New(config Config) (*Fake, error) {
	base, err := url.Parse(config.BaseURL)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("base URL %q: write one such as https://id.example.com/t/acme", config.BaseURL)
	}
	if config.HTTPClient == nil {
		config.HTTPClient = &http.Client{Timeout: 5 * time.Second}
	}
	f := &Fake{
		config: config, issuer: config.BaseURL + "/oauth2/token", basePath: base.Path,
		users: map[string]*User{}, requests: map[string]*authRequest{}, codes: map[string]string{},
		sessions: map[string]*session{}, tokens: map[string]*accessToken{},
	}
	for _, user := range config.Users {
		f.AddUser(user)
	}
	if err := f.RotateKeys(true); err != nil {
		return nil, err
	}
	if err := f.newProvider(); err != nil {
		return nil, err
	}
	f.handler = http.StripPrefix(f.basePath, f.withFaults(f.routes()))
	return f, nil
}

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.handler.ServeHTTP(w, r) }

// Issuer is the iss of its tokens, and where discovery begins.
func (f *Fake) Issuer() string { return f.issuer }

func (f *Fake) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /oauth2/token/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = "/.well-known/openid-configuration", ""
		f.provider.ServeHTTP(w, r)
	})
	mux.HandleFunc("POST /oauth2/token", f.token)
	mux.HandleFunc("GET /login", f.showLogin)
	mux.HandleFunc("POST /login", f.login)
	mux.HandleFunc("GET /scim2/Users", f.authorized("internal_user_mgt_list", f.listUsers))
	mux.HandleFunc("GET /scim2/Users/{id}", f.authorized("internal_user_mgt_view", f.getUser))
	mux.HandleFunc("PATCH /scim2/Users/{id}", f.authorized("internal_user_mgt_update", f.patchUser))
	mux.HandleFunc("DELETE /api/users/v1/{id}/sessions", f.authorized("internal_session_delete", f.deleteSessions))
	mux.Handle("/", f.provider)
	return mux
}

// AddUser adds a person, or replaces the one with that id.
func (f *Fake) AddUser(user User) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users[user.ID] = &user
}

// RemoveUser deletes a person.
func (f *Fake) RemoveUser(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.users, id)
}

// SetLocked locks or unlocks a person as somebody in the provider's console would.
func (f *Fake) SetLocked(id string, locked bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users[id].Locked = locked
}

// Disable disables or enables a person as somebody in the provider's console would.
func (f *Fake) Disable(id string, disabled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users[id].Disabled = disabled
}

// Locked reports whether the person is locked.
func (f *Fake) Locked(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.users[id].Locked
}

// Sessions returns how many sessions the person has at the provider.
func (f *Fake) Sessions(user string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	count := 0
	for _, s := range f.sessions {
		if s.user == user {
			count++
		}
	}
	return count
}

// RotateKeys signs with a new key from now on. The keys before it stay published
// only when keep is set.
func (f *Fake) RotateKeys(keep bool) error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !keep {
		f.keys = nil
	}
	f.keys = append([]signingKey{{rand.Text() + "_RS256", private}}, f.keys...)
	return nil
}

// SetClockSkew sets how far the provider's clock is ahead, in the times of its tokens.
func (f *Fake) SetClockSkew(skew time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.skew = skew
}

// Tamper lets change the claims of every ID token before it is signed, nil to stop.
func (f *Fake) Tamper(change func(claims map[string]any)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tamper = change
}

func (f *Fake) client(id string) (Client, bool) {
	i := slices.IndexFunc(f.config.Clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, false
	}
	return f.config.Clients[i], true
}

func (f *Fake) userByName(name string) (*User, bool) {
	for _, user := range f.users {
		if strings.EqualFold(user.UserName, strings.TrimPrefix(name, "DEFAULT/")) {
			return user, true
		}
	}
	return nil, false
}
