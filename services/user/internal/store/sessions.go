package store

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/internal/api"
	"blogplatform.io/operator/services/user/internal/names"
)

// A session ends 12 hours after it began, or after two hours without a request.
const (
	sessionLifetime = 12 * time.Hour
	// live is the condition of a session s that is not over.
	live = `s.expires_at > now() AND s.used_at > now() - interval '2 hours'`
	// touchAfter keeps a busy session from being written on every request.
	touchAfter = `interval '1 minute'`
	// signInLifetime is how long a sign-in may take.
	signInLifetime = `interval '10 minutes'`
)

// Beginning is a sign-in under way.
type Beginning struct {
	// Transaction and State are secrets, the one for the browser's cookie, the
	// other for the provider; both must come back.
	Transaction, State string
	// Nonce must be in the ID token, Verifier proves to the provider who began (RFC 7636).
	Nonce, Verifier string
	// ReturnTo is a path of the blog.
	ReturnTo string
}

// BeginSignIn keeps a new sign-in and returns it.
func (s *Store) BeginSignIn(ctx context.Context, verifier, returnTo string) (Beginning, error) {
	b := Beginning{Transaction: newSecret(), State: newSecret(), Nonce: newSecret(), Verifier: verifier, ReturnTo: returnTo}
	_, err := s.pool.Exec(ctx, `INSERT INTO "user".sign_ins (transaction_hash, state_hash, nonce, verifier, return_to) VALUES ($1, $2, $3, $4, $5)`,
		hash(b.Transaction), hash(b.State), b.Nonce, b.Verifier, b.ReturnTo)
	if err != nil {
		return Beginning{}, fmt.Errorf("begin a sign-in: %w", err)
	}
	return b, nil
}

// TakeSignIn returns what was begun with that transaction and state, once.
// ErrOver says that there is no such sign-in (any more), or that the state is
// another's; it is over then, too.
func (s *Store) TakeSignIn(ctx context.Context, transaction, state string) (Beginning, error) {
	b := Beginning{Transaction: transaction, State: state}
	var stateHash []byte
	var late bool
	err := s.pool.QueryRow(ctx, `DELETE FROM "user".sign_ins WHERE transaction_hash = $1
		RETURNING state_hash, nonce, verifier, return_to, created_at < now() - `+signInLifetime, hash(transaction)).
		Scan(&stateHash, &b.Nonce, &b.Verifier, &b.ReturnTo, &late)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Beginning{}, ErrOver
	case err != nil:
		return Beginning{}, fmt.Errorf("take a sign-in: %w", err)
	case late, subtle.ConstantTimeCompare(stateHash, hash(state)) != 1:
		return Beginning{}, ErrOver
	}
	return b, nil
}

// Identity is what the provider said of somebody who signed in.
type Identity struct {
	Issuer, Subject string
	// SID is the provider's session, empty when it did not say.
	SID string
	// IssuedAt is when the provider said it.
	IssuedAt      time.Time
	DisplayName   string
	Email         string
	EmailVerified bool
	// IDToken is the raw token.
	IDToken string
}

// SignIn is a sign-in that the provider has confirmed.
type SignIn struct {
	Identity
	// Previous is the token of the browser's session before, empty for none.
	Previous  string
	UserAgent string
	// FirstAdmin is set for the identity that the platform's configuration names.
	FirstAdmin bool
}

