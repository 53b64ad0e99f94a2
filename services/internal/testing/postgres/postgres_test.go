package postgres_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/internal/testing/postgres"
)

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

func TestAServerKeepsItsDataOverACrash(t *testing.T) {
	server := postgres.New(t)
	for name, value := range server.Database(t, "content") {
		t.Setenv(name, value)
	}
	exec(t, "CREATE SCHEMA kept")
	server.Crash(t)
	if _, err := pgx.Connect(t.Context(), ""); err == nil {
		t.Fatal("a crashed server took a connection")
	}
	server.Restart(t)
	exec(t, "CREATE TABLE kept.things ()")
}

func exec(t *testing.T, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
