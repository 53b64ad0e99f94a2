package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/internal/quota"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/internal/api"
	"blogplatform.io/operator/services/user/internal/names"
)

// Person returns what everyone may know.
func (s *Store) Person(ctx context.Context, id int64) (api.Person, error) {
	person := api.Person{ID: id}
	err := s.pool.QueryRow(ctx, `SELECT display_name FROM "user".people WHERE id = $1`, id).Scan(&person.DisplayName)
	return person, err
}

// Names returns what people are called, and who of them is an Editor or Admin, by
// id. Those who are not there are left out.
func (s *Store) Names(ctx context.Context, ids []int64) ([]api.Named, error) {
	rows, _ := s.pool.Query(ctx, `SELECT id, display_name, role <> 'Reader' FROM "user".people WHERE id = ANY ($1) ORDER BY id`, ids)
	people, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (api.Named, error) {
		var p api.Named
		err := row.Scan(&p.ID, &p.DisplayName, &p.Staff)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("look people up: %w", err)
	}
	return people, nil
}

// Caller returns the role that the person has right now. ErrLocked says that
// they are locked, ErrNotFound that they are gone, whatever their token says.
func (s *Store) Caller(ctx context.Context, id int64) (token.Role, error) {
	var (
		role   token.Role
		locked bool
	)
	err := s.pool.QueryRow(ctx, `SELECT role, locked_here OR locked_there FROM "user".people WHERE id = $1`, id).Scan(&role, &locked)
	if err == nil && locked {
		return "", ErrLocked
	}
	return role, err
}

// Count counts a request of a person. The error is a problem once the bucket is
// used up.
func (s *Store) Count(ctx context.Context, id int64, bucket quota.Bucket) error {
	return quota.Take(ctx, s.pool, "user", id, bucket)
}

// Me returns a person's profile.
func (s *Store) Me(ctx context.Context, id int64) (api.Me, error) {
	return me(s.pool.QueryRow(ctx, `SELECT `+meColumns+` FROM "user".people WHERE id = $1`, id))
}

// Rename changes the display name. [ErrNameTaken] says that it looks like that of
// an Editor or Admin, or like a word that the blog itself speaks with.
func (s *Store) Rename(ctx context.Context, id int64, name string) (renamed api.Me, err error) {
	err = s.inTx(ctx, "rename a person", func(tx pgx.Tx) error {
		var former string
		if err := tx.QueryRow(ctx, `SELECT display_name FROM "user".people WHERE id = $1 FOR UPDATE`, id).Scan(&former); err != nil {
			return err
		}
		if former != name {
			if taken, err := looksLikeStaff(ctx, tx, id, name); err != nil || taken {
				return cmp.Or(err, ErrNameTaken)
			}
			if err := run(ctx, tx, step{`UPDATE "user".people SET display_name = $2 WHERE id = $1`, []any{id, name}},
				record(id, actionRenamed, id, fmt.Sprintf("%s -> %s", former, name))); err != nil {
				return err
			}
		}
		renamed, err = me(tx.QueryRow(ctx, `SELECT `+meColumns+` FROM "user".people WHERE id = $1`, id))
		return err
	})
	return renamed, err
}

// looksLikeStaff reports whether a name looks like that of an Editor or Admin
// other than the person with that id.
func looksLikeStaff(ctx context.Context, tx pgx.Tx, id int64, name string) (bool, error) {
	if names.IsReserved(name) {
		return true, nil
	}
	rows, _ := tx.Query(ctx, `SELECT display_name FROM "user".people WHERE role <> 'Reader' AND id <> $1`, id)
	staff, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return false, fmt.Errorf("compare a name with those of Editors and Admins: %w", err)
	}
	return slices.ContainsFunc(staff, func(other string) bool { return names.Skeleton(other) == names.Skeleton(name) }), nil
}

const meColumns = `id, display_name, email, email_verified, role, created_at`

func me(row pgx.Row) (api.Me, error) {
	var m api.Me
	err := row.Scan(&m.ID, &m.DisplayName, &m.Email, &m.EmailVerified, &m.Role, &m.CreatedAt)
	return m, err
}