// nameNewcomer takes the provider's name from somebody new whose name looks like
// that of an Editor or Admin: they can choose one.
func nameNewcomer(ctx context.Context, tx pgx.Tx, in *SignIn) error {
	var known bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM "user".people WHERE issuer = $1 AND subject = $2)`, in.Issuer, in.Subject).Scan(&known)
	if err != nil || known {
		return err
	}
	taken, err := looksLikeStaff(ctx, tx, 0, in.DisplayName)
	if taken {
		in.DisplayName = names.None
	}
	return err
}

// SignIn begins a session, for a new Reader at the first sign-in, and returns its
// token and end. ErrLocked says that the person is locked, ErrOver that they
// signed out at the provider in the meantime. id is that of the person, 0 for
// somebody who has none.
func (s *Store) SignIn(ctx context.Context, in SignIn) (secret string, expires time.Time, id int64, err error) {
	secret = newSecret()
	err = s.inTx(ctx, "sign in", func(tx pgx.Tx) error {
		if err := admissible(ctx, tx, in.Identity); err != nil {
			return err
		}
		if err := nameNewcomer(ctx, tx, &in); err != nil {
			return err
		}
		var locked bool
		// The row's lock makes a lock by an Admin come before or after, never between.
		err := tx.QueryRow(ctx, `INSERT INTO "user".people (issuer, subject, display_name, email, email_verified, signed_in_at)
			VALUES ($1, $2, $3, $4, $5, now())
			ON CONFLICT (issuer, subject) DO UPDATE SET email = excluded.email, email_verified = excluded.email_verified, signed_in_at = now()
			RETURNING id, locked_here OR locked_there`, in.Issuer, in.Subject, in.DisplayName, in.Email, in.EmailVerified).Scan(&id, &locked)
		if err != nil {
			return err
		}
		// Only now is an erasure of the same person either done or yet to come.
		erased, err := erasedLocked(ctx, tx, in.Identity)
		switch {
		case err != nil:
			return err
		case erased:
			id = 0
			return ErrLocked
		case locked:
			return ErrLocked
		}
		if in.FirstAdmin {
			if err := promote(ctx, tx, in.Identity, id); err != nil {
				return err
			}
		}
		if err := run(ctx, tx, step{`DELETE FROM "user".sessions WHERE token_hash = $1`, []any{hash(in.Previous)}}); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `INSERT INTO "user".sessions (token_hash, person_id, sid, id_token, user_agent, expires_at)
			VALUES ($1, $2, $3, $4, $5, now() + $6::interval) RETURNING expires_at`,
			hash(secret), id, in.SID, in.IDToken, in.UserAgent, sessionLifetime).Scan(&expires)
	})
	return secret, expires, id, err
}

// erasedLocked reports whether the person was locked when they were erased.
func erasedLocked(ctx context.Context, tx pgx.Tx, who Identity) (locked bool, err error) {
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM "user".erased WHERE identity_hash = $1 AND locked)`, identityHash(who.Issuer, who.Subject)).Scan(&locked)
	return locked, err
}

// admissible keeps out who signed out at the provider while signing in here.
func admissible(ctx context.Context, tx pgx.Tx, who Identity) error {
	if err := run(ctx, tx, waitFor("sid", who.Issuer, who.SID), waitFor("sub", who.Issuer, who.Subject)); err != nil {
		return err
	}
	var out bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM "user".logouts WHERE issuer = $1
		AND ((sid <> '' AND sid = $2) OR (sid = '' AND subject = $3 AND issued_at >= $4)))`, who.Issuer, who.SID, who.Subject, who.IssuedAt).Scan(&out)
	if err == nil && out {
		return ErrOver
	}
	return err
}

// waitFor makes sign-ins and back-channel logouts of one provider session (sid)
// or person (sub) wait for each other.
func waitFor(kind, issuer, name string) step {
	return step{`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, []any{kind + " " + issuer + " " + name}}
}

// promote makes the configured person Admin, once for each configured value.
func promote(ctx context.Context, tx pgx.Tx, who Identity, id int64) error {
	done, err := tx.Exec(ctx, `INSERT INTO "user".bootstraps (issuer, subject) VALUES ($1, $2) ON CONFLICT DO NOTHING`, who.Issuer, who.Subject)
	if err != nil || done.RowsAffected() == 0 {
		return err
	}
	return run(ctx, tx,
		step{`UPDATE "user".people SET role = 'Admin' WHERE id = $1`, []any{id}},
		record(0, actionBootstrap, id, ""))
}

// Signed is who a session is of, and what signs tokens right now.
type Signed struct {
	Person token.Claims
	// Now is the database's time.
	Now time.Time
	// Key is nil while there is none.
	Key *token.Key
}

