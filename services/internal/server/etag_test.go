package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAClientThatHasAnAnswerGetsNoSecondCopy(t *testing.T) {
	handler := ETags(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		switch r.URL.Path {
		case "/named":
			w.Header().Set("ETag", `"7"`)
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "hello "+r.URL.Path)
	}))
	ask := func(method, path, has string) *http.Response {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("If-None-Match", has)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result()
	}
	first := ask(http.MethodGet, "/", "")
	tag := first.Header.Get("ETag")
	for name, c := range map[string]struct {
		method, path, has string
		want              int
	}{
		"the same":              {"GET", "/", tag, 304},
		"the same among others": {"GET", "/", `"x", W/` + tag, 304},
		"anything":              {"GET", "/", "*", 304},
		"another":               {"GET", "/", `"x"`, 200},
		"its own name":          {"GET", "/named", `"7"`, 304},
		"not its name":          {"GET", "/named", tag, 200},
		"an error":              {"GET", "/missing", "*", 404},
		"a change":              {"POST", "/", tag, 200},
	} {
		resp := ask(c.method, c.path, c.has)
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != c.want || (len(body) == 0) != (c.want == 304) {
			t.Errorf("%s: %d %q", name, resp.StatusCode, body)
		}
	}
	if tag == "" || ask(http.MethodPost, "/", "").Header.Get("ETag") != "" || ask(http.MethodGet, "/missing", "").Header.Get("ETag") != "" {
		t.Errorf("tags: %q", tag)
	}
}
