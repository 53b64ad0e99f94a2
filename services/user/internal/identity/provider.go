package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

var (
	// ErrUnavailable says that the provider cannot be asked right now.
	ErrUnavailable = errors.New("the identity provider does not answer")
	// ErrRefused says that the provider's answer is not to be believed, or that it
	// did not let the person in.
	ErrRefused = errors.New("the identity provider's answer is refused")
)

// Config says who the provider is and who we are there.
type Config struct {
	// Issuer is the iss of its tokens, and where discovery begins.
	Issuer   string
	ClientID string
	// ClientSecret returns the secret at hand: it may be replaced.
	ClientSecret func() string
	// RedirectURL is where the provider sends browsers back to, PostLogoutURL
	// where it sends them after they signed out.
	RedirectURL, PostLogoutURL string
	HTTP                       *http.Client
}

// Provider is the OpenID provider, discovered when it is first needed.
type Provider struct {
	config Config

	mu         sync.Mutex
	discovered *discovered
	// failed is how the last discovery ended, at failedAt.
	failed   error
	failedAt time.Time
}

// discovered is what the provider says of itself (OpenID Connect Discovery 1.0).
type discovered struct {
	oauth         oauth2.Config
	endSessionURL string
	// tokens verifies ID tokens and logout tokens alike.
	tokens *oidc.IDTokenVerifier
}

// New returns a provider. It asks for nothing yet.
func New(config Config) *Provider { return &Provider{config: config} }

// ask returns the provider, discovering it if that has not succeeded yet. Who
// waits for a discovery shares its outcome: while a provider hangs nobody waits
// for more than one.
func (p *Provider) ask(ctx context.Context) (*discovered, error) {
	began := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.discovered != nil {
		return p.discovered, nil
	}
	if p.failedAt.After(began) {
		return nil, p.failed
	}
	// It does not end with one impatient request.
	found, err := p.discover(context.WithoutCancel(ctx))
	if err != nil {
		p.failed, p.failedAt = err, time.Now()
		return nil, err
	}
	p.discovered = found
	return found, nil
}

func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	ctx = oidc.ClientContext(ctx, p.config.HTTP)
	provider, err := oidc.NewProvider(ctx, p.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: discover %s: %w", ErrUnavailable, p.config.Issuer, err)
	}
	var more struct {
		JWKSURI    string `json:"jwks_uri"`
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("%w: read its discovery document: %w", ErrUnavailable, err)
	}
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(ctx, patient(p.config.HTTP)), more.JWKSURI)
	endpoint := provider.Endpoint()
	// Trying the other style after a failure would redeem the code twice.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	// Asgardeo signs with RS256; what else is there is for others.
	config := &oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256, oidc.EdDSA}}
	return &discovered{
		oauth: oauth2.Config{
			ClientID: p.config.ClientID, RedirectURL: p.config.RedirectURL,
			Endpoint: endpoint, Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
		},
		endSessionURL: more.EndSession,
		tokens:        oidc.NewVerifier(p.config.Issuer, keys, config),
	}, nil
}

// TokenURL returns the token endpoint.
func (p *Provider) TokenURL(ctx context.Context) (string, error) {
	d, err := p.ask(ctx)
	if err != nil {
		return "", err
	}
	return d.oauth.Endpoint.TokenURL, nil
}

// AuthorizationURL returns where a browser signs in.
func (p *Provider) AuthorizationURL(ctx context.Context, state, nonce, verifier string) (string, error) {
	d, err := p.ask(ctx)
	if err != nil {
		return "", err
	}
	return d.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// EndSessionURL returns where a browser signs out, empty where the provider has
// no such place (OpenID Connect RP-Initiated Logout 1.0).
func (p *Provider) EndSessionURL(ctx context.Context, idToken string) (string, error) {
	d, err := p.ask(ctx)
	if err != nil || d.endSessionURL == "" {
		return "", err
	}
	to, err := url.Parse(d.endSessionURL)
	if err != nil {
		return "", fmt.Errorf("%w: read its end_session_endpoint: %w", ErrUnavailable, err)
	}
	query := to.Query()
	query.Set("id_token_hint", idToken)
	query.Set("post_logout_redirect_uri", p.config.PostLogoutURL)
	query.Set("client_id", p.config.ClientID)
	to.RawQuery = query.Encode()
	return to.String(), nil
}

// Person is what the provider says of who signed in.
type Person struct {
	Subject, SID  string
	IssuedAt      time.Time
	Name          string
	Email         string
	EmailVerified bool
	IDToken       string
}

type idClaims struct {
	SID           string `json:"sid"`
	AZP           string `json:"azp"`
	Name          string `json:"name"`
	GivenName     string `json:"given_name"`
	FamilyName    string `json:"family_name"`
	Email         string `json:"email"`
	EmailVerified any    `json:"email_verified"`
}

// SignIn redeems a code. Errors wrap [ErrUnavailable] or [ErrRefused].
func (p *Provider) SignIn(ctx context.Context, code, nonce, verifier string) (Person, error) {
	d, err := p.ask(ctx)
	if err != nil {
		return Person{}, err
	}
	ctx = oidc.ClientContext(ctx, p.config.HTTP)
	config := d.oauth
	config.ClientSecret = p.config.ClientSecret()
	tokens, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return Person{}, exchangeError(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	verified, err := d.tokens.Verify(ctx, raw)
	if err != nil {
		return Person{}, verifyError(err)
	}
	var claims idClaims
	if err := verified.Claims(&claims); err != nil {
		return Person{}, fmt.Errorf("%w: read the ID token: %w", ErrRefused, err)
	}
	if err := p.check(verified, claims, nonce, tokens.AccessToken); err != nil {
		return Person{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return Person{
		Subject: verified.Subject, SID: claims.SID, IssuedAt: verified.IssuedAt, Name: displayName(claims),
		Email: cleanEmail(claims.Email), EmailVerified: truth(claims.EmailVerified), IDToken: raw,
	}, nil
}

// check is what OpenID Connect Core 1.0, section 3.1.3.7, asks for and the
// verifier leaves to us.
func (p *Provider) check(token *oidc.IDToken, claims idClaims, nonce, accessToken string) error {
	switch {
	case !isName(token.Subject):
		return errors.New("the ID token has no subject")
	case claims.SID != "" && !isName(claims.SID):
		return errors.New("the ID token has a strange sid")
	case token.Nonce == "" || token.Nonce != nonce:
		return errors.New("the ID token is of another sign-in")
	case len(token.Audience) > 1 && claims.AZP == "", claims.AZP != "" && claims.AZP != p.config.ClientID:
		return errors.New("the ID token is of another application")
	}
	if token.AccessTokenHash != "" {
		return token.VerifyAccessToken(accessToken)
	}
	return nil
}

// Logout is a back-channel logout that is to be believed.
type Logout struct {
	ID, SID, Subject string
	IssuedAt         time.Time
}

// logoutEvent is the member of events that makes a token a logout token.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// Logout judges a logout token (OpenID Connect Back-Channel Logout 1.0, section
// 2.6), all but whether it came before. Errors wrap [ErrUnavailable] or [ErrRefused].
func (p *Provider) Logout(ctx context.Context, raw string) (Logout, error) {
	d, err := p.ask(ctx)
	if err != nil {
		return Logout{}, err
	}
	verified, err := d.tokens.Verify(ctx, raw)
	if err != nil {
		return Logout{}, verifyError(err)
	}
	var claims struct {
		ID     string                    `json:"jti"`
		SID    string                    `json:"sid"`
		Events map[string]map[string]any `json:"events"`
		Nonce  *string                   `json:"nonce"`
	}
	if err := verified.Claims(&claims); err != nil {
		return Logout{}, fmt.Errorf("%w: read the logout token: %w", ErrRefused, err)
	}
	_, isLogout := claims.Events[logoutEvent]
	switch {
	case !isLogout:
		return Logout{}, fmt.Errorf("%w: it is not a logout token", ErrRefused)
	case claims.Nonce != nil:
		return Logout{}, fmt.Errorf("%w: a logout token has no nonce", ErrRefused)
	case !isName(claims.ID):
		return Logout{}, fmt.Errorf("%w: the logout token has no jti", ErrRefused)
	case !isName(claims.SID + verified.Subject):
		return Logout{}, fmt.Errorf("%w: the logout token names nobody", ErrRefused)
	}
	return Logout{ID: claims.ID, SID: claims.SID, Subject: verified.Subject, IssuedAt: verified.IssuedAt}, nil
}

// exchangeError tells a provider that is away from one that refuses.
func exchangeError(err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		// Either nobody answered, or not with a token response.
		return fmt.Errorf("%w: redeem the code: %w", ErrUnavailable, err)
	}
	if status := answer.Response.StatusCode; status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return fmt.Errorf("%w: it answered %d to the code", ErrUnavailable, status)
	}
	return fmt.Errorf("%w: it does not redeem the code (%s)", ErrRefused, answer.ErrorCode)
}

// verifyError tells keys that cannot be fetched from a token that is not good.
func verifyError(err error) error {
	// go-oidc has no error value for this.
	if strings.Contains(err.Error(), "fetching keys") {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// truth is a boolean that some providers write as a string.
func truth(value any) bool { return value == true || value == "true" }
