package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"blogplatform.io/operator/services/internal/migrate"
	"blogplatform.io/operator/services/internal/testing/postgres"
)

// A schema's name that PostgreSQL takes only in quotes.
const schema = "user"

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

// files returns migrations: two to expand, one to contract.
func files() fstest.MapFS {
	sql := func(statements string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("-- +goose Up\n" + statements)}
	}
	return fstest.MapFS{
		"migrations/expand/00001_people.sql":    sql("CREATE TABLE people (id bigint PRIMARY KEY, name text);"),
		"migrations/expand/00002_nickname.sql":  sql("ALTER TABLE people ADD COLUMN nickname text;"),
		"migrations/contract/00001_no_name.sql": sql("ALTER TABLE people DROP COLUMN name;"),
	}
}

func TestEachPhaseIsAppliedOnceAndKeepsItsOwnHistory(t *testing.T) {
	useDatabase(t, postgres.Shared(t))
	steps := []struct {
		phase string
		want  migrate.Result
	}{
		{migrate.Expand, migrate.Result{From: 0, To: 2}},
		{migrate.Expand, migrate.Result{From: 2, To: 2}},
		{migrate.Contract, migrate.Result{From: 0, To: 1, Contract: 1}},
		{migrate.Contract, migrate.Result{From: 1, To: 1, Contract: 1}},
		{migrate.Expand, migrate.Result{From: 2, To: 2, Contract: 1}},
	}
	for _, step := range steps {
		got, err := migrate.Run(t.Context(), schema, step.phase, files())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: %s", step.phase, diff)
		}
	}
	want := []string{"people", "schema_version_contract", "schema_version_expand"}
	if diff := cmp.Diff(want, tables(t)); diff != "" {
		t.Errorf("tables in schema %s: %s", schema, diff)
	}
}

func TestAPhaseWithoutMigrationsIsDone(t *testing.T) {
	useDatabase(t, postgres.Shared(t))
	without := files()
	delete(without, "migrations/contract/00001_no_name.sql")
	without["migrations/contract/README.md"] = &fstest.MapFile{Data: []byte("Nothing yet.")}
	got, err := migrate.Run(t.Context(), schema, migrate.Contract, without)
	if err != nil || got != (migrate.Result{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestAReleaseThatIsTooOldForTheSchemaChangesNothing, whether it has contract
// migrations of its own or none.
func TestAReleaseThatIsTooOldForTheSchemaChangesNothing(t *testing.T) {
	useDatabase(t, postgres.Shared(t))
	later := files()
	later["migrations/contract/00002_no_nickname.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE people DROP COLUMN nickname;")}
	for _, phase := range []string{migrate.Expand, migrate.Contract} {
		if _, err := migrate.Run(t.Context(), schema, phase, later); err != nil {
			t.Fatal(err)
		}
	}
	older, oldest := files(), files()
	older["migrations/expand/00003_new.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE unwanted (id bigint);")}
	delete(oldest, "migrations/contract/00001_no_name.sql")
	for want, release := range map[string]fstest.MapFS{
		"it has contract migration 2, and this release has those up to 1; run a later release": older,
		"it has contract migration 2, and this release has those up to 0; run a later release": oldest,
	} {
		for _, phase := range []string{migrate.Expand, migrate.Contract} {
			if _, err := migrate.Run(t.Context(), schema, phase, release); !errors.Is(err, migrate.ErrTooOld) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", phase, err, want)
			}
		}
	}
	if diff := cmp.Diff([]string{"people", "schema_version_contract", "schema_version_expand"}, tables(t)); diff != "" {
		t.Error(diff)
	}
}

func TestManyMigratorsAtOnceDoTheWorkOnce(t *testing.T) {
	useDatabase(t, postgres.Shared(t))
	results := make([]migrate.Result, 4)
	var group errgroup.Group
	for i := range results {
		group.Go(func() error {
			var err error
			results[i], err = migrate.Run(t.Context(), schema, migrate.Expand, files())
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	worked := 0
	for _, result := range results {
		if result.To != 2 {
			t.Errorf("a migrator left version %d", result.To)
		}
		if result.From == 0 {
			worked++
		}
	}
	if worked != 1 {
		t.Errorf("%d migrators did the work: %+v", worked, results)
	}
}

func TestABrokenMigrationFailsAtOnceAndChangesNothing(t *testing.T) {
	useDatabase(t, postgres.Shared(t))
	broken := files()
	broken["migrations/expand/00002_nickname.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE people ADD COLUMN nickname text; SELECT 1/0;")}
	_, err := migrate.Run(t.Context(), schema, migrate.Expand, broken)
	if err == nil || !strings.Contains(err.Error(), "division by zero") || !strings.Contains(err.Error(), "migrate schema user (expand)") {
		t.Fatalf("got %v", err)
	}
	got, err := migrate.Run(t.Context(), schema, migrate.Expand, files())
	if diff := cmp.Diff(migrate.Result{From: 1, To: 2}, got); err != nil || diff != "" {
		t.Errorf("after the repair: %v %s", err, diff)
	}
}

func TestAMigrationWaitsForATableThatIsInUse(t *testing.T) {
	useDatabase(t, postgres.Shared(t))
	first := files()
	delete(first, "migrations/expand/00002_nickname.sql")
	if _, err := migrate.Run(t.Context(), schema, migrate.Expand, first); err != nil {
		t.Fatal(err)
	}
	reader := connect(t)
	tx, err := reader.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `LOCK TABLE "user".people IN ACCESS SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	if _, err := migrate.Run(short, schema, migrate.Expand, files()); err == nil || !strings.Contains(err.Error(), "gave up waiting") {
		t.Errorf("while the table is in use: got %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := migrate.Run(t.Context(), schema, migrate.Expand, files()); err != nil || got.To != 2 {
		t.Errorf("afterwards: got %+v, %v", got, err)
	}
}

func TestAMigrationWaitsForADatabaseThatIsAway(t *testing.T) {
	server := postgres.New(t)
	useDatabase(t, server)
	server.Crash(t)

	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := migrate.Run(short, schema, migrate.Expand, files())
	if err == nil || !strings.Contains(err.Error(), "gave up waiting") {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), os.Getenv("PGPASSWORD")) {
		t.Error("the error tells the password")
	}

	done := make(chan error, 1)
	go func() {
		_, err := migrate.Run(t.Context(), schema, migrate.Expand, files())
		done <- err
	}()
	server.Restart(t)
	if err := <-done; err != nil {
		t.Errorf("after the database came back: %v", err)
	}
}

func useDatabase(t *testing.T, server *postgres.Server) {
	t.Helper()
	for name, value := range server.Database(t, schema) {
		t.Setenv(name, value)
	}
}

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func tables(t *testing.T) []string {
	t.Helper()
	rows, _ := connect(t).Query(t.Context(), fmt.Sprintf("SELECT tablename FROM pg_tables WHERE schemaname = '%s' ORDER BY 1", schema))
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}
