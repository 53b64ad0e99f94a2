package server

import (
	"net/http"
	"slices"

	"blogplatform.io/operator/services/internal/problem"
)

// Mux is http.ServeMux with a say in how unknown paths (404) and methods (405)
// are answered.
type Mux struct {
	*http.ServeMux
	patterns []string
	bodies   map[string]int64
	// Fallback answers with the given status.
	Fallback func(w http.ResponseWriter, r *http.Request, status int)
}

// NewMux returns a Mux that answers unknown paths and methods with problem documents.
func NewMux() *Mux {
	return &Mux{ServeMux: http.NewServeMux(), bodies: map[string]int64{}, Fallback: func(w http.ResponseWriter, r *http.Request, status int) {
		detail := "There is nothing at this path."
		if status == http.StatusMethodNotAllowed {
			detail = "This path does not take " + r.Method + "; the Allow header lists what it takes."
		}
		problem.Write(w, r, status, detail)
	}}
}

// Handle is that of http.ServeMux.
func (m *Mux) Handle(pattern string, handler http.Handler) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.Handle(pattern, handler)
}

// HandleFunc is that of http.ServeMux.
func (m *Mux) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(handler))
}

// Patterns are those that are handled, in the order in which they were added.
func (m *Mux) Patterns() []string { return slices.Clone(m.patterns) }

// AllowBody lets requests for a pattern send bodies of up to that many bytes
// instead of 64 KiB.
func (m *Mux) AllowBody(pattern string, bytes int64) { m.bodies[pattern] = bytes }

// ServeHTTP implements http.Handler.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	own, pattern := m.Handler(r)
	limit := int64(maxBodyBytes)
	if allowed, found := m.bodies[pattern]; found {
		limit = allowed
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	if pattern != "" {
		m.ServeMux.ServeHTTP(w, r)
		return
	}
	// ServeMux's own answer tells 404 from 405 and lists the methods.
	answer := &headerOnly{header: http.Header{}}
	own.ServeHTTP(answer, r)
	if allow := answer.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
	}
	m.Fallback(w, r, answer.status)
}

// headerOnly keeps status and header of an answer and drops its body.
type headerOnly struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (h *headerOnly) Header() http.Header { return h.header }

// Write implements http.ResponseWriter.
func (h *headerOnly) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements http.ResponseWriter.
func (h *headerOnly) WriteHeader(status int) { h.status = status }
