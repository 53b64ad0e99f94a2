package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/user/internal/api"
)

// Actions of the audit log.
const (
	actionRole          = "role changed"
	actionLocked        = "locked"
	actionUnlocked      = "unlocked"
	actionRetried       = "told the provider again"
	actionSignedOut     = "signed out everywhere"
	actionErased        = "erased"
	actionBootstrap     = "made the first Admin by the platform's configuration"
	actionLockedThere   = "found locked at the provider"
	actionUnlockedThere = "found unlocked at the provider"
	actionMoved         = "moved to another identity"
	actionRenamed       = "renamed"
)

// record writes an entry of the audit log, actor 0 for the platform itself.
func record(actor int64, action string, person int64, detail string) step {
	return step{`INSERT INTO "user".audit (actor_id, action, person_id, detail) VALUES (nullif($1, 0), $2, $3, $4)`, []any{actor, action, person, detail}}
}

// Audit lists entries, newest first: those of one person, or of all for 0; those
// before an id, or from the newest for 0. The second result is what before is for
// the next page, 0 on the last.
func (s *Store) Audit(ctx context.Context, person, before int64, limit int) ([]api.AuditEntry, int64, error) {
	entries, err := auditEntries(ctx, s.pool, `WHERE ($1 = 0 OR person_id = $1) AND ($2 = 0 OR id < $2) ORDER BY id DESC LIMIT $3`, person, before, limit+1)
	if err != nil {
		return nil, 0, err
	}
	if len(entries) > limit {
		return entries[:limit], entries[limit-1].ID, nil
	}
	return entries, 0, nil
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func auditEntries(ctx context.Context, from querier, where string, args ...any) ([]api.AuditEntry, error) {
	rows, _ := from.Query(ctx, `SELECT id, at, actor_id, action, person_id, nullif(detail, '') FROM "user".audit `+where, args...)
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (api.AuditEntry, error) {
		var e api.AuditEntry
		err := row.Scan(&e.ID, &e.At, &e.Actor, &e.Action, &e.Person, &e.Detail)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("list the audit log: %w", err)
	}
	return entries, nil
}
