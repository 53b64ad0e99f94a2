package postgres

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/problem"
)

const (
	connectTimeout = 3 * time.Second
	// statementTimeout is below the deadline of a request, so that the database
	// gives up before its client has gone.
	statementTimeout = "5s"
	pingTimeout      = 2 * time.Second
	// trusted is for how long a connection is used without a ping since it was used last.
	trusted         = 10 * time.Millisecond
	defaultPoolSize = 8
)

// Open returns a pool for the database that PGHOST, PGPORT, PGDATABASE, PGUSER,
// PGPASSWORD, PGSSLMODE and PGSSLROOTCERT name, of at most DATABASE_CONNECTIONS
// (default 8). PGPASSWORD_FILE names a file with the password in the place of
// PGPASSWORD. That file, and the one of PGSSLROOTCERT, are read again for each
// connection, so that a service goes on when either is replaced. It does not connect
// yet: a service starts and serves while its database is away. A connection that was
// ended while nobody used it is replaced before the next statement. Errors hold no password.
func Open(ctx context.Context, application string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("read the database settings from PG* variables: %w", err)
	}
	size, err := command.IntEnv("DATABASE_CONNECTIONS", defaultPoolSize)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(size)
	// After a failover connections move to the new leader within minutes, not all at once.
	config.MaxConnLifetime = 30 * time.Minute
	config.MaxConnLifetimeJitter = 5 * time.Minute
	// A failover or a new password ends connections that nobody uses at that moment, too. A
	// write on one of these would fail, and could not be repeated: it may have been committed.
	config.ShouldPing = func(_ context.Context, c pgxpool.ShouldPingParams) bool { return c.IdleDuration > trusted }
	config.PingTimeout = pingTimeout
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.ConnConfig.RuntimeParams["application_name"] = application
	config.ConnConfig.RuntimeParams["statement_timeout"] = statementTimeout
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = statementTimeout
	config.BeforeConnect = credentials(os.Getenv("PGPASSWORD_FILE"), os.Getenv("PGSSLROOTCERT"))
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database pool: %w", err)
	}
	return pool, nil
}

// credentials says how to set the password and the authority that the files hold
// when a connection is made. An empty path leaves what config has.
func credentials(passwordFile, authorityFile string) func(context.Context, *pgx.ConnConfig) error {
	return func(_ context.Context, config *pgx.ConnConfig) error {
		if passwordFile != "" {
			password, err := os.ReadFile(passwordFile)
			if err != nil {
				return fmt.Errorf("read the database password (PGPASSWORD_FILE): %w", err)
			}
			config.Password = strings.TrimSpace(string(password))
		}
		if authorityFile != "" && config.TLSConfig != nil {
			authority, err := os.ReadFile(authorityFile)
			if err != nil {
				return fmt.Errorf("read the authority of the database's certificate (PGSSLROOTCERT): %w", err)
			}
			config.TLSConfig = config.TLSConfig.Clone()
			config.TLSConfig.RootCAs = x509.NewCertPool()
			if !config.TLSConfig.RootCAs.AppendCertsFromPEM(authority) {
				return fmt.Errorf("%s (PGSSLROOTCERT) holds no PEM certificate", authorityFile)
			}
		}
		return nil
	}
}

// Ping asks the database for one row.
func Ping(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	var one int
	if err := pool.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("ask the database: %w", err)
	}
	return nil
}

// Dependencies serves GET /healthz/dependencies: 200 while the database
// answers, a 503 problem otherwise.
func Dependencies(pool *pgxpool.Pool) http.Handler {
	return problem.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if err := Ping(r.Context(), pool); err != nil {
			return unavailable(err)
		}
		w.Header().Set("Cache-Control", "no-store")
		return problem.JSON(w, map[string]string{"database": "ok"})
	})
}

// Classify turns the error of a query into what the client should be told:
// [pgx.ErrNoRows] becomes 404 with notFound as detail, a database that is away
// becomes 503, anything else stays as it is.
func Classify(err error, notFound string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return &problem.Error{Status: http.StatusNotFound, Detail: notFound}
	case Away(err):
		return unavailable(err)
	}
	return err
}

// Away reports whether err says that the database cannot be used right now,
// though it may be later: no connection (a role or database that is still to be
// created counts), a lost one, a timeout, or a server that starts, stops or has
// no connection left (PostgreSQL error classes 08, 53 and 57).
func Away(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		class := server.Code[:min(2, len(server.Code))]
		return class == "08" || class == "53" || class == "57"
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.SafeToRetry(err) || lost(err)
}

func unavailable(cause error) error {
	return &problem.Error{Status: http.StatusServiceUnavailable, Detail: "The database does not answer.", Cause: cause}
}

// lost reports whether the connection broke while it was used.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
