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

// newMetrics builds a registry of its own. The histogram's name and labels are
// what the analyses of a Rollout query: service, version, pod_template_hash and
// status (the three-digit code), and route and method beside them. A bucket ends
// at 0.5 s, the usual bound of an analysis.
func newMetrics(identity command.Identity) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_server_request_duration_seconds",
			Help:    "Duration of requests on the application port, in seconds.",
			Buckets: prometheus.DefBuckets,
			ConstLabels: prometheus.Labels{
				"service":           identity.Service,
				"version":           identity.Version,
				"pod_template_hash": identity.PodTemplateHash,
			},
		}, []string{"method", "route", "status"}),
	}
	m.registry.MustRegister(m.duration, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
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