// Exchange returns whose session it is. ErrOver says that there is no such
// session, ErrLocked that the person is locked.
func (s *Store) Exchange(ctx context.Context, secret string) (Signed, error) {
	var (
		signed        Signed
		session       int64
		stale, locked bool
		kid           *string
		seed          []byte
	)
	err := s.pool.QueryRow(ctx, `SELECT s.id, s.used_at < now() - `+touchAfter+`, p.id, p.display_name, p.role, p.locked_here OR p.locked_there, now(), k.kid, k.seed
		FROM "user".sessions s JOIN "user".people p ON p.id = s.person_id
		LEFT JOIN LATERAL (SELECT kid, seed FROM "user".signing_keys WHERE signs_from <= now() ORDER BY signs_from DESC LIMIT 1) k ON true
		WHERE s.token_hash = $1 AND `+live, hash(secret)).
		Scan(&session, &stale, &signed.Person.Person, &signed.Person.Name, &signed.Person.Role, &locked, &signed.Now, &kid, &seed)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Signed{}, ErrOver
	case err != nil:
		return Signed{}, fmt.Errorf("look a session up: %w", err)
	case locked:
		return Signed{}, ErrLocked
	}
	if stale {
		if _, err := s.pool.Exec(ctx, `UPDATE "user".sessions SET used_at = now() WHERE id = $1`, session); err != nil {
			return Signed{}, fmt.Errorf("keep a session alive: %w", err)
		}
	}
	if kid != nil {
		key, err := token.ParseKey(*kid, seed)
		if err != nil {
			return Signed{}, err
		}
		signed.Key = &key
	}
	return signed, nil
}

// End ends a session and returns its ID token, empty when there was none.
func (s *Store) End(ctx context.Context, secret string) (idToken string, err error) {
	err = s.pool.QueryRow(ctx, `DELETE FROM "user".sessions WHERE token_hash = $1 RETURNING id_token`, hash(secret)).Scan(&idToken)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("end a session: %w", err)
	}
	return idToken, nil
}

// Logout is a back-channel logout. SID or Subject may be empty, not both.
type Logout struct {
	Issuer, ID, SID, Subject string
	IssuedAt                 time.Time
}

// Logout ends the sessions that the provider names: that of SID, or all of
// Subject. A logout that came before does nothing.
func (s *Store) Logout(ctx context.Context, out Logout) error {
	return s.inTx(ctx, "log out", func(tx pgx.Tx) error {
		if err := run(ctx, tx, waitFor("sid", out.Issuer, out.SID), waitFor("sub", out.Issuer, out.Subject)); err != nil {
			return err
		}
		fresh, err := tx.Exec(ctx, `INSERT INTO "user".logouts (issuer, jti, sid, subject, issued_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			out.Issuer, out.ID, out.SID, out.Subject, out.IssuedAt)
		if err != nil || fresh.RowsAffected() == 0 {
			return err
		}
		return run(ctx, tx, step{`DELETE FROM "user".sessions s USING "user".people p WHERE p.id = s.person_id AND p.issuer = $1
			AND ($2 = '' OR s.sid = $2) AND ($3 = '' OR p.subject = $3)`, []any{out.Issuer, out.SID, out.Subject}})
	})
}

// Sessions lists a person's live sessions.
func (s *Store) Sessions(ctx context.Context, person int64) ([]api.SessionInfo, error) {
	return sessions(ctx, s.pool, person)
}

func sessions(ctx context.Context, from querier, person int64) ([]api.SessionInfo, error) {
	rows, _ := from.Query(ctx, `SELECT s.id, s.created_at, s.used_at, s.expires_at, s.user_agent FROM "user".sessions s
		WHERE s.person_id = $1 AND `+live+` ORDER BY s.id`, person)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (api.SessionInfo, error) {
		var i api.SessionInfo
		err := row.Scan(&i.ID, &i.CreatedAt, &i.UsedAt, &i.ExpiresAt, &i.UserAgent)
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// EndOwn ends one session of a person. ErrNotFound says that there is no such one.
func (s *Store) EndOwn(ctx context.Context, person, session int64) error {
	done, err := s.pool.Exec(ctx, `DELETE FROM "user".sessions WHERE id = $1 AND person_id = $2`, session, person)
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	if done.RowsAffected() == 0 {
		return ErrNotFound
	}
	return nil
}

// Prune deletes what is over: sign-ins, sessions, and logouts that no token can be older than.
func (s *Store) Prune(ctx context.Context) error {
	return s.inTx(ctx, "delete what is over", func(tx pgx.Tx) error {
		return run(ctx, tx,
			step{sql: `DELETE FROM "user".sign_ins WHERE created_at < now() - ` + signInLifetime},
			step{sql: `DELETE FROM "user".sessions s WHERE NOT (` + live + `)`},
			step{sql: `DELETE FROM "user".logouts WHERE received_at < now() - interval '24 hours'`})
	})
}
