package quota

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"blogplatform.io/operator/services/internal/problem"
)

// DB is a pool or a transaction.
type DB interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Bucket is what is counted together.
type Bucket struct {
	// Name tells buckets of one service apart.
	Name string
	// Uses are allowed within Window, which begins with the first.
	Uses   int
	Window time.Duration
}

// Take counts one use by the person in the service's table rate_limits. The
// error is a problem (429, with the time to wait) once the bucket is used up.
func Take(ctx context.Context, db DB, schema string, person int64, bucket Bucket) error {
	var used int
	var left float64
	table := pgx.Identifier{schema, "rate_limits"}.Sanitize()
	err := db.QueryRow(ctx, `
		INSERT INTO `+table+` AS l (person_id, bucket, since, used) VALUES ($1, $2, now(), 1)
		ON CONFLICT (person_id, bucket) DO UPDATE SET
			used  = CASE WHEN l.since <= now() - $3::interval THEN 1 ELSE least(l.used + 1, 1000000) END,
			since = CASE WHEN l.since <= now() - $3::interval THEN now() ELSE l.since END
		RETURNING used, extract(epoch FROM since + $3::interval - now())`,
		person, bucket.Name, bucket.Window).Scan(&used, &left)
	if err != nil {
		return fmt.Errorf("count a use of %s: %w", bucket.Name, err)
	}
	if used > bucket.Uses {
		return &problem.Error{
			Status:     http.StatusTooManyRequests,
			Detail:     fmt.Sprintf("That is more than %d in %s; wait a little.", bucket.Uses, bucket.Window),
			RetryAfter: max(time.Second, time.Duration(left*float64(time.Second))),
		}
	}
	return nil
}
