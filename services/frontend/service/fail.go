package service

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/server"
)

// errorPage says what went wrong and what to do next.
type errorPage struct {
	Title, Text string
	// Detail is what a service said about it, empty for nothing.
	Detail string
	// Path and Label are the way on. An empty path is the page itself, once more.
	Path, Label string
	// Kept is what was typed and could not be taken, nil for nothing.
	Kept *keptForm
}

// keptForm is a form that comes back, so that nobody loses what they wrote: it
// can be copied, or sent again.
type keptForm struct {
	// Name and Text are those of the field that was written in.
	Name, Text string
	// Others are the rest of the form, by name.
	Others map[string]string
}

// keepForm returns the form that was sent, nil if nothing was written in it.
func keepForm(r *http.Request) *keptForm {
	kept := &keptForm{Others: map[string]string{}}
	for name := range r.PostForm {
		text := r.PostForm.Get(name)
		if name == "body" || strings.HasPrefix(name, "body-") || name == "note" {
			kept.Name, kept.Text = name, text
			continue
		}
		kept.Others[name] = text
	}
	if strings.TrimSpace(kept.Text) == "" {
		return nil
	}
	return kept
}

// failures are the texts of errors by status; others get those of 503.
var failures = map[int]string{
	http.StatusBadRequest:            "error.400",
	http.StatusUnauthorized:          "error.401",
	http.StatusForbidden:             "error.403",
	http.StatusNotFound:              "error.404",
	http.StatusMethodNotAllowed:      "error.405",
	http.StatusConflict:              "error.409",
	http.StatusPreconditionFailed:    "error.409",
	http.StatusRequestEntityTooLarge: "error.413",
	http.StatusUnsupportedMediaType:  "error.400",
	http.StatusUnprocessableEntity:   "error.400",
	http.StatusTooManyRequests:       "error.429",
	http.StatusServiceUnavailable:    "error.503",
}

// fail answers with the page that belongs to an error. Who only has to sign in
// is sent there, and back.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		// The reader has left; nobody is there to read an answer.
		return
	}
	if errors.Is(err, errSignIn) && r.Method == http.MethodGet && !isPart(r) {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/auth/sign-in?return="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	status, page := s.explain(err)
	if v := visitOf(r.Context()); v.visitor != nil && (status == http.StatusUnauthorized || status == http.StatusForbidden) {
		// A service may know already what the last exchange does not.
		s.exchanges.forget(v.session)
	}
	if status >= http.StatusInternalServerError {
		slog.ErrorContext(r.Context(), "page not served", "route", r.Pattern, "error", err)
		w.Header().Set("Retry-After", "5")
	}
	if status == http.StatusMethodNotAllowed {
		page.Path = "/"
	}
	if r.Method == http.MethodPost && readForm(r) == nil {
		page.Kept = keepForm(r)
	}
	s.showError(w, r, status, page)
}

// explain returns the status and the page for an error.
func (s *site) explain(err error) (int, errorPage) {
	var (
		known *problem.Error
		said  *rest.StatusError
		long  *http.MaxBytesError
	)
	switch {
	case errors.Is(err, errLocked):
		return http.StatusForbidden, s.errorPage("error.locked", "/")
	case errors.Is(err, errSignIn):
		return http.StatusUnauthorized, s.errorPage("error.401", "/auth/sign-in")
	case errors.As(err, &long):
		return http.StatusRequestEntityTooLarge, s.errorPage("error.413", "/")
	case errors.As(err, &known):
		page := s.errorPage(s.failure(known.Status), "/")
		page.Detail = known.Detail
		return known.Status, page
	case errors.As(err, &said) && statusOf(err) != 0 && said.Status < http.StatusInternalServerError && failures[said.Status] != "":
		status, to := said.Status, "/"
		if status == http.StatusUnauthorized {
			to = "/auth/sign-in"
		}
		page := s.errorPage(failures[status], to)
		if status != http.StatusNotFound && status != http.StatusUnauthorized {
			page.Detail = said.Problem.Detail
		}
		return status, page
	}
	return http.StatusServiceUnavailable, s.errorPage("error.503", "")
}

func (s *site) failure(status int) string {
	return cmp.Or(failures[status], failures[http.StatusServiceUnavailable])
}

// errorPage returns the page of the texts below a key.
func (s *site) errorPage(key, path string) errorPage {
	return errorPage{
		Title: s.messages.text(key + ".title"), Text: s.messages.text(key + ".text"),
		Path: path, Label: s.messages.text(key + ".next"),
	}
}

// showError shows an error as a page, or to htmx as a notice that leaves alone
// what was typed.
func (s *site) showError(w http.ResponseWriter, r *http.Request, status int, page errorPage) {
	if isPart(r) {
		w.Header().Set("HX-Retarget", "#notices")
		w.Header().Set("HX-Reswap", "innerHTML show:#notices:top")
		if err := s.fragment(w, r, status, "error", "error notice", page); err != nil {
			slog.ErrorContext(r.Context(), "notice not rendered", "error", err)
		}
		return
	}
	s.render(w, r, status, document{Template: "error", Title: page.Title, Page: page})
}

func (s *site) crossOrigin(w http.ResponseWriter, r *http.Request) {
	s.showError(w, r, http.StatusForbidden, s.errorPage("error.crossorigin", "/"))
}

// limitAddresses refuses what one client address asks beyond the limit. Assets
// that exist are not counted: a page has several. Hooks have a limit of their own:
// the identity provider speaks for many people from few addresses.
func (s *site) limitAddresses(pages, hooks *server.AddressLimit, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := pages
		switch {
		case (r.Method == http.MethodGet || r.Method == http.MethodHead) && s.assets.has(r.URL.Path):
			next.ServeHTTP(w, r)
			return
		case strings.HasPrefix(r.URL.Path, hooksPath):
			limit = hooks
		}
		if wait, ok := limit.Allow(r); !ok {
			pageHeaders(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.askToWait(w, r, wait) })).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *site) askToWait(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	s.showError(w, r, http.StatusTooManyRequests, s.errorPage("error.429", ""))
}
