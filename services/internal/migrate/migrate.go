package migrate

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/postgres"
)

// Phases of a release's migrations.
const (
	// Expand adds what the new release needs; the previous one does not notice.
	Expand = "expand"
	// Contract removes what only older releases needed.
	Contract = "contract"
)

const (
	retryEvery = 500 * time.Millisecond
	// lockTimeout bounds the wait for a table lock: a migration that queues
	// behind a long reader would block every later query on that table.
	lockTimeout = "2s"
	// PostgreSQL's lock_not_available.
	codeLockNotAvailable = "55P03"
)

// Result is the termination message of a finished migration: the schema's
// version before and after, 0 for none.
type Result struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Command returns the migrate subcommand for a service that keeps
// migrations/expand and migrations/contract in files. It waits for the database
// up to MIGRATE_TIMEOUT (default 2 minutes).
func Command(service string, files fs.FS) command.Command {
	return command.Command{
		Name: "migrate",
		Help: "bring the schema up to date: --phase=expand|contract",
		Run: func(ctx context.Context, _ command.Identity, args []string) error {
			flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
			phase := flags.String("phase", "", "expand or contract")
			if err := command.ParseFlags(flags, args); err != nil {
				return err
			}
			if *phase != Expand && *phase != Contract {
				return fmt.Errorf("%w: --phase=%s: choose expand or contract", command.ErrUsage, *phase)
			}
			timeout, err := command.DurationEnv("MIGRATE_TIMEOUT", 2*time.Minute)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			result, err := Run(ctx, service, *phase, files)
			if err != nil {
				return err
			}
			message, err := json.Marshal(result)
			if err != nil {
				return fmt.Errorf("encode the result: %w", err)
			}
			slog.Info("migrated", "phase", *phase, "from", result.From, "to", result.To)
			command.Terminate(string(message))
			return nil
		},
	}
}

// Run applies the pending migrations of one phase to schema <service>, which it
// creates. While the database is away, or a lock is held by someone else, it
// tries again until ctx ends; every other error is final.
func Run(ctx context.Context, service, phase string, files fs.FS) (Result, error) {
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	var reason error
	for {
		result, err := attempt(ctx, service, phase, files)
		if err == nil {
			return result, nil
		}
		// An attempt that ran out of time says less than one before it that did not.
		if reason == nil || !errors.Is(err, context.DeadlineExceeded) {
			reason = fmt.Errorf("migrate schema %s (%s): %w", service, phase, err)
		}
		if ctx.Err() != nil {
			return Result{}, fmt.Errorf("gave up waiting: %w", reason)
		}
		if !transient(err) {
			return Result{}, reason
		}
		slog.Warn("trying again", "error", reason)
		select {
		case <-ctx.Done():
			return Result{}, fmt.Errorf("gave up waiting: %w", reason)
		case <-retry.C:
		}
	}
}

func attempt(ctx context.Context, service, phase string, files fs.FS) (Result, error) {
	db, err := open(service)
	if err != nil {
		return Result{}, err
	}
	defer db.Close()

	unlock, err := lock(ctx, db, service)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+quote(service)); err != nil {
		return Result{}, fmt.Errorf("create the schema: %w", err)
	}
	return up(ctx, db, phase, files)
}

func up(ctx context.Context, db *sql.DB, phase string, files fs.FS) (Result, error) {
	steps, err := fs.Sub(files, "migrations/"+phase)
	if err != nil {
		return Result{}, fmt.Errorf("find the migrations: %w", err)
	}
	// search_path is the service's schema, so a bare name is enough.
	provider, err := goose.NewProvider(database.DialectPostgres, db, steps,
		goose.WithTableName("schema_version_"+phase), goose.WithDisableGlobalRegistry(true))
	if errors.Is(err, goose.ErrNoMigrations) {
		return Result{}, nil
	}
	if err != nil {
		return Result{}, fmt.Errorf("read the migrations: %w", err)
	}
	from, err := provider.GetDBVersion(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("read the schema's version: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return Result{}, err
	}
	to, err := provider.GetDBVersion(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("read the schema's version: %w", err)
	}
	return Result{From: from, To: to}, nil
}

func open(service string) (*sql.DB, error) {
	config, err := pgx.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("read the database settings from PG* variables: %w", err)
	}
	config.ConnectTimeout = 3 * time.Second
	config.RuntimeParams["application_name"] = service + " migrate"
	config.RuntimeParams["search_path"] = quote(service)
	config.RuntimeParams["lock_timeout"] = lockTimeout
	return stdlib.OpenDB(*config), nil
}

// lock keeps other migrators of the service out. The lock belongs to a
// connection of its own: if this process dies, PostgreSQL lets go of it.
func lock(ctx context.Context, db *sql.DB, service string) (unlock func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	// lock_timeout holds for advisory locks too, and is retried like any other.
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", lockKey(service)); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another migration of this schema: %w", err), conn.Close())
	}
	return func() { _ = conn.Close() }, nil
}

func lockKey(service string) int64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte("migrate " + service))
	return int64(hash.Sum64())
}

func transient(err error) bool {
	var server *pgconn.PgError
	if errors.As(err, &server) && server.Code == codeLockNotAvailable {
		return true
	}
	return postgres.Away(err)
}

func quote(identifier string) string { return pgx.Identifier{identifier}.Sanitize() }
