package service

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/internal/problem"
)

const (
	// maxViews is how many readers one request may stand for.
	maxViews = 10_000
	// viewsEvery is how often views are written.
	viewsEvery = 10 * time.Second
	// viewsTimeout bounds one write.
	viewsTimeout = 3 * time.Second
)

// views counts readers in memory and writes them together: a page that
// thousands read at once is one row's update. What a process has counted since
// the last time is lost when it ends.
type views struct {
	mu      sync.Mutex
	pending map[int64]int64
}

func newViews() *views { return &views{pending: map[int64]int64{}} }

// viewsOf reads the header Blog-Views. The error is a problem.
func viewsOf(header *int32) (int64, error) {
	if header == nil {
		return 1, nil
	}
	if *header < 0 || *header > maxViews {
		return 0, problem.Invalid("Blog-Views", fmt.Sprintf("must be a number from 0 to %d.", maxViews))
	}
	return int64(*header), nil
}

func (v *views) add(post, count int64) {
	if count == 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pending[post] += count
}

// run writes what was counted, until ctx ends.
func (v *views) run(ctx context.Context, pool *pgxpool.Pool) {
	ticker := time.NewTicker(viewsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := v.flush(ctx, pool); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "views not written; they are kept for the next time", "error", err)
		}
	}
}

// flush writes what was counted. What could not be written is counted again.
func (v *views) flush(ctx context.Context, pool *pgxpool.Pool) error {
	v.mu.Lock()
	pending := v.pending
	v.pending = map[int64]int64{}
	v.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	posts, counts := make([]int64, 0, len(pending)), make([]int64, 0, len(pending))
	for post, count := range pending {
		posts, counts = append(posts, post), append(counts, count)
	}
	ctx, cancel := context.WithTimeout(ctx, viewsTimeout)
	defer cancel()
	// In order of their ids, so that replicas do not wait for each other in a
	// circle; without posts that are gone by now.
	_, err := pool.Exec(ctx, `
		INSERT INTO content.post_views AS v (post_id, views)
		SELECT p.id, n.views FROM unnest($1::bigint[], $2::bigint[]) AS n (id, views) JOIN content.posts p ON p.id = n.id ORDER BY p.id
		ON CONFLICT (post_id) DO UPDATE SET views = v.views + excluded.views`, posts, counts)
	if err != nil {
		for post, count := range pending {
			v.add(post, count)
		}
		return fmt.Errorf("write the views of %d posts: %w", len(pending), err)
	}
	return nil
}
