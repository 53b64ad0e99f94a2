package service

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/token"
	user "blogplatform.io/operator/services/user/client"
)

// sessionCookie holds the session's token, which only the user service can read.
const sessionCookie = "__Host-session"

const (
	// exchangeReuse is how long an answer about a session counts, from when it
	// was asked for. With exchangeTimeout it bounds how long a lock can take to bite.
	exchangeReuse   = 2 * time.Second
	exchangeTimeout = time.Second
	// maxExchanges bounds the memory for them.
	maxExchanges = 4096
)

// visitor is a person who is signed in. Nil is everybody else.
type visitor struct {
	ID     int64
	Name   string
	Role   token.Role
	tokens user.Tokens
}

// May reports whether the visitor has the role, or one that includes it.
func (v *visitor) May(role token.Role) bool { return v != nil && v.Role.Includes(role) }

// asUser lets a request to the user service speak for the visitor.
func (v *visitor) asUser(_ context.Context, r *http.Request) error {
	return v.sign(r, func(t user.Tokens) string { return t.User })
}

// asContent does so for the content service.
func (v *visitor) asContent(_ context.Context, r *http.Request) error {
	return v.sign(r, func(t user.Tokens) string { return t.Content })
}

// asComment does so for the comment service.
func (v *visitor) asComment(_ context.Context, r *http.Request) error {
	return v.sign(r, func(t user.Tokens) string { return t.Comment })
}

func (v *visitor) sign(r *http.Request, pick func(user.Tokens) string) error {
	if v != nil {
		r.Header.Set("Authorization", "Bearer "+pick(v.tokens))
	}
	return nil
}

// Why a session is of no use.
var (
	errSessionOver = errors.New("the session is over")
	errLocked      = errors.New("the account is locked")
)

// visit is a request's session and what became of it.
type visit struct {
	// session is the cookie's value, empty for none.
	session string
	visitor *visitor
	// err is why there is no visitor although there is a session.
	err error
}

type visitKey struct{}

// visitOf returns who made the request.
func visitOf(ctx context.Context) visit {
	v, _ := ctx.Value(visitKey{}).(visit)
	return v
}

// visitorOf returns the person who made the request, nil for nobody known.
func visitorOf(ctx context.Context) *visitor { return visitOf(ctx).visitor }

// identify finds out who makes the request and lets the handler know.
func (s *site) identify(r *http.Request) *http.Request {
	session := sessionOf(r)
	if session == "" || !s.signIn {
		return r
	}
	v := visit{session: session}
	v.visitor, v.err = s.exchanges.visitor(r.Context(), session)
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// exchanges turns sessions into visitors, by asking the user service.
type exchanges struct {
	users   *user.Client
	now     func() time.Time
	flights singleflight.Group

	mu    sync.Mutex
	known map[[sha256.Size]byte]exchanged
	// invalidations counts calls of forget: an answer that was asked for before
	// the last one is not remembered.
	invalidations int
}

// exchanged is the answer about a session: whose it is, or errSessionOver or errLocked.
type exchanged struct {
	visitor *visitor
	err     error
	until   time.Time
}

func newExchanges(users *user.Client) *exchanges {
	return &exchanges{users: users, now: time.Now, known: map[[sha256.Size]byte]exchanged{}}
}

// visitor returns whose session it is. The error is errSessionOver, errLocked, or
// says why that cannot be known.
func (e *exchanges) visitor(ctx context.Context, session string) (*visitor, error) {
	key := sha256.Sum256([]byte(session))
	e.mu.Lock()
	found, known := e.known[key]
	e.mu.Unlock()
	if known && e.now().Before(found.until) {
		return found.visitor, found.err
	}
	answer, err, _ := e.flights.Do(string(key[:]), func() (any, error) {
		// Others wait for this answer, too: it does not end with this request.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
		defer cancel()
		until, invalidations := e.now().Add(exchangeReuse), e.invalidated()
		v, err := e.ask(ctx, session)
		if err == nil || errors.Is(err, errSessionOver) || errors.Is(err, errLocked) {
			e.remember(key, exchanged{v, err, until}, invalidations)
		}
		return v, err
	})
	v, _ := answer.(*visitor)
	return v, err
}

func (e *exchanges) ask(ctx context.Context, session string) (*visitor, error) {
	answer, err := e.users.ExchangeSessionWithResponse(ctx, user.SessionToken{Token: session})
	if err != nil {
		return nil, fmt.Errorf("exchange a session: %w", err)
	}
	got, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	switch statusOf(err) {
	case http.StatusUnauthorized, http.StatusBadRequest:
		return nil, errSessionOver
	case http.StatusForbidden:
		return nil, errLocked
	}
	if err != nil {
		return nil, fmt.Errorf("exchange a session: %w", err)
	}
	return &visitor{ID: got.Person.ID, Name: got.Person.DisplayName, Role: token.Role(got.Role), tokens: got.Tokens}, nil
}

// statusOf returns the status of a service's answer that became an error, 0 for
// any other error. What has no problem document is not the service's own word: a
// proxy of the mesh may have refused the request.
func statusOf(err error) int {
	var said *rest.StatusError
	if errors.As(err, &said) && said.Problem.Status == said.Status {
		return said.Status
	}
	return 0
}

func (e *exchanges) invalidated() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.invalidations
}

func (e *exchanges) remember(key [sha256.Size]byte, what exchanged, invalidations int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.invalidations != invalidations {
		return
	}
	if len(e.known) >= maxExchanges {
		e.makeRoom()
	}
	e.known[key] = what
}

// makeRoom drops what is over, and any one answer if nothing is: the next request
// with that session asks again.
func (e *exchanges) makeRoom() {
	for key, found := range e.known {
		if !e.now().Before(found.until) {
			delete(e.known, key)
		}
	}
	for key := range e.known {
		if len(e.known) < maxExchanges {
			return
		}
		delete(e.known, key)
	}
}

// forget makes the session's next request ask anew, after something was changed
// about the person.
func (e *exchanges) forget(session string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.invalidations++
	key := sha256.Sum256([]byte(session))
	delete(e.known, key)
	e.flights.Forget(string(key[:]))
}
