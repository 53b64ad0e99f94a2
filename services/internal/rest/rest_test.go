package rest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
)

func TestErrorsTellNotThereFromNotAnswering(t *testing.T) {
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { problem.Write(w, r, status, "It is so.") }
	}
	cases := map[string]struct {
		handler http.HandlerFunc
		want    error
	}{
		"404 is not found":                         {answer(404), rest.ErrNotFound},
		"503 is unavailable":                       {answer(503), rest.ErrUnavailable},
		"500 is unavailable":                       {answer(500), rest.ErrUnavailable},
		"an answer that breaks off is unavailable": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"a":`)) }, rest.ErrUnavailable},
		"a connection that breaks is unavailable":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, rest.ErrUnavailable},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			if err := rest.New(server.URL).Get(t.Context(), "/x", &struct{}{}); !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("a request that the service refuses is neither, and carries its reason", func(t *testing.T) {
		server := httptest.NewServer(answer(403))
		defer server.Close()
		err := rest.New(server.URL).Get(t.Context(), "/x", &struct{}{})
		if errors.Is(err, rest.ErrNotFound) || errors.Is(err, rest.ErrUnavailable) || !strings.Contains(err.Error(), "403: It is so.") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a service that is not there is unavailable", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		if err := rest.New(server.URL).Get(t.Context(), "/x", &struct{}{}); !errors.Is(err, rest.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnAnswerThatIsTooLongSaysSo(t *testing.T) {
	for size, want := range map[int]error{8 << 20: nil, 8<<20 + 1: rest.ErrTooLong, 64 << 20: rest.ErrTooLong} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`"` + strings.Repeat("x", size-2) + `"`))
		}))
		defer server.Close()
		var text string
		err := rest.New(server.URL).Get(t.Context(), "/x", &text)
		if !errors.Is(err, want) || errors.Is(err, rest.ErrUnavailable) || want == nil && len(text) != size-2 {
			t.Errorf("%d bytes: got %v", size, err)
		}
	}
}
