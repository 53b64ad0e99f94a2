package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"golang.org/x/oauth2"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/internal/api"
	"blogplatform.io/operator/services/user/internal/identity"
	"blogplatform.io/operator/services/user/internal/names"
	"blogplatform.io/operator/services/user/internal/store"
)

var (
	errNoProvider = &problem.Error{Status: http.StatusServiceUnavailable, Detail: "This blog has no identity provider; nobody can sign in."}
	errBeginAgain = &problem.Error{Status: http.StatusBadRequest, Field: "body.transaction", Detail: "This sign-in is over or not this browser's; begin again."}
	errSignedOut  = &problem.Error{Status: http.StatusUnauthorized, Detail: "The session is over; sign in again."}
)

// BeginSignIn serves POST /v1/sign-ins.
func (s *service) BeginSignIn(ctx context.Context, request api.BeginSignInRequestObject) (api.BeginSignInResponseObject, error) {
	if s.provider == nil {
		return nil, errNoProvider
	}
	if err := ownPath(request.Body.ReturnTo); err != nil {
		return nil, err
	}
	// The provider first: nothing is kept of a sign-in that cannot begin.
	if _, err := s.provider.TokenURL(ctx); err != nil {
		return nil, err
	}
	began, err := s.store.BeginSignIn(ctx, oauth2.GenerateVerifier(), request.Body.ReturnTo)
	if err != nil {
		return nil, err
	}
	to, err := s.provider.AuthorizationURL(ctx, began.State, began.Nonce, began.Verifier)
	if err != nil {
		return nil, err
	}
	return api.BeginSignIn201JSONResponse{AuthorizationURL: to, Transaction: began.Transaction}, nil
}

// ownPath refuses everything that a browser could take for another site.
// Browsers drop tabs and line breaks from addresses before they read them.
func ownPath(path string) error {
	if err := plain("body.returnTo", path, 2000); err != nil {
		return err
	}
	if strings.ContainsFunc(path, unicode.IsControl) || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsRune(path, '\\') {
		return problem.Invalid("body.returnTo", "must be a path of this blog, such as /posts/first.")
	}
	return nil
}

// CompleteSignIn serves POST /v1/sign-ins/complete.
func (s *service) CompleteSignIn(ctx context.Context, request api.CompleteSignInRequestObject) (api.CompleteSignInResponseObject, error) {
	if s.provider == nil {
		return nil, errNoProvider
	}
	in := request.Body
	if err := bounded(map[string]field{
		"body.transaction": {in.Transaction, 200}, "body.state": {in.State, 200}, "body.code": {optional(in.Code), 4096},
		"body.error": {optional(in.Error), 200}, "body.issuer": {optional(in.Issuer), 500},
		"body.previousSession": {optional(in.PreviousSession), 200}, "body.userAgent": {optional(in.UserAgent), 500},
	}); err != nil {
		return nil, err
	}
	began, err := s.store.TakeSignIn(ctx, in.Transaction, in.State)
	if errors.Is(err, store.ErrOver) {
		return nil, errBeginAgain
	}
	if err != nil {
		return nil, err
	}
	if err := s.mixUp(in); err != nil {
		return nil, err
	}
	person, err := s.provider.SignIn(ctx, optional(in.Code), began.Nonce, began.Verifier)
	if err != nil {
		return nil, err
	}
	return s.admit(ctx, person, in, began.ReturnTo)
}

// mixUp refuses what is no code of our provider (RFC 9207 for the issuer).
func (s *service) mixUp(in *api.SignInCompletion) error {
	switch {
	case in.Issuer != nil && *in.Issuer != s.settings.issuer:
		return &problem.Error{Status: http.StatusBadRequest, Field: "body.issuer", Detail: "This answer is of another identity provider."}
	case optional(in.Error) != "":
		return &problem.Error{Status: http.StatusBadRequest, Field: "body.error", Detail: "The identity provider did not sign this person in."}
	case optional(in.Code) == "":
		return problem.Invalid("body.code", "is missing.")
	}
	return nil
}

func (s *service) admit(ctx context.Context, person identity.Person, in *api.SignInCompletion, returnTo string) (api.CompleteSignInResponseObject, error) {
	signIn := store.SignIn{
		Identity: store.Identity{
			Issuer: s.settings.issuer, Subject: person.Subject, SID: person.SID, IssuedAt: person.IssuedAt,
			DisplayName: person.Name, Email: person.Email, EmailVerified: person.EmailVerified, IDToken: person.IDToken,
		},
		Previous: optional(in.PreviousSession), UserAgent: names.Line(optional(in.UserAgent)),
		FirstAdmin: s.settings.firstAdmin != "" && person.Subject == s.settings.firstAdmin,
	}
	secret, expires, id, err := s.store.SignIn(ctx, signIn)
	if errors.Is(err, store.ErrLocked) && s.unlockedThere(ctx, id, person.Subject) {
		secret, expires, _, err = s.store.SignIn(ctx, signIn)
	}
	if errors.Is(err, store.ErrOver) {
		return nil, errSignedOut
	}
	if err != nil {
		return nil, err
	}
	return api.CompleteSignIn201JSONResponse{Token: secret, ExpiresAt: expires, ReturnTo: returnTo}, nil
}

