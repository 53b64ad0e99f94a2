package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"blogplatform.io/operator/services/internal/problem"
)

func TestWhatAHandlerReturnsDecidesTheAnswer(t *testing.T) {
	secret := errors.New("password=hunter2")
	cases := map[string]struct {
		err    error
		status int
		detail string
	}{
		"a known problem is told":                        {&problem.Error{Status: 404, Detail: "There is no such post."}, 404, "There is no such post."},
		"a known problem is found inside another error":  {fmt.Errorf("get: %w", &problem.Error{Status: 503, Detail: "Away.", Cause: secret}), 503, "Away."},
		"an unknown error becomes 500 and keeps its own": {secret, 500, "This request failed; it has been logged."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			problem.Handler(func(http.ResponseWriter, *http.Request) error { return c.err }).
				ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/posts/x", nil))
			var doc problem.Document
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || doc.Status != c.status || doc.Detail != c.detail || doc.Instance != "/v1/posts/x" {
				t.Errorf("got %d %+v", w.Code, doc)
			}
			if strings.Contains(w.Body.String(), "hunter2") {
				t.Error("the answer tells the cause")
			}
			if (w.Header().Get("Retry-After") != "") != (c.status == 503) {
				t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
			}
		})
	}
}
