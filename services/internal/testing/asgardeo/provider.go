package asgardeo

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	idTokenLifetime     = time.Hour
	accessTokenLifetime = time.Hour
)

var errUnsupported = errors.New("the fake does not do this")

// newProvider sets up what OpenID Connect is; paths are Asgardeo's.
func (f *Fake) newProvider() error {
	endpoint := func(path string) *op.Endpoint { return op.NewEndpointWithURL(path, f.config.BaseURL+path) }
	provider, err := op.NewProvider(
		&op.Config{
			CryptoKey: sha256.Sum256([]byte(rand.Text())), CodeMethodS256: true, AuthMethodPost: true,
			DefaultLogoutRedirectURI: f.config.BaseURL + "/login", BackChannelLogoutSupported: true, BackChannelLogoutSessionSupported: true,
		},
		storage{f}, op.StaticIssuer(f.issuer),
		op.WithAllowInsecure(),
		op.WithCustomEndpoints(endpoint("/oauth2/authorize"), endpoint("/oauth2/token"), endpoint("/oauth2/userinfo"),
			endpoint("/oauth2/revoke"), endpoint("/oidc/logout"), endpoint("/oauth2/jwks")),
	)
	if err != nil {
		return fmt.Errorf("set up the OpenID provider: %w", err)
	}
	f.provider = provider
	return nil
}

// authRequest is one sign-in under way. Until somebody has signed in, user is empty.
type authRequest struct {
	id                string
	request           *oidc.AuthRequest
	user, session     string
	authenticatedTime time.Time
}

func (a *authRequest) GetID() string          { return a.id }
func (a *authRequest) GetACR() string         { return "" }
func (a *authRequest) GetAMR() []string       { return []string{"BasicAuthenticator"} }
func (a *authRequest) GetAudience() []string  { return []string{a.request.ClientID} }
func (a *authRequest) GetAuthTime() time.Time { return a.authenticatedTime }
func (a *authRequest) GetClientID() string    { return a.request.ClientID }
func (a *authRequest) GetNonce() string       { return a.request.Nonce }
func (a *authRequest) GetRedirectURI() string { return a.request.RedirectURI }
func (a *authRequest) GetResponseType() oidc.ResponseType {
	return a.request.ResponseType
}
func (a *authRequest) GetResponseMode() oidc.ResponseMode { return a.request.ResponseMode }
func (a *authRequest) GetScopes() []string                { return a.request.Scopes }
func (a *authRequest) GetState() string                   { return a.request.State }
func (a *authRequest) GetSubject() string                 { return a.user }
func (a *authRequest) Done() bool                         { return a.user != "" }
func (a *authRequest) GetCodeChallenge() *oidc.CodeChallenge {
	if a.request.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: a.request.CodeChallenge, Method: a.request.CodeChallengeMethod}
}

// storage is op.Storage over the fake's memory.
type storage struct{ *Fake }

func (s storage) CreateAuthRequest(_ context.Context, request *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	created := &authRequest{id: rand.Text(), request: request}
	s.requests[created.id] = created
	return created, nil
}

func (s storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.requests[id]
	if !ok {
		return nil, errors.New("there is no such sign-in")
	}
	copied := *found
	return &copied, nil
}

// AuthRequestByCode gives a code away once.
func (s storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id, ok := s.codes[code]
	delete(s.codes, code)
	s.mu.Unlock()
	if !ok {
		return nil, errors.New("there is no such code")
	}
	return s.AuthRequestByID(ctx, id)
}

func (s storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

func (s storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	return nil
}

func (s storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), time.Now().Add(accessTokenLifetime), nil
}

func (s storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errUnsupported
}

func (s storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errUnsupported
}

func (s storage) TerminateSession(_ context.Context, user, _ string) error {
	s.EndSessions(user)
	return nil
}

// TerminateSessionFromRequest ends the session that the ID token is of.
func (s storage) TerminateSessionFromRequest(_ context.Context, request *op.EndSessionRequest) (string, error) {
	if request.IDTokenHintClaims != nil {
		s.endSession(request.IDTokenHintClaims.SessionID)
	}
	return request.RedirectURI, nil
}

func (s storage) RevokeToken(context.Context, string, string, string) *oidc.Error { return nil }

func (s storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

func (s storage) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return privateKey(s.keys[0]), nil
}

func (s storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s storage) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []op.Key
	for _, key := range s.keys {
		keys = append(keys, publicKey(key))
	}
	return keys, nil
}

func (s storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	client, ok := s.client(id)
	if !ok {
		return nil, errors.New("there is no such client")
	}
	return opClient{client, s.config.BaseURL}, nil
}

func (s storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if client, ok := s.client(id); !ok || client.Secret != secret {
		return errors.New("wrong client or secret")
	}
	return nil
}

func (s storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SetUserinfoFromRequest puts the person and the session into the ID token.
func (s storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, request op.IDTokenRequest, _ []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, ok := s.users[request.GetSubject()]
	if !ok {
		return errors.New("the person is gone")
	}
	info.Subject = user.ID
	info.GivenName, info.FamilyName, info.Name = user.Given, user.Family, user.Given+" "+user.Family
	info.Email, info.EmailVerified = user.UserName, oidc.Bool(user.EmailVerified)
	info.AppendClaims("org_id", "fake")
	info.AppendClaims("username", user.UserName)
	if signIn, ok := request.(*authRequest); ok {
		info.AppendClaims("sid", signIn.session)
		info.AppendClaims("isk", rand.Text())
	}
	return nil
}

func (s storage) SetUserinfoFromToken(context.Context, *oidc.UserInfo, string, string, string) error {
	return errUnsupported
}

func (s storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnsupported
}

func (s storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (s storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnsupported
}

func (s storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnsupported
}

func (s storage) Health(context.Context) error { return nil }

type privateKey signingKey

func (k privateKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k privateKey) Key() any                                    { return k.private }
func (k privateKey) ID() string                                  { return k.id }

type publicKey signingKey

func (k publicKey) ID() string                         { return k.id }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return k.private.Public() }

type opClient struct {
	client  Client
	baseURL string
}

func (c opClient) GetID() string                       { return c.client.ID }
func (c opClient) RedirectURIs() []string              { return c.client.RedirectURIs }
func (c opClient) PostLogoutRedirectURIs() []string    { return c.client.PostLogoutRedirectURIs }
func (c opClient) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c opClient) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (c opClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c opClient) GrantTypes() []oidc.GrantType        { return []oidc.GrantType{oidc.GrantTypeCode} }
func (c opClient) LoginURL(id string) string           { return c.baseURL + "/login?request=" + id }
func (c opClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (c opClient) IDTokenLifetime() time.Duration      { return idTokenLifetime }
func (c opClient) DevMode() bool                       { return true }
func (c opClient) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (c opClient) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (c opClient) IsScopeAllowed(string) bool           { return false }
func (c opClient) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c opClient) ClockSkew() time.Duration             { return 0 }
