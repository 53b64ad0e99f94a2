package data

import (
	"context"
	"flag"
	"io/fs"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/migrate"
	"blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/server"
)

// gcPercent lets garbage grow to twice what is alive, which is a few MiB: it is
// collected half as often, and memory stays far below its target (make bench-blog).
const gcPercent = 200

// Setup adds a service's routes to mux, and starts what it does in the
// background. An error says which setting is wrong; the service then does not start.
// background ends once the last request has been answered. What the service measures
// itself it registers with measured.
type Setup func(background context.Context, mux *server.Mux, pool *pgxpool.Pool, measured prometheus.Registerer) error

// Commands returns the subcommands of a data service: serve, which answers with
// what setup adds beside GET /healthz/dependencies, and migrate.
func Commands(service string, migrations fs.FS, setup Setup) []command.Command {
	return []command.Command{
		{
			Name: "serve",
			Help: "serve the API until asked to stop",
			Run: func(ctx context.Context, identity command.Identity, args []string) error {
				if err := command.ParseFlags(flag.NewFlagSet("serve", flag.ContinueOnError), args); err != nil {
					return err
				}
				return serve(ctx, identity, setup)
			},
		},
		migrate.Command(service, migrations),
	}
}

func serve(ctx context.Context, identity command.Identity, setup Setup) error {
	options, err := server.OptionsFromEnv(identity)
	if err != nil {
		return err
	}
	debug.SetGCPercent(gcPercent)
	// Requests in flight need the pool and the background while the server drains.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	pool, err := postgres.Open(background, identity.Service)
	if err != nil {
		cancel()
		return err
	}
	defer pool.Close()
	// Before the pool closes, which waits for its connections to be handed back.
	defer cancel()
	mux := server.NewMux()
	mux.Handle("GET /healthz/dependencies", postgres.Dependencies(pool))
	measured := prometheus.NewRegistry()
	measured.MustRegister(postgres.NewCollector(pool))
	if err := setup(background, mux, pool, measured); err != nil {
		return err
	}
	options.Handler, options.Metrics = mux, measured
	options.StartGate = func(ctx context.Context) error { return postgres.Ping(ctx, pool) }
	return server.Run(ctx, options)
}

// PathID returns the path parameter of that name as a row's id. Anything but a
// positive number is a problem with status 404: no such thing can exist.
func PathID(r *http.Request, name, notFound string) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil || id <= 0 {
		return 0, &problem.Error{Status: http.StatusNotFound, Detail: notFound}
	}
	return id, nil
}
