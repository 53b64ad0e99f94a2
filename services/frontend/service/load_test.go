package service

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/server"
)

func TestALoadJudgesTheAnswersOfOneTemplate(t *testing.T) {
	const template = "6c9f"
	cases := map[string]struct {
		// answer is for the nth request, counted from 1.
		answer func(w http.ResponseWriter, n int32)
		change func(*sample)
		fails  string
	}{
		"all good":                      {func(http.ResponseWriter, int32) {}, nil, ""},
		"what is not found is no error": {func(w http.ResponseWriter, _ int32) { w.WriteHeader(http.StatusNotFound) }, nil, ""},
		"the mesh has yet to hear of the canary": {func(w http.ResponseWriter, n int32) {
			if n < 3 {
				w.WriteHeader([]int{http.StatusServiceUnavailable, http.StatusMisdirectedRequest}[n-1])
			}
		}, nil, ""},
		"one in four fails": {func(w http.ResponseWriter, n int32) {
			if n%4 == 0 {
				http.Error(w, "no such column", http.StatusInternalServerError)
			}
		}, nil, "10 of 40 requests for http://127.0.0.1"},
		"another template answers half of it": {func(w http.ResponseWriter, n int32) {
			if n%2 == 0 {
				w.WriteHeader(http.StatusMisdirectedRequest)
			}
		}, nil, "answered 421"},
		"slow": {func(http.ResponseWriter, int32) { time.Sleep(20 * time.Millisecond) }, func(s *sample) { s.maxP99 = 5 * time.Millisecond }, "p99 must be at most 5ms"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get(server.TemplateHeader); got != template {
					t.Errorf("a request is for template %q", got)
				}
				c.answer(w, n.Add(1))
			}))
			defer target.Close()
			s := sample{url: target.URL, template: template, requests: 40, duration: 40 * time.Millisecond, minSuccess: 99, maxP99: 5 * time.Second}
			if c.change != nil {
				c.change(&s)
			}
			var out bytes.Buffer
			err := s.run(t.Context(), &out)
			if (err == nil) != (c.fails == "") || (err != nil && !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("it ends with %v, want %q", err, c.fails)
			}
			if !strings.HasPrefix(out.String(), "40 requests, ") {
				t.Errorf("it prints %q", out.String())
			}
		})
	}
}

func TestALoadThatIsStoppedIsNoSuccess(t *testing.T) {
	asked := make(chan struct{}, 100)
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	defer target.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error)
	go func() {
		ended <- sample{url: target.URL, requests: 10, duration: time.Hour, minSuccess: 0, maxP99: time.Hour}.run(ctx, &bytes.Buffer{})
	}()
	<-asked
	<-asked
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}

func TestALoadThatCannotBeIsWrongUsage(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--url", "blog-content"}, {"--url", "http://blog-content", "--requests", "0"}, {"--url", "http://blog-content", "--duration", "0s"},
	} {
		if err := load(t.Context(), command.Identity{}, args); !errors.Is(err, command.ErrUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
