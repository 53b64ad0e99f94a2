package caller

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/quota"
	"blogplatform.io/operator/services/internal/token"
)

// Changes makes changes in a service's schema, which has the tables
// rate_limits and erased_people.
type Changes struct {
	Pool   *pgxpool.Pool
	Schema string
}

// Make runs fn in a transaction in the name of a person, as often as the bucket
// allows. It is refused (403) for a person who has left, whose token may hold
// for another minute.
func (c Changes) Make(ctx context.Context, who token.Claims, bucket quota.Bucket, fn func(tx pgx.Tx) error) error {
	if err := quota.Take(ctx, c.Pool, c.Schema, who.Person, bucket); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		// Not while that person is being forgotten: what is written would stay.
		if err := c.lock(ctx, tx, "pg_advisory_xact_lock_shared", who.Person); err != nil {
			return err
		}
		var erased bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+c.table("erased_people")+` WHERE person_id = $1)`, who.Person).Scan(&erased); err != nil {
			return fmt.Errorf("ask whether person %d has left: %w", who.Person, err)
		}
		if erased {
			return &problem.Error{Status: http.StatusForbidden, Detail: "This person has left the blog."}
		}
		return fn(tx)
	})
}

// Forget runs the statements, whose only parameter is the person's id, in a
// transaction after which nothing is made in that person's name.
func (c Changes) Forget(ctx context.Context, person int64, statements ...string) error {
	statements = append(statements,
		`DELETE FROM `+c.table("rate_limits")+` WHERE person_id = $1`,
		`INSERT INTO `+c.table("erased_people")+` (person_id) VALUES ($1) ON CONFLICT DO NOTHING`)
	return pgx.BeginFunc(ctx, c.Pool, func(tx pgx.Tx) error {
		if err := c.lock(ctx, tx, "pg_advisory_xact_lock", person); err != nil {
			return err
		}
		for _, statement := range statements {
			if _, err := tx.Exec(ctx, statement, person); err != nil {
				return fmt.Errorf("forget person %d: %w", person, err)
			}
		}
		return nil
	})
}

func (c Changes) lock(ctx context.Context, tx pgx.Tx, function string, person int64) error {
	// The lock is taken by a statement of its own: the next one sees what
	// happened while it waited.
	if _, err := tx.Exec(ctx, `SELECT `+function+`(hashtextextended($1, $2))`, c.Schema+" person", person); err != nil {
		return fmt.Errorf("lock person %d: %w", person, err)
	}
	return nil
}

func (c Changes) table(name string) string { return pgx.Identifier{c.Schema, name}.Sanitize() }
