package data

import (
	"context"
	"flag"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/migrate"
	"blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/server"
)

// Commands returns the subcommands of a data service: serve, which answers with
// the routes beside GET /healthz/dependencies, and migrate.
func Commands(service string, migrations fs.FS, routes func(mux *server.Mux, pool *pgxpool.Pool)) []command.Command {
	return []command.Command{
		{
			Name: "serve",
			Help: "serve the API until asked to stop",
			Run: func(ctx context.Context, identity command.Identity, args []string) error {
				if err := command.ParseFlags(flag.NewFlagSet("serve", flag.ContinueOnError), args); err != nil {
					return err
				}
				return serve(ctx, identity, routes)
			},
		},
		migrate.Command(service, migrations),
	}
}

func serve(ctx context.Context, identity command.Identity, routes func(*server.Mux, *pgxpool.Pool)) error {
	options, err := server.OptionsFromEnv(identity)
	if err != nil {
		return err
	}
	// The pool outlives ctx: requests in flight need it while the server drains.
	pool, err := postgres.Open(context.WithoutCancel(ctx), identity.Service)
	if err != nil {
		return err
	}
	defer pool.Close()
	mux := server.NewMux()
	mux.Handle("GET /healthz/dependencies", postgres.Dependencies(pool))
	routes(mux, pool)
	options.Handler = mux
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
