package service

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
	user "blogplatform.io/operator/services/user/client"
)

// hooksPath is where the identity provider calls, without a browser.
const hooksPath = "/hooks/"

type signInPage struct {
	// Return is the page to come back to.
	Return string
}

// signInPage serves GET /auth/sign-in.
func (s *site) signInPage(w http.ResponseWriter, r *http.Request) error {
	back := localPath(r.URL.Query().Get("return"))
	if visitorOf(r.Context()) != nil {
		http.Redirect(w, r, back, http.StatusSeeOther)
		return nil
	}
	s.render(w, r, http.StatusOK, document{Template: "sign-in", Title: s.messages.text("signin.title"), Page: signInPage{back}})
	return nil
}

// beginSignIn serves GET /auth/begin. It is a link and not a form: form-action
// 'self' would hold for where a form's answer sends the browser, too.
func (s *site) beginSignIn(w http.ResponseWriter, r *http.Request) error {
	if isFromElsewhere(r) {
		// The person decides, on a page of ours.
		redirect(w, r, "/auth/sign-in?return="+url.QueryEscape(localPath(r.URL.Query().Get("return"))))
		return nil
	}
	answer, err := s.backends.user.BeginSignInWithResponse(r.Context(), user.SignInBeginning{ReturnTo: localPath(r.URL.Query().Get("return"))})
	if err != nil {
		return err
	}
	began, err := rest.Result(answer.JSON201, answer.HTTPResponse, answer.Body)
	if statusOf(err) == http.StatusServiceUnavailable {
		return s.noProvider(w, r, err)
	}
	if err != nil {
		return err
	}
	authorization, err := url.Parse(began.AuthorizationURL)
	if err != nil {
		return fmt.Errorf("read where to sign in: %w", err)
	}
	dropTransactions(w, r)
	name := transactionCookie(authorization.Query().Get("state"))
	setCookie(w, name, s.signer.sign(name, began.Transaction), transactionAge)
	redirect(w, r, began.AuthorizationURL)
	return nil
}

// completeSignIn serves GET /auth/callback, where the identity provider sends
// the browser back to.
func (s *site) completeSignIn(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	name := transactionCookie(query.Get("state"))
	transaction, ok := s.signed(r, name)
	if !ok {
		return s.signInFailed(w, r, http.StatusBadRequest, "error.signin.unknown")
	}
	setCookie(w, name, "", 0)
	in := user.SignInCompletion{Transaction: transaction, State: query.Get("state")}
	for name, field := range map[string]**string{"code": &in.Code, "error": &in.Error, "iss": &in.Issuer} {
		if value := query.Get(name); value != "" {
			*field = &value
		}
	}
	if previous := visitOf(r.Context()).session; previous != "" {
		in.PreviousSession = &previous
		s.exchanges.forget(previous)
	}
	// What people recognize their sessions by; nothing more of the browser is kept.
	in.UserAgent = new(s.browser(r.UserAgent()))
	answer, err := s.backends.user.CompleteSignInWithResponse(r.Context(), in)
	if err != nil {
		return err
	}
	session, err := rest.Result(answer.JSON201, answer.HTTPResponse, answer.Body)
	switch status := statusOf(err); {
	case status == http.StatusForbidden:
		return errLocked
	case status == http.StatusServiceUnavailable:
		return s.noProvider(w, r, err)
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError:
		slog.InfoContext(r.Context(), "a sign-in was refused", "error", err)
		if in.Error != nil {
			return s.signInFailed(w, r, status, "error.signin.provider")
		}
		return s.signInFailed(w, r, status, "error.signin.over")
	case err != nil:
		return err
	}
	setCookie(w, sessionCookie, session.Token, time.Until(session.ExpiresAt))
	redirect(w, r, localPath(session.ReturnTo))
	return nil
}

// signInFailed says why a sign-in did not work. Who is signed in, as by another tab
// or by this one before it went back, goes on to the blog.
func (s *site) signInFailed(w http.ResponseWriter, r *http.Request, status int, why string) error {
	if visitorOf(r.Context()) != nil {
		redirect(w, r, "/")
		return nil
	}
	s.showError(w, r, status, s.errorPage(why, "/auth/sign-in"))
	return nil
}

// noProvider says that the identity provider is away. What was begun is over:
// the way on is to begin again.
func (s *site) noProvider(w http.ResponseWriter, r *http.Request, err error) error {
	slog.ErrorContext(r.Context(), "nobody can sign in", "error", err)
	w.Header().Set("Retry-After", "5")
	s.showError(w, r, http.StatusServiceUnavailable, s.errorPage("error.provider", "/auth/sign-in"))
	return nil
}

type signOutPage struct {
	// Next is where the provider's own session ends.
	Next string
}

// signOut serves POST /auth/sign-out. The session here ends first, whatever the
// provider does. The way there is a page that leads on, for the reason that
// [site.beginSignIn] gives.
func (s *site) signOut(w http.ResponseWriter, r *http.Request) error {
	session := visitOf(r.Context()).session
	if session == "" {
		redirect(w, r, "/")
		return nil
	}
	answer, err := s.backends.user.EndSessionWithResponse(r.Context(), user.SessionToken{Token: session})
	if err != nil {
		return err
	}
	ended, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return err
	}
	s.exchanges.forget(session)
	setCookie(w, sessionCookie, "", 0)
	s.tell(w, "notice.signedout")
	if ended.EndSessionURL == nil {
		redirect(w, r, "/")
		return nil
	}
	// The page itself is not for the person who just left.
	s.render(w, anonymous(r), http.StatusOK, document{
		Template: "sign-out", Title: s.messages.text("signout.title"), Page: signOutPage{*ended.EndSessionURL},
	})
	return nil
}

// backChannelLogout serves POST /hooks/back-channel-logout: what the provider
// says goes to the user service as it came, and so does the answer.
func (s *site) backChannelLogout(w http.ResponseWriter, r *http.Request) error {
	answer, err := s.backends.user.BackChannelLogoutWithBody(r.Context(), r.Header.Get("Content-Type"), r.Body)
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		problem.Write(w, r, http.StatusRequestEntityTooLarge, "A logout token is shorter than that.")
		return nil
	case err != nil:
		problem.Fail(w, r, &problem.Error{Status: http.StatusServiceUnavailable, Detail: "Try again later.", Cause: err})
		return nil
	}
	defer answer.Body.Close()
	w.Header().Set("Content-Type", cmp.Or(answer.Header.Get("Content-Type"), "text/plain"))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(answer.StatusCode)
	// A provider that went away cannot be told.
	_, _ = io.Copy(w, answer.Body)
	return nil
}

// redirect sends the browser on with a GET.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}
