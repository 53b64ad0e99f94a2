package stories

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/testing/process"
	"blogplatform.io/operator/services/internal/token"
)

// balancer gives requests to replicas in turn, as Kubernetes does: to those that
// said they were ready when they were asked last. It gives none to a second one
// when the first fails.
type balancer struct {
	*httptest.Server
	transport *http.Transport
	turn      atomic.Int64
	// again counts requests that went out more than once: Go's client repeats
	// what it takes for harmless.
	again atomic.Int64

	mu       sync.Mutex
	replicas map[*process.Process]*url.URL
	ready    []*url.URL
}

func newBalancer(t *testing.T, replicas ...*process.Process) *balancer {
	t.Helper()
	b := &balancer{transport: &http.Transport{MaxIdleConnsPerHost: 16}, replicas: map[*process.Process]*url.URL{}}
	b.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(b.pick()) },
		Transport: b,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	})
	ctx, stop := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() { b.watch(ctx); close(watched) }()
	t.Cleanup(func() {
		stop()
		<-watched
		b.Close()
		b.transport.CloseIdleConnections()
	})
	for _, p := range replicas {
		b.add(t, p)
	}
	return b
}

// add waits until the replica gets requests.
func (b *balancer) add(t *testing.T, p *process.Process) {
	t.Helper()
	at, err := url.Parse(p.App)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.replicas[p] = at
	b.mu.Unlock()
	await.Nil(t, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !slices.Contains(b.ready, at) {
			return fmt.Errorf("%s at %s is not ready", p.Service, at)
		}
		return nil
	})
}

func (b *balancer) watch(ctx context.Context) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		b.look()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (b *balancer) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = b.ready[:0]
	for p, at := range b.replicas {
		if code, _, err := get(p.Admin + "/readyz"); err == nil && code == http.StatusOK {
			b.ready = append(b.ready, at)
		}
	}
}

func (b *balancer) pick() *url.URL {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		return &url.URL{Scheme: "http", Host: "no-replica-is-ready.invalid"}
	}
	return b.ready[int(b.turn.Add(1))%len(b.ready)]
}

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	times := 0
	return b.transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			if times++; times > 1 {
				b.again.Add(1)
			}
		},
	})))
}

// Two replicas of each service are replaced one after the other while people
// read and write, as a rollout does it: who is not ready gets no new requests,
// but the news takes a moment.
func TestReplicasAreReplacedUnderLoadWithoutDroppingARequest(t *testing.T) {
	c := newCrowd(t, postgres.Shared(t))
	reads := map[string]string{"content": "/v1/posts", "comment": "/v1/posts/1/comments", "user": "/v1/people/1"}
	for _, kind := range kinds() {
		t.Run(kind.service, func(t *testing.T) {
			env := map[string]settings{"content": c.content, "comment": c.comment, "user": c.user}[kind.service].
				with(settings{"DRAIN_DELAY": "300ms", "USER_URL": c.processes["user"].App})
			replace(t, c, env, kind.service, func(n int) request {
				if n%2 == 0 {
					return request{who: token.Claims{Person: 2, Name: "Reader", Role: token.Reader}, method: "GET", path: reads[kind.service]}
				}
				write, _ := kind.nth(n + 2)
				return write
			})
		})
	}
	t.Run("frontend", func(t *testing.T) {
		replace(t, c, c.frontendEnv.with(settings{"DRAIN_DELAY": "300ms"}), "frontend", func(int) request { return request{method: "GET", path: "/"} })
	})
}

// replace replaces two replicas under the load of requests that nth makes.
func replace(t *testing.T, c *crowd, env settings, service string, nth func(n int) request) {
	old := []*process.Process{ready(t, serve(t, service, env)), ready(t, serve(t, service, env))}
	b := newBalancer(t, old...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sent, served atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for ctx.Err() == nil {
				r := nth(int(sent.Add(1)))
				got, err := c.send(b.URL, service, r)
				if err != nil || got.status >= http.StatusBadRequest {
					t.Errorf("%s %s got %d, %v: %s", r.method, r.path, got.status, err, got.body)
					return
				}
				served.Add(1)
			}
		})
	}
	progress := func() {
		t.Helper()
		goal := served.Load() + 100
		await.Nil(t, func() error {
			if got := served.Load(); got < goal {
				return fmt.Errorf("%d of %d requests", got, goal)
			}
			return nil
		})
	}
	for _, p := range old {
		progress()
		if err := p.Stop(); err != nil {
			t.Errorf("%s ended with %v", service, err)
		}
		b.add(t, ready(t, serve(t, service, env)))
	}
	progress()
	cancel()
	clients.Wait()
	if again := b.again.Load(); again > 0 {
		t.Errorf("%d of %d requests had to be sent again", again, served.Load())
	}
}
