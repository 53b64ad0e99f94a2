package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// collectTimeout is below that of a scrape, so that the other metrics are there
// while the database hangs.
const collectTimeout = 2 * time.Second

var (
	descUp = prometheus.NewDesc("blog_database_up",
		"1 while the service's database answers, 0 otherwise.", nil, nil)
	descArchived = prometheus.NewDesc("blog_database_wal_archived_timestamp_seconds",
		"When the last segment of WAL was archived. No series before the first.", nil, nil)
	descFailing = prometheus.NewDesc("blog_database_wal_archive_failing",
		"1 while the last attempt to archive a segment of WAL has failed, 0 otherwise.", nil, nil)
	descStandbys = prometheus.NewDesc("blog_database_standbys",
		"Instances that receive WAL from the primary.", nil, nil)
	descLag = prometheus.NewDesc("blog_database_replication_lag_bytes",
		"WAL that the primary keeps for the replication slot that is furthest behind. 0 without slots.", nil, nil)
)

// statistics are open to every role (PostgreSQL, The Cumulative Statistics System):
// of replicas a role like ours sees that they are there, and of slots how far they are.
const statistics = `SELECT extract(epoch FROM a.last_archived_time)::float8,
	coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), false),
	(SELECT count(*) FROM pg_stat_replication),
	CASE WHEN pg_is_in_recovery() THEN 0 ELSE (SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::float8
		FROM pg_replication_slots WHERE slot_type = 'physical') END
	FROM pg_stat_archiver a`

// Collector asks the database, at each scrape, how it is.
type Collector struct {
	pool    *pgxpool.Pool
	failing atomic.Bool
}

// NewCollector asks the database of a pool. While that does not answer, it tells only this.
func NewCollector(pool *pgxpool.Pool) *Collector { return &Collector{pool: pool} }

// Describe sends the descriptions of what is told of a database.
func (c *Collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descUp, descArchived, descFailing, descStandbys, descLag} {
		descriptions <- desc
	}
}

// Collect asks the database and sends what it says.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	told := func(desc *prometheus.Desc, value float64) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	s, err := c.ask()
	if failed := err != nil; failed && !c.failing.Swap(true) {
		slog.Warn("the database cannot be asked for its statistics; trying again at each scrape", "error", err)
	} else if !failed {
		c.failing.Store(false)
	}
	if err != nil {
		told(descUp, 0)
		return
	}
	told(descUp, 1)
	if s.archived != nil {
		told(descArchived, *s.archived)
	}
	failing := 0.0
	if s.failing {
		failing = 1
	}
	told(descFailing, failing)
	told(descStandbys, float64(s.standbys))
	told(descLag, s.lag)
}

// said is what a database says of itself.
type said struct {
	archived *float64
	failing  bool
	standbys int64
	lag      float64
}

func (c *Collector) ask() (said, error) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	var s said
	if err := c.pool.QueryRow(ctx, statistics).Scan(&s.archived, &s.failing, &s.standbys, &s.lag); err != nil {
		return said{}, fmt.Errorf("ask the database for its statistics: %w", err)
	}
	return s, nil
}
