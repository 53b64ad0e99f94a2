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

// ErrTooOld says that a contract migration of a later release has taken away what this release needs.
var ErrTooOld = errors.New("this release is too old for the schema")

// Result is the termination message of a finished migration: the version of its
// phase in the schema before and after, and that of the contract phase after it. 0 is none.
type Result struct {
	From     int64 `json:"from"`
	To       int64 `json:"to"`
	Contract int64 `json:"contract"`
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
// tries again until ctx ends; every other error is final. It changes nothing in a
// schema of which a later release needs more (ErrTooOld).
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

func up(ctx context.Context, db *sql.DB, phase string, files fs.FS) (result Result, err error) {
	if err := youngEnough(ctx, db, files); err != nil {
		return Result{}, err
	}
	provider, err := sequence(db, phase, files)
	if err != nil {
		return Result{}, err
	}
	if provider != nil {
		if result.From, err = provider.GetDBVersion(ctx); err != nil {
			return Result{}, fmt.Errorf("read the schema's version: %w", err)
		}
		if _, err := provider.Up(ctx); err != nil {
			return Result{}, err
		}
		if result.To, err = provider.GetDBVersion(ctx); err != nil {
			return Result{}, fmt.Errorf("read the schema's version: %w", err)
		}
	}
	result.Contract, err = contractVersion(ctx, db)
	return result, err
}

// sequence is that of a phase, or nil if it has no migrations.
func sequence(db *sql.DB, phase string, files fs.FS) (*goose.Provider, error) {
	steps, err := fs.Sub(files, "migrations/"+phase)
	if err != nil {
		return nil, fmt.Errorf("find the migrations: %w", err)
	}
	provider, err := goose.NewProvider(database.DialectPostgres, db, steps,
		goose.WithTableName(versionTable(phase)), goose.WithDisableGlobalRegistry(true))
	if errors.Is(err, goose.ErrNoMigrations) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// versionTable holds the versions of a phase. search_path is the service's
// schema, so a bare name is enough.
func versionTable(phase string) string { return "schema_version_" + phase }

// youngEnough is nil if this release has every contract migration that the
// schema has: one that it does not have is of a later release.
func youngEnough(ctx context.Context, db *sql.DB, files fs.FS) error {
	has, err := contractVersion(ctx, db)
	if err != nil {
		return err
	}
	provider, err := sequence(db, Contract, files)
	if err != nil {
		return err
	}
	knows := int64(0)
	if provider != nil {
		sources := provider.ListSources()
		knows = sources[len(sources)-1].Version
	}
	if has > knows {
		return fmt.Errorf("%w: it has contract migration %d, and this release has those up to %d; run a later release, or restore a backup of the database", ErrTooOld, has, knows)
	}
	return nil
}

// contractVersion is the last contract migration that the schema has, 0 for none,
// whichever release has run it.
func contractVersion(ctx context.Context, db *sql.DB) (int64, error) {
	table, exists := versionTable(Contract), false
	if err := db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", table).Scan(&exists); err != nil {
		return 0, fmt.Errorf("look for %s: %w", table, err)
	}
	if !exists {
		return 0, nil
	}
	store, err := database.NewStore(database.DialectPostgres, table)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", table, err)
	}
	version, err := store.GetLatestVersion(ctx, db)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", table, err)
	}
	return version, nil
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
