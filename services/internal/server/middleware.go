package server

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

const (
	// requestTimeout is how long a handler may work on one request.
	requestTimeout = 10 * time.Second
	// maxBodyBytes bounds what a request may send, unless its route allows more.
	maxBodyBytes = 64 << 10
)

// limit gives every request a deadline.
func limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// closeWhenDraining asks clients to open their next connection elsewhere. Idle
// connections are left alone until the listener closes: closing them under a
// client that is about to send would drop its request.
func closeWhenDraining(state *state, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if state.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// securityHeaders sets what is right for every answer; a handler may loosen the
// content policy for pages.
func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// serveSafely turns a panic into a logged 500, if nothing was sent yet.
func serveSafely(next http.Handler, w *recorder, r *http.Request) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if cause == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is what net/http looks for
			panic(cause)
		}
		slog.ErrorContext(r.Context(), "handler panicked", "method", r.Method, "route", r.Pattern, "panic", cause, "stack", string(debug.Stack()))
		if w.status == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}()
	next.ServeHTTP(w, r)
}

// recorder remembers the status that a handler sent.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	// 1xx answers are announcements, the real one follows.
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
