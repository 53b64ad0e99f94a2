package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/trace"
)

const (
	// startRetry is how often a start gate is asked again.
	startRetry = 500 * time.Millisecond
	// maxHeaderBytes leaves room for cookies and mesh headers, not for abuse.
	maxHeaderBytes = 32 << 10
)

// Options say how a service is run.
type Options struct {
	// Identity labels logs and metrics.
	Identity command.Identity
	// Handler answers on the application port.
	Handler http.Handler
	// StartGate holds back the first readiness until it returns nil, nil for no
	// gate. It is never asked again: an outage behind the service must not take
	// every replica out of its Service.
	StartGate func(context.Context) error
	// Metrics are collected with those of the server, and get its labels; nil for none.
	Metrics prometheus.Collector
	// AppAddress and AdminAddress are listen addresses, host:port.
	AppAddress, AdminAddress string
	// DrainDelay is how long requests are still accepted after readiness was
	// withdrawn, while endpoint lists and proxies catch up.
	DrainDelay time.Duration
	// DrainTimeout bounds the wait for requests in flight after that.
	DrainTimeout time.Duration
}

// OptionsFromEnv returns the options that the environment sets (APP_ADDRESS,
// ADMIN_ADDRESS, DRAIN_DELAY, DRAIN_TIMEOUT). Delay and timeout together stay
// below the 30 s that Kubernetes grants by default
// (PodSpec.terminationGracePeriodSeconds).
func OptionsFromEnv(identity command.Identity) (Options, error) {
	delay, errDelay := command.DurationEnv("DRAIN_DELAY", 5*time.Second)
	timeout, errTimeout := command.DurationEnv("DRAIN_TIMEOUT", 20*time.Second)
	return Options{
		Identity:     identity,
		AppAddress:   command.Getenv("APP_ADDRESS", ":8080"),
		AdminAddress: command.Getenv("ADMIN_ADDRESS", ":9090"),
		DrainDelay:   delay,
		DrainTimeout: timeout,
	}, errors.Join(errDelay, errTimeout)
}

// Run serves until ctx ends, then drains: readiness is withdrawn, requests are
// accepted for another DrainDelay, those in flight are waited for, and only then
// do probes and metrics end. The process must exit last of all it needs, which a
// native sidecar guarantees: the kubelet stops it after this container. Run
// returns nil after a complete drain.
func Run(ctx context.Context, o Options) error {
	flush, err := trace.Start(ctx, o.Identity)
	if err != nil {
		return err
	}
	defer flush()
	state := &state{}
	metrics := newMetrics(o.Identity, state, o.Metrics)
	app := newServer(trace.Handler(limit(ofTemplate(o.Identity.PodTemplateHash, metrics.observe(closeWhenDraining(state, securityHeaders(o.Handler)))))))
	admin := newServer(adminHandler(state, metrics))

	appListener, err := net.Listen("tcp", o.AppAddress)
	if err != nil {
		return fmt.Errorf("listen for the application: %w", err)
	}
	adminListener, err := net.Listen("tcp", o.AdminAddress)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for probes and metrics: %w", err), appListener.Close())
	}

	failed := make(chan error, 2)
	go func() { failed <- app.Serve(appListener) }()
	go func() { failed <- admin.Serve(adminListener) }()
	slog.Info("serving", "app", appListener.Addr().String(), "admin", adminListener.Addr().String())
	go openGate(ctx, o.StartGate, state)

	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), app.Close(), admin.Close())
	case <-ctx.Done():
	}
	return drain(o, state, app, admin)
}

func drain(o Options, state *state, app, admin *http.Server) error {
	slog.Info("draining", "delay", o.DrainDelay.String(), "timeout", o.DrainTimeout.String())
	state.draining.Store(true)
	<-time.After(o.DrainDelay)

	// ctx of Run has ended: what is in flight gets time of its own.
	ctx, cancel := context.WithTimeout(context.Background(), o.DrainTimeout)
	defer cancel()
	if err := app.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests in flight did not end in %s: %w", o.DrainTimeout, err), app.Close(), admin.Close())
	}
	if err := admin.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop probes and metrics: %w", err), admin.Close())
	}
	slog.Info("drained")
	return nil
}

func openGate(ctx context.Context, gate func(context.Context) error, state *state) {
	if gate == nil {
		state.started.Store(true)
		return
	}
	retry := time.NewTicker(startRetry)
	defer retry.Stop()
	for logged := false; ; logged = true {
		err := gate(ctx)
		if err == nil {
			state.started.Store(true)
			return
		}
		if !logged {
			slog.Warn("not ready yet: a dependency does not answer", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
		}
	}
}

func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      20 * time.Second,
		// Longer than Envoy's own idle timeout of an hour: the side that sends
		// requests has to be the one that closes, or a request meets a closing connection.
		IdleTimeout:    75 * time.Minute,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
}

// state is what probes and drain share.
type state struct {
	started, draining atomic.Bool
}

func (s *state) ready() bool { return s.started.Load() && !s.draining.Load() }
