package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// holding lets a transaction wait for a provider longer than any other may.
const holding = `SET LOCAL idle_in_transaction_session_timeout = '60s'`

// Order is what the provider is to be told of one person.
type Order struct {
	Person  int64
	Subject string
	// Locked is what the person is to be there.
	Locked bool
	// Attempts is how often that was tried before.
	Attempts int

	generation int64
}

// Outcome is how an attempt ended.
type Outcome struct {
	// Err is nil when the provider followed and was read back.
	Err error
	// Final says that trying again needs a person.
	Final bool
	// Again is how long to wait before the next attempt.
	Again time.Duration
}

// Deliver takes an order for the issuer that is due, has it sent while nobody
// else can send for the same person, and keeps the outcome. It reports whether
// there was one.
func (s *Store) Deliver(ctx context.Context, issuer string, send func(context.Context, Order) Outcome) (bool, error) {
	var found bool
	err := s.inTx(ctx, "tell the provider", func(tx pgx.Tx) error {
		if err := run(ctx, tx, step{sql: holding}); err != nil {
			return err
		}
		var order Order
		err := tx.QueryRow(ctx, `SELECT l.person_id, l.subject, l.desired, l.generation, CASE WHEN y.attempted = l.generation THEN y.attempts ELSE 0 END
			FROM "user".provider_sync y JOIN "user".provider_locks l ON l.person_id = y.person_id
			WHERE l.issuer = $1 AND y.confirmed < l.generation AND y.failed < l.generation AND (y.attempted < l.generation OR y.next_attempt_at <= now())
			ORDER BY y.next_attempt_at LIMIT 1 FOR UPDATE OF y SKIP LOCKED`, issuer).
			Scan(&order.Person, &order.Subject, &order.Locked, &order.generation, &order.Attempts)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		return keep(ctx, tx, order, send(ctx, order))
	})
	return found, err
}

func keep(ctx context.Context, tx pgx.Tx, order Order, outcome Outcome) error {
	if outcome.Err == nil {
		return run(ctx, tx,
			step{`UPDATE "user".provider_sync SET attempted = $2, confirmed = $2, attempts = 0, error = '', confirmed_at = now() WHERE person_id = $1`, []any{order.Person, order.generation}},
			step{`UPDATE "user".people SET locked_there = $2, checked_at = now(), check_due_at = now() + ` + checkAfter + ` WHERE id = $1`, []any{order.Person, order.Locked}},
			// Of an erased person nothing stays once the provider knows.
			step{`DELETE FROM "user".provider_locks l WHERE person_id = $1 AND generation = $2
				AND NOT EXISTS (SELECT FROM "user".people p WHERE p.id = l.person_id)`, []any{order.Person, order.generation}})
	}
	failed := int64(0)
	if outcome.Final {
		failed = order.generation
	}
	return run(ctx, tx, step{`UPDATE "user".provider_sync SET attempted = $2, failed = greatest(failed, $3), attempts = $4, error = $5, next_attempt_at = now() + $6::interval WHERE person_id = $1`,
		[]any{order.Person, order.generation, failed, order.Attempts + 1, outcome.Err.Error(), outcome.Again}})
}

// Unchecked is somebody whom the provider has not been asked about for a while.
type Unchecked struct {
	Person  int64
	Subject string
}

// Times of asking the provider about one person: again after it answered, and
// after it did not.
const (
	checkAfter = `interval '15 minutes'`
	checkAgain = `interval '1 minute'`
)

// Unchecked returns somebody of the issuer who has a live session or is locked
// there, and is to be asked about. ok is false when there is nobody. Nobody else
// gets the same person for a minute.
func (s *Store) Unchecked(ctx context.Context, issuer string) (who Unchecked, ok bool, err error) {
	err = s.pool.QueryRow(ctx, `UPDATE "user".people SET check_due_at = now() + `+checkAgain+` WHERE id = (
		SELECT p.id FROM "user".people p WHERE p.issuer = $1 AND p.check_due_at <= now()
		AND p.id IN (SELECT s.person_id FROM "user".sessions s WHERE `+live+` UNION ALL SELECT l.id FROM "user".people l WHERE l.locked_there)
		ORDER BY p.check_due_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, subject`, issuer).Scan(&who.Person, &who.Subject)
	if errors.Is(err, pgx.ErrNoRows) {
		return Unchecked{}, false, nil
	}
	if err != nil {
		return Unchecked{}, false, fmt.Errorf("look for people to ask the provider about: %w", err)
	}
	return who, true, nil
}

// Observe keeps what the provider says of a person. Who is locked there loses
// all sessions.
func (s *Store) Observe(ctx context.Context, person int64, locked bool) error {
	return s.inTx(ctx, "keep what the provider says", func(tx pgx.Tx) error {
		on, err := find(ctx, tx, person)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		steps := []step{{`UPDATE "user".people SET locked_there = $2, checked_at = now(), check_due_at = now() + ` + checkAfter + ` WHERE id = $1`, []any{person, locked}}}
		if locked {
			steps = append(steps, step{`DELETE FROM "user".sessions WHERE person_id = $1`, []any{person}})
		}
		if locked != on.lockedThere {
			action := actionUnlockedThere
			if locked {
				action = actionLockedThere
			}
			steps = append(steps, record(0, action, person, ""))
		}
		return run(ctx, tx, steps...)
	})
}

// Erasure is what another service still has to erase.
type Erasure struct {
	Person   int64
	Service  string
	Attempts int
}

// DeliverErasure takes an erasure that is due and has it sent, while nobody else
// can. It reports whether there was one.
func (s *Store) DeliverErasure(ctx context.Context, send func(context.Context, Erasure) Outcome) (bool, error) {
	var found bool
	err := s.inTx(ctx, "have a person erased elsewhere", func(tx pgx.Tx) error {
		if err := run(ctx, tx, step{sql: holding}); err != nil {
			return err
		}
		var e Erasure
		err := tx.QueryRow(ctx, `SELECT person_id, service, attempts FROM "user".erasures WHERE next_attempt_at <= now()
			ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED`).Scan(&e.Person, &e.Service, &e.Attempts)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		outcome := send(ctx, e)
		if outcome.Err == nil {
			return run(ctx, tx, step{`DELETE FROM "user".erasures WHERE person_id = $1 AND service = $2`, []any{e.Person, e.Service}})
		}
		return run(ctx, tx, step{`UPDATE "user".erasures SET attempts = attempts + 1, next_attempt_at = now() + $3::interval WHERE person_id = $1 AND service = $2`,
			[]any{e.Person, e.Service, outcome.Again}})
	})
	return found, err
}