// Export returns everything that is kept about a person.
func (s *Store) Export(ctx context.Context, id int64) (api.Export, error) {
	var export api.Export
	err := s.inTx(ctx, "export a person", func(tx pgx.Tx) error {
		var err error
		if export.Profile, err = account(ctx, tx, id); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `SELECT coalesce(issuer, ''), coalesce(subject, '') FROM "user".people WHERE id = $1`, id).Scan(&export.Issuer, &export.Subject)
		if err != nil {
			return err
		}
		if export.Sessions, err = sessions(ctx, tx, id); err != nil {
			return err
		}
		export.Audit, err = auditEntries(ctx, tx, `WHERE person_id = $1 OR actor_id = $1 ORDER BY id`, id)
		return err
	})
	return export, err
}

// Filter says which people are listed.
type Filter struct {
	// Search is part of the display name or e-mail address.
	Search string
	// Role and Locked are nil for all.
	Role   *api.Role
	Locked *bool
	// After is the last id of the page before, 0 for the first.
	After int64
	Limit int
}

// Accounts lists people by id. The second result is what After is for the next
// page, 0 on the last.
func (s *Store) Accounts(ctx context.Context, f Filter) ([]api.Account, int64, error) {
	rows, _ := s.pool.Query(ctx, selectAccount+`
		WHERE p.id > $1 AND ($2 = '' OR p.display_name ILIKE $2 OR p.email ILIKE $2)
		AND ($3::text IS NULL OR p.role = $3) AND ($4::boolean IS NULL OR (p.locked_here OR p.locked_there) = $4)
		ORDER BY p.id LIMIT $5`, f.After, contains(f.Search), f.Role, f.Locked, f.Limit+1)
	accounts, err := pgx.CollectRows(rows, scanAccount)
	if err != nil {
		return nil, 0, fmt.Errorf("list people: %w", err)
	}
	if len(accounts) > f.Limit {
		accounts = accounts[:f.Limit]
		return accounts, accounts[f.Limit-1].ID, nil
	}
	return accounts, 0, nil
}

// contains is the pattern of LIKE for a text, empty for an empty one.
func contains(text string) string {
	if text == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

// Account returns a person's account.
func (s *Store) Account(ctx context.Context, id int64) (api.Account, error) {
	return account(ctx, s.pool, id)
}

func account(ctx context.Context, from querier, id int64) (api.Account, error) {
	rows, _ := from.Query(ctx, selectAccount+` WHERE p.id = $1`, id)
	return pgx.CollectExactlyOneRow(rows, scanAccount)
}

const selectAccount = `
	SELECT p.id, p.display_name, p.email, p.email_verified, p.role, p.created_at, p.signed_in_at, p.locked_here, p.locked_there, p.checked_at,
		(SELECT count(*) FROM "user".sessions s WHERE s.person_id = p.id AND ` + live + `),
		l.desired, l.generation, y.attempted, y.confirmed, y.failed, y.attempts, y.error, y.next_attempt_at, y.confirmed_at
	FROM "user".people p
	LEFT JOIN "user".provider_locks l ON l.person_id = p.id
	LEFT JOIN "user".provider_sync y ON y.person_id = p.id`

func scanAccount(row pgx.CollectableRow) (api.Account, error) {
	var (
		a                                        api.Account
		desired                                  *bool
		generation, attempted, confirmed, failed *int64
		attempts                                 *int
		problem                                  *string
		next, confirmedAt                        *time.Time
	)
	err := row.Scan(&a.ID, &a.DisplayName, &a.Email, &a.EmailVerified, &a.Role, &a.CreatedAt, &a.SignedInAt, &a.LockedHere, &a.LockedAtProvider, &a.CheckedAt,
		&a.Sessions, &desired, &generation, &attempted, &confirmed, &failed, &attempts, &problem, &next, &confirmedAt)
	if err != nil {
		return api.Account{}, err
	}
	a.Locked = a.LockedHere || a.LockedAtProvider
	if desired == nil || attempted == nil {
		return a, nil
	}
	a.Sync = &api.Sync{Desired: *desired, State: syncState(*generation, *attempted, *confirmed, *failed), ConfirmedAt: confirmedAt}
	switch a.Sync.State {
	case api.Confirmed:
		a.Sync.Drift = *desired != a.LockedAtProvider
	case api.Retrying:
		a.Sync.NextAttemptAt = next
		fallthrough
	case api.Failed:
		a.Sync.Attempts, a.Sync.Error = *attempts, problem
	}
	return a, nil
}

func syncState(generation, attempted, confirmed, failed int64) api.SyncState {
	switch generation {
	case confirmed:
		return api.Confirmed
	case failed:
		return api.Failed
	case attempted:
		return api.Retrying
	}
	return api.Pending
}
