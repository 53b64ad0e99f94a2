package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/internal/token"
)

// Life of a signing key, by the database's clock: it is published ten minutes
// before it signs, signs for a day, and is deleted five minutes after another
// has taken over. The first signs at once.
const (
	publishedAhead = `interval '10 minutes'`
	signsFor       = `interval '24 hours'`
	keptAfter      = `interval '5 minutes'`
)

// RotateKeys makes and deletes keys as their life asks for. It may be called any
// time, by any replica.
func (s *Store) RotateKeys(ctx context.Context) error {
	return s.inTx(ctx, "rotate the signing keys", func(tx pgx.Tx) error {
		if err := run(ctx, tx, lock(lockKeys)); err != nil {
			return err
		}
		var first, due bool
		err := tx.QueryRow(ctx, `SELECT count(*) = 0, coalesce(max(signs_from) <= now() - `+signsFor+` + `+publishedAhead+`, false) FROM "user".signing_keys`).Scan(&first, &due)
		if err != nil {
			return err
		}
		if first || due {
			if err := addKey(ctx, tx, first); err != nil {
				return err
			}
		}
		return run(ctx, tx, step{sql: `DELETE FROM "user".signing_keys k WHERE EXISTS (
			SELECT FROM "user".signing_keys younger WHERE younger.signs_from > k.signs_from AND younger.signs_from <= now() - ` + keptAfter + `)`})
	})
}

func addKey(ctx context.Context, tx pgx.Tx, first bool) error {
	key, err := token.NewKey()
	if err != nil {
		return err
	}
	return run(ctx, tx, step{`INSERT INTO "user".signing_keys (kid, seed, signs_from)
		VALUES ($1, $2, CASE WHEN $3 THEN now() ELSE now() + ` + publishedAhead + ` END)`, []any{key.ID, key.Seed(), first}})
}

// Keys returns the published keys: what signs, what will, and what did a moment ago.
func (s *Store) Keys(ctx context.Context) (token.Set, error) {
	rows, _ := s.pool.Query(ctx, `SELECT kid, seed FROM "user".signing_keys ORDER BY signs_from DESC`)
	var (
		set  token.Set
		kid  string
		seed []byte
	)
	_, err := pgx.ForEachRow(rows, []any{&kid, &seed}, func() error {
		key, err := token.ParseKey(kid, seed)
		if err != nil {
			return err
		}
		set.Keys = append(set.Keys, key.Public())
		return nil
	})
	if err != nil {
		return token.Set{}, fmt.Errorf("read the signing keys: %w", err)
	}
	return set, nil
}

// SigningKey returns the key that signs right now, and nil while there is none.
func (s *Store) SigningKey(ctx context.Context) (Signed, error) {
	var (
		signed Signed
		kid    string
		seed   []byte
	)
	err := s.pool.QueryRow(ctx, `SELECT now(), kid, seed FROM "user".signing_keys WHERE signs_from <= now() ORDER BY signs_from DESC LIMIT 1`).Scan(&signed.Now, &kid, &seed)
	if err != nil {
		return Signed{}, fmt.Errorf("read the signing key: %w", err)
	}
	key, err := token.ParseKey(kid, seed)
	signed.Key = &key
	return signed, err
}
