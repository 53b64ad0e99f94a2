package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/testing/await"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

func TestRequestsInFlightEndBeforeTheProcessDoes(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	s := start(t, Options{DrainTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "done")
	})})
	answer := make(chan string, 1)
	go func() {
		code, body, err := get(s.app + "/slow")
		answer <- fmt.Sprintln(code, body, err)
	}()
	<-arrived
	s.stop()

	await.Nil(t, func() error { return status(s.admin+"/readyz", http.StatusServiceUnavailable) })
	if err := status(s.admin+"/livez", http.StatusOK); err != nil {
		t.Errorf("while draining: %v", err)
	}
	if err := status(s.admin+"/metrics", http.StatusOK); err != nil {
		t.Errorf("while draining: %v", err)
	}
	select {
	case err := <-s.ended:
		t.Fatalf("ended with a request in flight: %v", err)
	default:
	}
	close(release)
	if got := <-answer; got != "200 done <nil>\n" {
		t.Errorf("the request in flight got %s", got)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("after the drain: %v", err)
	}
}

func TestARequestThatDoesNotEndIsGivenUp(t *testing.T) {
	arrived := make(chan struct{})
	s := start(t, Options{DrainTimeout: 50 * time.Millisecond, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})})
	go func() { _, _, _ = get(s.app) }()
	<-arrived
	s.stop()
	if err := <-s.ended; err == nil || !strings.Contains(err.Error(), "requests in flight did not end") {
		t.Errorf("got %v", err)
	}
}

