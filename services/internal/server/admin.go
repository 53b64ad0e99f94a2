package server

import (
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"blogplatform.io/operator/services/internal/problem"
)

// adminHandler serves /livez, /readyz and /metrics. Readiness speaks of the
// process: started, and not draining.
func adminHandler(state *state, metrics *metrics) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answerOK(w) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case state.draining.Load():
			problem.Write(w, r, http.StatusServiceUnavailable, "The process is draining.")
		case !state.started.Load():
			problem.Write(w, r, http.StatusServiceUnavailable, "The process waits for a dependency to answer for the first time.")
		default:
			answerOK(w)
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.registry, promhttp.HandlerOpts{Registry: metrics.registry}))
	return mux
}

func answerOK(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}
