package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// ETags gives every 200 to GET an ETag of its bytes, unless the handler named
// one, and answers 304 to a client that has them. Answers are held back whole
// until they are known; it is not for streams.
func ETags(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		held := &held{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(held, r)
		if held.status == http.StatusOK {
			if w.Header().Get("Cache-Control") == "" {
				w.Header().Set("Cache-Control", "no-cache")
			}
			tag := w.Header().Get("ETag")
			if tag == "" {
				sum := sha256.Sum256(held.body.Bytes())
				tag = `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
				w.Header().Set("ETag", tag)
			}
			if has(r.Header.Get("If-None-Match"), tag) {
				w.Header().Del("Content-Type")
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		if held.body.Len() > 0 {
			// In one piece: nobody has to put chunks together.
			w.Header().Set("Content-Length", strconv.Itoa(held.body.Len()))
		}
		w.WriteHeader(held.status)
		// A client that went away cannot be told.
		_, _ = w.Write(held.body.Bytes())
	})
}

// has compares as If-None-Match does (RFC 9110, section 13.1.2).
func has(list, tag string) bool {
	for candidate := range strings.SplitSeq(list, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// held keeps an answer until it is known whether the client has it.
type held struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (h *held) WriteHeader(status int) { h.status = status }

// Write implements http.ResponseWriter.
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }
