package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"blogplatform.io/operator/services/internal/command"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	parent  = "00-" + traceID + "-00f067aa0ba902b7-01"
)

// start sets up tracing and returns how to end it.
func start(t *testing.T) func() {
	t.Helper()
	stop, err := Start(t.Context(), command.Identity{Service: "content", Version: "v7"})
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

// chain is one service that logs and asks another; it returns the log line and
// the traceparent that the other got.
func chain(t *testing.T, traceparent string) (line map[string]any, handedOn string) {
	t.Helper()
	var log bytes.Buffer
	logger := command.NewLogger(&log, command.Identity{Service: "content"})
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { handedOn = r.Header.Get("Traceparent") }))
	defer other.Close()
	client := http.Client{Transport: Transport(http.DefaultTransport)}
	one := httptest.NewServer(Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		logger.InfoContext(r.Context(), "working")
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, other.URL, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := client.Do(req); err != nil {
			t.Error(err)
		} else {
			_ = resp.Body.Close()
		}
	})))
	defer one.Close()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, one.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if traceparent != "" {
		req.Header.Set("Traceparent", traceparent)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	return line, handedOn
}

func TestATraceIsTakenOverLoggedAndHandedOn(t *testing.T) {
	defer start(t)()
	line, handedOn := chain(t, parent)
	if line["trace_id"] != traceID || line["span_id"] == "" || line["service"] != "content" {
		t.Errorf("logged %v", line)
	}
	if !strings.HasPrefix(handedOn, "00-"+traceID+"-") || !strings.HasSuffix(handedOn, "-01") || strings.Contains(handedOn, "00f067aa0ba902b7") {
		t.Errorf("handed on %s", handedOn)
	}
}

func TestARequestWithoutATraceOrWithAMadeUpOneGetsItsOwn(t *testing.T) {
	defer start(t)()
	for _, traceparent := range []string{"", "00-zz", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", strings.Repeat("x", 9000)} {
		line, handedOn := chain(t, traceparent)
		id, _ := line["trace_id"].(string)
		if len(id) != 32 || !strings.Contains(handedOn, id) {
			t.Errorf("%.40s: logged %v, handed on %s", traceparent, line, handedOn)
		}
	}
}

func TestSpansGoToTheEndpointThatIsConfiguredAndNowhereElse(t *testing.T) {
	sent := make(chan string, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			unpacked, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unpacked
		}
		content, _ := io.ReadAll(body)
		sent <- r.URL.Path + string(content)
	}))
	defer collector.Close()

	stop := start(t)
	chain(t, parent)
	stop()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	stop = start(t)
	chain(t, parent)
	stop()
	close(sent)
	all := []string{}
	for spans := range sent {
		all = append(all, spans)
	}
	if len(all) != 1 || !strings.HasPrefix(all[0], "/v1/traces") || !strings.Contains(all[0], "content") {
		t.Errorf("sent %q", all)
	}
}

func TestACollectorThatIsAwayHarmsNobody(t *testing.T) {
	nowhere := httptest.NewServer(nil)
	nowhere.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", nowhere.URL)
	stop := start(t)
	chain(t, parent)
	stop()
}
