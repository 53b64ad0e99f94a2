package postgres_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"blogplatform.io/operator/services/internal/postgres"
)

// told is what a scrape says, by name.
func told(t *testing.T, collector prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		values[strings.TrimPrefix(family.GetName(), "blog_database_")] = family.GetMetric()[0].GetGauge().GetValue()
	}
	return values
}

// asSuperuser runs statements as nobody but the database's owner may.
func asSuperuser(t *testing.T, passwordFile string, statements ...string) {
	t.Helper()
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), "user=postgres dbname=postgres password="+strings.TrimSpace(string(password)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// TestARoleOfAServiceMayKnowHowItsDatabaseIs: it needs no other right for that.
func TestARoleOfAServiceMayKnowHowItsDatabaseIs(t *testing.T) {
	pool, password, _ := given(t)
	collector := postgres.NewCollector(pool)
	want := map[string]float64{"up": 1, "wal_archive_failing": 0, "standbys": 0, "replication_lag_bytes": 0}
	if diff := cmp.Diff(want, told(t, collector)); diff != "" {
		t.Errorf("a single instance (-want +got):\n%s", diff)
	}

	asSuperuser(t, password, "SELECT pg_create_physical_replication_slot('gone', true)", "CREATE TABLE written AS SELECT generate_series(1, 1000)")
	behind := told(t, collector)["replication_lag_bytes"]
	asSuperuser(t, password, "SELECT pg_drop_replication_slot('gone')", "DROP TABLE written")
	if behind <= 0 {
		t.Errorf("a standby that is gone is %v bytes behind", behind)
	}
}

func TestADatabaseThatIsAwayIsSaidToBe(t *testing.T) {
	pool, _, _ := given(t)
	pool.Close()
	if diff := cmp.Diff(map[string]float64{"up": 0}, told(t, postgres.NewCollector(pool))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
