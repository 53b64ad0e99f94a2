package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/internal/token"
)

// target is the person that an Admin acts on.
type target struct {
	id                       int64
	role                     token.Role
	lockedHere, lockedThere  bool
	issuer, subject          string
	otherActiveAdminsThanHim bool
}

// govern runs an act of an Admin on a person. One at a time runs anywhere, so
// that who acts is an Admin until it is done and the last one cannot be lost.
func (s *Store) govern(ctx context.Context, what string, actor, person int64, act func(pgx.Tx, target) error) error {
	return s.inTx(ctx, what, func(tx pgx.Tx) error {
		if err := run(ctx, tx, lock(lockGovernance)); err != nil {
			return err
		}
		if actor != person {
			if err := mustBeAdmin(ctx, tx, actor); err != nil {
				return err
			}
		}
		on, err := find(ctx, tx, person)
		if err != nil {
			return err
		}
		return act(tx, on)
	})
}

func mustBeAdmin(ctx context.Context, tx pgx.Tx, actor int64) error {
	var is bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM "user".people WHERE id = $1 AND `+activeAdmin+`)`, actor).Scan(&is)
	if err == nil && !is {
		return ErrNotAdmin
	}
	return err
}

// activeAdmin is the condition of a person who can sign in as Admin.
const activeAdmin = `role = 'Admin' AND NOT locked_here AND NOT locked_there AND issuer IS NOT NULL`

func find(ctx context.Context, tx pgx.Tx, person int64) (target, error) {
	on := target{id: person}
	err := tx.QueryRow(ctx, `SELECT role, locked_here, locked_there, coalesce(issuer, ''), coalesce(subject, ''),
		EXISTS (SELECT FROM "user".people WHERE id <> $1 AND `+activeAdmin+`)
		FROM "user".people WHERE id = $1 FOR UPDATE`, person).
		Scan(&on.role, &on.lockedHere, &on.lockedThere, &on.issuer, &on.subject, &on.otherActiveAdminsThanHim)
	return on, err
}

// mayGo says whether the blog keeps an Admin without the person.
func (t target) mayGo() error {
	if t.role == token.Admin && !t.otherActiveAdminsThanHim {
		return ErrLastAdmin
	}
	return nil
}

// SetRole gives a person a role.
func (s *Store) SetRole(ctx context.Context, actor, person int64, role token.Role, reason string) error {
	return s.govern(ctx, "change a role", actor, person, func(tx pgx.Tx, on target) error {
		switch {
		case actor == person:
			return ErrSelf
		case on.role == role:
			return nil
		}
		if err := on.mayGo(); err != nil {
			return err
		}
		return run(ctx, tx,
			step{`UPDATE "user".people SET role = $2 WHERE id = $1`, []any{person, role}},
			record(actor, actionRole, person, because(string(on.role)+" to "+string(role), reason)))
	})
}

// Lock locks a person here, ends their sessions, and leaves word for the provider.
func (s *Store) Lock(ctx context.Context, actor, person int64, reason string) error {
	return s.govern(ctx, "lock a person", actor, person, func(tx pgx.Tx, on target) error {
		switch {
		case actor == person:
			return ErrSelf
		case on.lockedHere:
			return nil
		}
		if err := on.mayGo(); err != nil {
			return err
		}
		return run(ctx, tx, append([]step{
			{`UPDATE "user".people SET locked_here = true WHERE id = $1`, []any{person}},
			{`DELETE FROM "user".sessions WHERE person_id = $1`, []any{person}},
			record(actor, actionLocked, person, reason),
		}, s.tell(on, true)...)...)
	})
}

// Unlock unlocks a person here, and leaves word for the provider.
func (s *Store) Unlock(ctx context.Context, actor, person int64) error {
	return s.govern(ctx, "unlock a person", actor, person, func(tx pgx.Tx, on target) error {
		switch {
		case actor == person:
			return ErrSelf
		case !on.lockedHere && !on.lockedThere:
			return nil
		}
		return run(ctx, tx, append([]step{
			{`UPDATE "user".people SET locked_here = false WHERE id = $1`, []any{person}},
			record(actor, actionUnlocked, person, ""),
		}, s.tell(on, false)...)...)
	})
}

// RetryLock has the provider told again, at once. ErrNotFound says that there is
// nothing to tell.
func (s *Store) RetryLock(ctx context.Context, actor, person int64) error {
	return s.govern(ctx, "tell the provider again", actor, person, func(tx pgx.Tx, _ target) error {
		done, err := tx.Exec(ctx, `UPDATE "user".provider_locks SET generation = generation + 1, requested_at = now() WHERE person_id = $1`, person)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return ErrNotFound
		}
		return run(ctx, tx, record(actor, actionRetried, person, ""))
	})
}

// EndSessions signs a person out everywhere.
func (s *Store) EndSessions(ctx context.Context, actor, person int64) error {
	return s.govern(ctx, "sign a person out", actor, person, func(tx pgx.Tx, _ target) error {
		return run(ctx, tx,
			step{`DELETE FROM "user".sessions WHERE person_id = $1`, []any{person}},
			record(actor, actionSignedOut, person, ""))
	})
}

// Erase deletes a person, for themselves or for an Admin. What is kept is a hash
// that keeps a locked person locked, and the order to the other services.
func (s *Store) Erase(ctx context.Context, actor, person int64) error {
	return s.govern(ctx, "erase a person", actor, person, func(tx pgx.Tx, on target) error {
		if err := on.mayGo(); err != nil {
			return err
		}
		return run(ctx, tx,
			step{`INSERT INTO "user".erased (identity_hash, locked) VALUES ($1, $2)
				ON CONFLICT (identity_hash) DO UPDATE SET locked = excluded.locked, erased_at = now()`,
				[]any{identityHash(on.issuer, on.subject), on.lockedHere || on.lockedThere}},
			step{`INSERT INTO "user".erasures (person_id, service) SELECT $1, unnest($2::text[])`, []any{person, s.options.ErasedElsewhere}},
			step{`DELETE FROM "user".people WHERE id = $1`, []any{person}},
			step{`DELETE FROM "user".rate_limits WHERE person_id = $1`, []any{person}},
			// A lock that the provider does not know of yet is still told.
			step{`DELETE FROM "user".provider_locks l USING "user".provider_sync y
				WHERE l.person_id = $1 AND y.person_id = $1 AND y.confirmed = l.generation`, []any{person}},
			record(actor, actionErased, person, ""))
	})
}

// Move gives a person another identity, for one who has changed providers. What
// the old provider said does not count any more; what the new one is to be told
// of a lock, it is told. ErrNotFound says that there is no such person, ErrTaken
// that somebody has the identity.
func (s *Store) Move(ctx context.Context, person int64, issuer, subject string) error {
	return s.inTx(ctx, "move a person", func(tx pgx.Tx) error {
		if err := run(ctx, tx, lock(lockGovernance)); err != nil {
			return err
		}
		on, err := find(ctx, tx, person)
		if err != nil {
			return err
		}
		var taken bool
		err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM "user".people WHERE issuer = $1 AND subject = $2)`, issuer, subject).Scan(&taken)
		switch {
		case err != nil:
			return err
		case taken:
			return ErrTaken
		}
		return run(ctx, tx,
			step{`UPDATE "user".people SET issuer = $2, subject = $3, locked_there = false, checked_at = NULL, check_due_at = now() WHERE id = $1`, []any{person, issuer, subject}},
			step{`UPDATE "user".provider_locks SET issuer = $2, subject = $3, generation = generation + 1, requested_at = now() WHERE person_id = $1`, []any{person, issuer, subject}},
			step{`DELETE FROM "user".sessions WHERE person_id = $1`, []any{person}},
			record(0, actionMoved, person, "from "+on.issuer+" to "+issuer))
	})
}

// tell leaves word for the provider, where it can be told.
func (s *Store) tell(on target, locked bool) []step {
	if !s.options.Sync || on.issuer == "" {
		return nil
	}
	return []step{
		{`INSERT INTO "user".provider_locks (person_id, issuer, subject, desired) VALUES ($1, $2, $3, $4)
			ON CONFLICT (person_id) DO UPDATE SET desired = excluded.desired, generation = provider_locks.generation + 1, requested_at = now()`,
			[]any{on.id, on.issuer, on.subject, locked}},
		{`INSERT INTO "user".provider_sync (person_id) VALUES ($1) ON CONFLICT DO NOTHING`, []any{on.id}},
	}
}

func because(what, reason string) string {
	if reason == "" {
		return what
	}
	return what + ": " + reason
}