func TestNewRequestsAreServedUntilProxiesHaveNoticedTheDrain(t *testing.T) {
	s := start(t, Options{DrainDelay: 500 * time.Millisecond, DrainTimeout: time.Minute, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
	s.stop()
	await.Nil(t, func() error { return status(s.admin+"/readyz", http.StatusServiceUnavailable) })
	resp, err := http.Get(s.app)
	if err != nil {
		t.Fatalf("refused during the delay: %v", err)
	}
	if !resp.Close {
		t.Error("the answer does not ask the client to connect elsewhere")
	}
	_ = resp.Body.Close()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestReadinessWaitsForTheStartGateOnce(t *testing.T) {
	var open atomic.Bool
	s := start(t, Options{Handler: http.NotFoundHandler(), StartGate: func(context.Context) error {
		if open.CompareAndSwap(true, false) {
			return nil
		}
		return errors.New("closed")
	}})
	if err := status(s.admin+"/readyz", http.StatusServiceUnavailable); err != nil {
		t.Error(err)
	}
	if err := status(s.admin+"/livez", http.StatusOK); err != nil {
		t.Error(err)
	}
	open.Store(true)
	await.Nil(t, func() error { return status(s.admin+"/readyz", http.StatusOK) })
	if open.Load() {
		t.Error("the gate was not asked")
	}
}

func TestAPortThatIsTakenIsAnErrorThatNamesIt(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, o := range map[string]Options{
		"application": {AppAddress: taken.Addr().String(), AdminAddress: "127.0.0.1:0"},
		"probes":      {AppAddress: "127.0.0.1:0", AdminAddress: taken.Addr().String()},
	} {
		if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), taken.Addr().String()) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestMetricsTellServiceVersionTemplateRouteAndStatus(t *testing.T) {
	mux := NewMux()
	mux.HandleFunc("GET /v1/things/{id}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /panics", func(http.ResponseWriter, *http.Request) { panic("boom") })
	things := prometheus.NewGauge(prometheus.GaugeOpts{Name: "things_left", Help: "Things that are left."})
	s := start(t, Options{Handler: mux, Metrics: things, Identity: command.Identity{Service: "things", Version: "v7", PodTemplateHash: "6c9f"}})
	for _, path := range []string{"/v1/things/1", "/v1/things/2", "/invented/by/a/client", "/panics"} {
		if _, _, err := get(s.app + path); err != nil {
			t.Fatal(err)
		}
	}
	_, metrics, err := get(s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	const common = `http_server_request_duration_seconds_count{http_request_method="GET",`
	for _, want := range []string{
		common + `http_response_status_code="200",http_route="/v1/things/{id}",pod_template_hash="6c9f",service="things",version="v7"} 2`,
		common + `http_response_status_code="404",http_route="unmatched",pod_template_hash="6c9f",service="things",version="v7"} 1`,
		`things_left{pod_template_hash="6c9f",service="things",version="v7"} 0`,
		common + `http_response_status_code="500",http_route="/panics",pod_template_hash="6c9f",service="things",version="v7"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if !strings.Contains(metrics, `le="0.5"`) {
		t.Error("no bucket ends at half a second")
	}
}

func TestAProcessSaysWhetherItIsReadyInItsMetrics(t *testing.T) {
	var open atomic.Bool
	s := start(t, Options{
		Handler: http.NotFoundHandler(), Identity: command.Identity{Service: "things", Version: "v7", PodTemplateHash: "6c9f"}, DrainDelay: time.Minute,
		StartGate: func(context.Context) error {
			if open.Load() {
				return nil
			}
			return errors.New("closed")
		},
	})
	says := func(value string) error {
		want := `blog_service_ready{pod_template_hash="6c9f",service="things",version="v7"} ` + value + "\n"
		_, metrics, err := get(s.admin + "/metrics")
		if err == nil && !strings.Contains(metrics, want) {
			err = errors.New("missing: " + want)
		}
		return err
	}
	if err := says("0"); err != nil {
		t.Error(err)
	}
	open.Store(true)
	await.Nil(t, func() error { return says("1") })
	s.stop()
	await.Nil(t, func() error { return says("0") })
}

func TestARequestForAnotherTemplateIsRefusedAndNotMeasured(t *testing.T) {
	s := start(t, Options{Handler: http.NotFoundHandler(), Identity: command.Identity{Service: "things", PodTemplateHash: "6c9f"}})
	for wanted, want := range map[string]int{"": http.StatusNotFound, "6c9f": http.StatusNotFound, "77d4": http.StatusMisdirectedRequest} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.app, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(TemplateHeader, wanted)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a request for template %q is answered %d, want %d", wanted, resp.StatusCode, want)
		}
	}
	if _, metrics, err := get(s.admin + "/metrics"); err != nil || !strings.Contains(metrics, `http_response_status_code="404"`) || strings.Contains(metrics, `"421"`) {
		t.Errorf("%v, metrics:\n%s", err, metrics)
	}
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	mux := NewMux()
	mux.HandleFunc("GET /things", func(http.ResponseWriter, *http.Request) {})
	cases := map[string]struct {
		method, path string
		want         problem.Document
		allow        string
	}{
		"a path that does not exist is 404": {
			http.MethodGet, "/nothing",
			problem.Document{Type: "about:blank", Title: "Not Found", Status: 404, Detail: "There is nothing at this path.", Instance: "/nothing"}, "",
		},
		"a method that the path does not take is 405 with what it takes": {
			http.MethodDelete, "/things",
			problem.Document{Type: "about:blank", Title: "Method Not Allowed", Status: 405, Detail: "This path does not take DELETE; the Allow header lists what it takes.", Instance: "/things"}, "GET, HEAD",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
			var got problem.Document
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || w.Code != c.want.Status {
				t.Errorf("status %d: %s", w.Code, diff)
			}
			if w.Header().Get("Content-Type") != problem.MediaType || w.Header().Get("Allow") != c.allow {
				t.Errorf("header: %v", w.Header())
			}
		})
	}
}

func TestARequestThatIsTooLargeIsCutOff(t *testing.T) {
	var err error
	read := func(_ http.ResponseWriter, r *http.Request) { _, err = io.Copy(io.Discard, r.Body) }
	mux := NewMux()
	mux.HandleFunc("POST /things", read)
	mux.HandleFunc("POST /books/{id}", read)
	mux.AllowBody("POST /books/{id}", 2*maxBodyBytes)
	for path, allowed := range map[string]int{"/things": maxBodyBytes, "/books/7": 2 * maxBodyBytes} {
		for more, want := range map[int]bool{0: false, 1: true} {
			mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, strings.NewReader(strings.Repeat("x", allowed+more))))
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) != want {
				t.Errorf("%s with %d more than allowed: %v", path, more, err)
			}
		}
	}
}

func TestEveryAnswerCarriesSecurityHeaders(t *testing.T) {
	s := start(t, Options{Handler: http.NotFoundHandler()})
	resp, err := http.Get(s.app)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "strict-origin-when-cross-origin",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// running is a server under test.
type running struct {
	app, admin string
	stop       context.CancelFunc
	ended      chan error
}

func start(t *testing.T, o Options) running {
	t.Helper()
	app, admin := freeAddress(t), freeAddress(t)
	o.AppAddress, o.AdminAddress = app, admin
	ctx, cancel := context.WithCancel(context.Background())
	s := running{app: "http://" + app, admin: "http://" + admin, stop: cancel, ended: make(chan error, 1)}
	go func() { s.ended <- Run(ctx, o) }()
	t.Cleanup(cancel)
	await.Nil(t, func() error { return status(s.admin+"/livez", http.StatusOK) })
	if o.StartGate == nil {
		await.Nil(t, func() error { return status(s.admin+"/readyz", http.StatusOK) })
	}
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func get(url string) (int, string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func status(url string, want int) error {
	got, body, err := get(url)
	if err == nil && got != want {
		err = fmt.Errorf("%s answered %d instead of %d: %s", url, got, want, body)
	}
	return err
}
