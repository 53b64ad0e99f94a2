package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"
)

// MediaType is the content type of a problem document (RFC 9457, section 3).
const MediaType = "application/problem+json"

// Document is a problem document. Its type is always about:blank, so that
// Status says what kind of problem it is (RFC 9457, section 4.2.1).
type Document struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"`
	// Field is the part of the request that is wrong, such as limit or body.role
	// (an extension member, RFC 9457, section 3.2).
	Field string `json:"field,omitempty"`
}

// Error is an error that a handler wants to be answered with Status.
type Error struct {
	// Status is an HTTP status of class 4xx or 5xx.
	Status int
	// Detail is for the client: what is wrong and what to do next.
	Detail string
	// Field is the part of the request that is wrong, empty for the whole.
	Field string
	// RetryAfter is when the client may ask again, zero for no word on it.
	RetryAfter time.Duration
	// Cause is for the log, nil when the client is to blame.
	Cause error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Detail + ": " + e.Cause.Error()
	}
	return e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Write answers the request with a problem document. A 503 asks the client to
// come back in five seconds.
func Write(w http.ResponseWriter, r *http.Request, status int, detail string) {
	write(w, r, &Error{Status: status, Detail: detail})
}

func write(w http.ResponseWriter, r *http.Request, problem *Error) {
	header := w.Header()
	header.Set("Content-Type", MediaType)
	header.Set("Cache-Control", "no-store")
	switch {
	case problem.RetryAfter > 0:
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(problem.RetryAfter.Seconds()))))
	case problem.Status == http.StatusServiceUnavailable:
		header.Set("Retry-After", "5")
	case problem.Status == http.StatusUnauthorized:
		// A 401 says how to do better (RFC 9110, section 15.5.2).
		header.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(problem.Status)
	// The status is sent; a client that went away cannot be told anything more.
	_ = json.NewEncoder(w).Encode(Document{
		Type: "about:blank", Title: http.StatusText(problem.Status), Status: problem.Status,
		Detail: problem.Detail, Instance: r.URL.Path, Field: problem.Field,
	})
}

// Handler answers with what fn returns: nothing more for nil, [Fail] otherwise.
func Handler(fn func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := fn(w, r); err != nil {
			Fail(w, r, err)
		}
	})
}

// Fail answers with the problem of an [Error], and 500 without detail for any
// other error. Server-side causes are logged.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	var known *Error
	if !errors.As(err, &known) {
		known = &Error{Status: http.StatusInternalServerError, Detail: "This request failed; it has been logged.", Cause: err}
	}
	if known.Cause != nil {
		slog.ErrorContext(r.Context(), "request failed", "method", r.Method, "route", r.Pattern, "status", known.Status, "error", known.Cause)
	}
	write(w, r, known)
}

// JSON answers 200 with v as a JSON document.
func JSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	// A client that went away cannot be told.
	_, _ = w.Write(append(body, '\n'))
	return nil
}
