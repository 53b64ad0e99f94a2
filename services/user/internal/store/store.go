package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	// ErrNotFound says that there is no such row.
	ErrNotFound = pgx.ErrNoRows
	// ErrLocked says that the person is locked, here or at the provider.
	ErrLocked = errors.New("the person is locked")
	// ErrNameTaken says that a name looks like that of somebody who speaks for the blog.
	ErrNameTaken = errors.New("the name looks like that of an Editor or Admin")
	// ErrNotAdmin says that who acts is not an Admin any more.
	ErrNotAdmin = errors.New("only an Admin may do this")
	// ErrSelf says that Admins may not do this to themselves.
	ErrSelf = errors.New("nobody may do this to themselves")
	// ErrLastAdmin says that the blog would be without an Admin.
	ErrLastAdmin = errors.New("the blog would be without an Admin")
	// ErrTaken says that somebody else has that identity.
	ErrTaken = errors.New("somebody else signs in with that identity; erase or move them first")
	// ErrOver says that a session or a sign-in is over, or never was.
	ErrOver = errors.New("it is over")
)

// Advisory locks of the schema.
const (
	// lockGovernance is held by everything that could take the last Admin away.
	lockGovernance = 0x626c6f67_0001
	// lockKeys is held while keys are made and deleted.
	lockKeys = 0x626c6f67_0002
)

// Options say what is behind the store.
type Options struct {
	// Sync is set where the provider can be told of locks (SCIM).
	Sync bool
	// ErasedElsewhere are the services that keep things of people.
	ErasedElsewhere []string
}

// Store keeps people. It is safe for concurrent use.
type Store struct {
	pool    *pgxpool.Pool
	options Options
}

// New returns a store over the pool.
func New(pool *pgxpool.Pool, options Options) *Store { return &Store{pool, options} }

func (s *Store) inTx(ctx context.Context, what string, fn func(pgx.Tx) error) error {
	if err := pgx.BeginFunc(ctx, s.pool, fn); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// steps runs statements until one fails.
type step struct {
	sql  string
	args []any
}

func run(ctx context.Context, tx pgx.Tx, steps ...step) error {
	for _, each := range steps {
		if _, err := tx.Exec(ctx, each.sql, each.args...); err != nil {
			return err
		}
	}
	return nil
}

func lock(key int64) step { return step{"SELECT pg_advisory_xact_lock($1)", []any{key}} }

func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// identityHash is what is kept of an erased person. The length of the issuer
// keeps two pairs from being one text.
func identityHash(issuer, subject string) []byte {
	return hash(fmt.Sprintf("%d:%s%s", len(issuer), issuer, subject))
}

// newSecret has 130 bits of chance.
func newSecret() string { return rand.Text() }
