package postgres_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/internal/postgres"
	testpostgres "blogplatform.io/operator/services/internal/testing/postgres"
)

func TestMain(m *testing.M) { os.Exit(testpostgres.Main(m)) }

// given is a pool whose password and authority come from files.
func given(t *testing.T) (pool *pgxpool.Pool, password, authority string) {
	t.Helper()
	env := testpostgres.Shared(t).Database(t, "content")
	folder := t.TempDir()
	password, authority = filepath.Join(folder, "password"), filepath.Join(folder, "ca.crt")
	trusted, err := os.ReadFile(env["PGSSLROOTCERT"])
	if err != nil {
		t.Fatal(err)
	}
	write(t, password, env["PGPASSWORD"]+"\n")
	write(t, authority, string(trusted))
	env["PGPASSWORD"], env["PGPASSWORD_FILE"], env["PGSSLROOTCERT"] = "", password, authority
	for name, value := range env {
		t.Setenv(name, value)
	}
	if pool, err = postgres.Open(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, password, authority
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// works connects anew and asks for one row.
func works(t *testing.T, pool *pgxpool.Pool) error {
	t.Helper()
	pool.Reset()
	return postgres.Ping(t.Context(), pool)
}

// TestAServiceGoesOnWithAPasswordThatWasReplaced: without a restart.
func TestAServiceGoesOnWithAPasswordThatWasReplaced(t *testing.T) {
	pool, password, _ := given(t)
	if err := works(t, pool); err != nil {
		t.Fatal(err)
	}
	role := pgx.Identifier{os.Getenv("PGUSER")}.Sanitize()
	if _, err := pool.Exec(t.Context(), fmt.Sprintf("ALTER ROLE %s PASSWORD 'another'", role)); err != nil {
		t.Fatal(err)
	}
	if err := works(t, pool); err == nil || !postgres.Away(err) || strings.Contains(err.Error(), "another") {
		t.Fatalf("the file still holds the password of before: got %v, and not that the database is away", err)
	}
	write(t, password, "another\n")
	if err := works(t, pool); err != nil {
		t.Errorf("the file holds the new password: %v", err)
	}
}

// TestNobodyIsAnsweredByAConnectionThatWasEnded, as a failover ends all of them: a
// service that was busy a moment ago connects anew, and no write fails.
func TestNobodyIsAnsweredByAConnectionThatWasEnded(t *testing.T) {
	pool, _, _ := given(t)
	const connections = 4
	var busy []*pgxpool.Conn
	var backends []int32
	for range connections {
		connection, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		busy, backends = append(busy, connection), append(backends, int32(connection.Conn().PgConn().PID()))
	}
	if _, err := busy[0].Exec(t.Context(), "CREATE SCHEMA blog CREATE TABLE likes (n int)"); err != nil {
		t.Fatal(err)
	}
	other, err := postgres.Open(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, connection := range busy {
		connection.Release()
	}
	// The server answers once all have ended, and more time has passed than a connection is trusted for.
	var ended int
	if err := other.QueryRow(t.Context(), "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) FROM unnest($1::int[]) pid, pg_sleep(0.1)", backends).Scan(&ended); err != nil || ended != connections {
		t.Fatalf("%d of %d connections were ended: %v", ended, connections, err)
	}
	for n := range connections {
		if _, err := pool.Exec(t.Context(), "INSERT INTO blog.likes VALUES ($1)", n); err != nil {
			t.Errorf("write %d: %v", n, err)
		}
	}
}

func TestAServiceGoesOnWithAnAuthorityThatWasReplaced(t *testing.T) {
	pool, _, authority := given(t)
	trusted, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	write(t, authority, "none")
	if err := works(t, pool); err == nil || !strings.Contains(err.Error(), authority) {
		t.Errorf("a server was trusted without an authority: %v", err)
	}
	write(t, authority, string(trusted))
	if err := works(t, pool); err != nil {
		t.Errorf("the authority is the right one again: %v", err)
	}
}

func TestAPasswordThatCannotBeReadIsNamedByItsVariable(t *testing.T) {
	pool, password, _ := given(t)
	if err := os.Remove(password); err != nil {
		t.Fatal(err)
	}
	if err := works(t, pool); err == nil || !strings.Contains(err.Error(), "PGPASSWORD_FILE") {
		t.Errorf("got %v", err)
	}
}
