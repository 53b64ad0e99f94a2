package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"blogplatform.io/operator/services/internal/command"
)

// unmatched is the route label of requests that no route matched: paths that
// clients invent must not become label values.
const unmatched = "unmatched"

type metrics struct {
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
}

// newMetrics builds a registry of its own. The histogram's name, labels and
// buckets are those of OpenTelemetry (semantic conventions, HTTP metrics,
// http.server.request.duration) as Prometheus writes them. With the labels
// service, version and pod_template_hash, the analyses of a Rollout tell the
// canary from the stable version by them, and by the gauge whether it is ready.
// What the service measures itself gets the same labels.
func newMetrics(identity command.Identity, state *state, own prometheus.Collector) *metrics {
	labels := prometheus.Labels{
		"service":           identity.Service,
		"version":           identity.Version,
		"pod_template_hash": identity.PodTemplateHash,
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:        "http_server_request_duration_seconds",
			Help:        "Duration of requests on the application port, in seconds.",
			Buckets:     []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10},
			ConstLabels: labels,
		}, []string{"http_request_method", "http_route", "http_response_status_code"}),
	}
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "blog_service_ready", Help: "1 while the process is ready for requests, 0 while it starts or drains.", ConstLabels: labels,
	}, func() float64 {
		if state.ready() {
			return 1
		}
		return 0
	})
	if own != nil {
		prometheus.WrapRegistererWith(labels, m.registry).MustRegister(own)
	}
	m.registry.MustRegister(m.duration, ready, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe measures every request. It hands on the very request it got, because
// the mux leaves the matched pattern in it.
func (m *metrics) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		recorder := &recorder{ResponseWriter: w}
		serveSafely(next, recorder, r)
		if recorder.status == 0 {
			recorder.status = http.StatusOK
		}
		m.duration.WithLabelValues(method(r), route(r), strconv.Itoa(recorder.status)).Observe(time.Since(start).Seconds())
	})
}

// route returns the path of the matched pattern; the method is a label of its own.
func route(r *http.Request) string {
	if r.Pattern == "" {
		return unmatched
	}
	if _, path, found := strings.Cut(r.Pattern, " "); found {
		return path
	}
	return r.Pattern
}

// method returns the request's method as a label; methods that clients invent
// are one value.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}
