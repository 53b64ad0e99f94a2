package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAServerAnswersUnlessItIsBroken(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		want   string
	}{
		"a page":                       {http.StatusOK, ""},
		"no page":                      {http.StatusNotFound, ""},
		"a registry that wants a name": {http.StatusUnauthorized, ""},
		"another address":              {http.StatusMovedPermanently, ""},
		"a proxy with a password":      {http.StatusProxyAuthRequired, "407"},
		"a broken server":              {http.StatusBadGateway, "502"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://127.0.0.1:1/") // where nobody listens
				w.WriteHeader(test.status)
			}))
			defer server.Close()
			err := Client{Transport: server.Client().Transport}.Answers(t.Context(), strings.TrimPrefix(server.URL, "https://"))
			if test.want == "" && err != nil {
				t.Errorf("it does not answer: %v", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("the error is %v, want %s", err, test.want)
			}
		})
	}
}

func TestAServerThatIsDownDoesNotAnswer(t *testing.T) {
	server, client := fileServer(t, nil)
	server.Close()
	if err := client.Answers(t.Context(), strings.TrimPrefix(server.URL, "https://")); err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "https://") {
		t.Errorf("the error is %v, want the refused connection without the address", err)
	}
}

// trickle is a body that brings a byte after each pause, and then nothing until ctx ends.
type trickle struct {
	ctx    context.Context
	pauses []time.Duration
	closed bool
}

func (b *trickle) Read(buffer []byte) (int, error) {
	if len(b.pauses) == 0 {
		<-b.ctx.Done()
		return 0, b.ctx.Err()
	}
	time.Sleep(b.pauses[0])
	b.pauses = b.pauses[1:]
	return copy(buffer, "."), nil
}

func (b *trickle) Close() error { b.closed = true; return nil }

func TestADownloadMayBeSlowButNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that minutes pass at once
		var body *trickle
		transport := impatient{roundTrips(func(r *http.Request) (*http.Response, error) {
			body = &trickle{ctx: r.Context(), pauses: []time.Duration{40 * time.Second, 50 * time.Second, 59 * time.Second}}
			return &http.Response{Body: body}, nil
		}), time.Minute}
		began := time.Now()
		response, err := transport.RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com/", nil))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(response.Body)
		if string(content) != "..." || err == nil || !strings.Contains(err.Error(), "nothing was received for 1m0s") {
			t.Errorf("received %q, %v", content, err)
		}
		if took := time.Since(began); took != 209*time.Second {
			t.Errorf("it took %s, want the three pauses and a minute", took)
		}
		if err := response.Body.Close(); err != nil || !body.closed {
			t.Errorf("the body is closed: %v, %v", body.closed, err)
		}
	})
}

func TestAServerThatNeverBeginsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := impatient{roundTrips(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		}), time.Minute}
		_, err := transport.RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://example.com/", nil))
		if err == nil || !strings.Contains(err.Error(), "nothing was received") {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestWhoeverStopsADownloadIsNotToldOfSilence(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	transport := impatient{roundTrips(func(r *http.Request) (*http.Response, error) {
		return &http.Response{Body: &trickle{ctx: r.Context()}}, nil
	}), time.Hour}
	response, err := transport.RoundTrip(httptest.NewRequestWithContext(ctx, http.MethodGet, "https://example.com/", nil))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := io.ReadAll(response.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
