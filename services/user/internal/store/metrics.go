package store

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// collectTimeout is below that of a scrape.
const collectTimeout = 2 * time.Second

var descSyncAge = prometheus.NewDesc("blog_provider_sync_age_seconds",
	"Age of the oldest lock or unlock that the identity provider does not follow yet; 0 if it follows all.", nil, nil)

// SyncAge tells for how long the provider has not followed. While the database does
// not answer it tells nothing.
func (s *Store) SyncAge() prometheus.Collector { return syncAge{s} }

type syncAge struct{ store *Store }

// Describe sends the description of the age.
func (a syncAge) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- descSyncAge }

// Collect asks the database and sends the age.
func (a syncAge) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	if age, err := a.store.syncAge(ctx); err == nil {
		metrics <- prometheus.MustNewConstMetric(descSyncAge, prometheus.GaugeValue, age.Seconds())
	}
}

// syncAge is for how long the oldest order waits, those included that need a person.
func (s *Store) syncAge(ctx context.Context) (time.Duration, error) {
	var age time.Duration
	err := s.pool.QueryRow(ctx, `SELECT coalesce(max(now() - l.requested_at), interval '0')
		FROM "user".provider_sync y JOIN "user".provider_locks l ON l.person_id = y.person_id WHERE y.confirmed < l.generation`).Scan(&age)
	if err != nil {
		return 0, fmt.Errorf("ask for the oldest order to the provider: %w", err)
	}
	return age, nil
}