// unlockedThere asks the provider about somebody who is locked by its word
// alone: it may have changed since, and nobody else would ask before long.
func (s *service) unlockedThere(ctx context.Context, id int64, subject string) bool {
	if s.scim == nil || id == 0 {
		return false
	}
	account, err := s.store.Account(ctx, id)
	if err != nil || account.LockedHere {
		return false
	}
	locked, err := s.scim.Locked(ctx, subject)
	return err == nil && !locked && s.store.Observe(ctx, id, false) == nil
}

// ExchangeSession serves POST /v1/sessions/exchange.
func (s *service) ExchangeSession(ctx context.Context, request api.ExchangeSessionRequestObject) (api.ExchangeSessionResponseObject, error) {
	signed, err := s.store.Exchange(ctx, request.Body.Token)
	if err == nil && signed.Key == nil {
		// The very first request of a new blog.
		if err = s.store.RotateKeys(ctx); err == nil {
			signed, err = s.store.Exchange(ctx, request.Body.Token)
		}
	}
	switch {
	case errors.Is(err, store.ErrOver):
		return nil, errSignedOut
	case err != nil:
		return nil, err
	case signed.Key == nil:
		return nil, errors.New("there is no key that signs")
	}
	tokens := api.Tokens{}
	for audience, raw := range map[string]*string{token.User: &tokens.User, token.Content: &tokens.Content, token.Comment: &tokens.Comment} {
		if *raw, err = signed.Key.Sign(s.settings.tokenIssuer, audience, signed.Person, signed.Now); err != nil {
			return nil, err
		}
	}
	return api.ExchangeSession200JSONResponse{
		Person: api.Person{ID: signed.Person.Person, DisplayName: signed.Person.Name}, Role: api.Role(signed.Person.Role), Tokens: tokens,
	}, nil
}

// EndSession serves POST /v1/sessions/end. Signing out here does not wait for
// the provider.
func (s *service) EndSession(ctx context.Context, request api.EndSessionRequestObject) (api.EndSessionResponseObject, error) {
	idToken, err := s.store.End(ctx, request.Body.Token)
	if err != nil {
		return nil, err
	}
	var answer api.EndSession200JSONResponse
	if idToken == "" || s.provider == nil {
		return answer, nil
	}
	if to, err := s.provider.EndSessionURL(ctx, idToken); err == nil && to != "" {
		answer.EndSessionURL = &to
	}
	return answer, nil
}

// BackChannelLogout serves POST /v1/logouts.
func (s *service) BackChannelLogout(ctx context.Context, request api.BackChannelLogoutRequestObject) (api.BackChannelLogoutResponseObject, error) {
	if s.provider == nil {
		return nil, errNoProvider
	}
	out, err := s.provider.Logout(ctx, request.Body.LogoutToken)
	if errors.Is(err, identity.ErrRefused) {
		return nil, &problem.Error{Status: http.StatusBadRequest, Field: "body.logout_token", Detail: "This is no logout token of this blog's identity provider."}
	}
	if err != nil {
		return nil, err
	}
	err = s.store.Logout(ctx, store.Logout{Issuer: s.settings.issuer, ID: out.ID, SID: out.SID, Subject: out.Subject, IssuedAt: out.IssuedAt})
	if err != nil {
		return nil, err
	}
	return api.BackChannelLogout200Response{}, nil
}

// keys returns the published keys, and makes the first.
func (s *service) keys(ctx context.Context) (token.Set, error) {
	set, err := s.store.Keys(ctx)
	if err == nil && len(set.Keys) == 0 {
		if err = s.store.RotateKeys(ctx); err == nil {
			set, err = s.store.Keys(ctx)
		}
	}
	return set, err
}

// GetKeys serves GET /v1/keys.
func (s *service) GetKeys(ctx context.Context, _ api.GetKeysRequestObject) (api.GetKeysResponseObject, error) {
	set, err := s.keys(ctx)
	if err != nil {
		return nil, err
	}
	document, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encode the keys: %w", err)
	}
	var answer api.GetKeys200JSONResponse
	if err := json.Unmarshal(document, &answer); err != nil {
		return nil, fmt.Errorf("encode the keys: %w", err)
	}
	return answer, nil
}
