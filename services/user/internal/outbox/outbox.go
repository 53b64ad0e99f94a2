package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/internal/scim"
	"blogplatform.io/operator/services/user/internal/store"
)

const (
	// idle is how often the store is asked while nobody rings.
	idle = time.Second
	// firstPause and longestPause bound the wait between two attempts.
	firstPause   = time.Second
	longestPause = 5 * time.Minute
	// attemptTimeout bounds one attempt, all its questions included.
	attemptTimeout = 20 * time.Second
	// checkPause is between two people: the provider takes 200 requests a minute.
	checkPause     = time.Second
	erasureTimeout = 5 * time.Second
	// keysEvery, pruneEvery: how often keys are looked at and old rows deleted.
	keysEvery  = 30 * time.Second
	pruneEvery = 5 * time.Minute
)

// Config says what there is to tell whom.
type Config struct {
	Store *store.Store
	// SCIM is nil where the provider cannot be told.
	SCIM *scim.Client
	// Issuer is whose people SCIM is asked about.
	Issuer string
	// TokenIssuer signs erasures; Erasers are the base URLs of the services that
	// are told, by their audience.
	TokenIssuer string
	Erasers     map[string]string
}

// Outbox works in the background.
type Outbox struct {
	config Config
	http   *http.Client
	bell   chan struct{}
	// quietUntil is how long the provider wants no more questions about people.
	quietUntil time.Time
}

// New returns an outbox that does nothing until it is run.
func New(config Config) *Outbox {
	return &Outbox{config: config, http: &http.Client{Timeout: erasureTimeout}, bell: make(chan struct{}, 1)}
}

// Ring says that there may be something new to send.
func (o *Outbox) Ring() {
	select {
	case o.bell <- struct{}{}:
	default:
	}
}

// Run works until ctx ends.
func (o *Outbox) Run(ctx context.Context) {
	go every(ctx, keysEvery, "rotate the signing keys", o.config.Store.RotateKeys)
	go every(ctx, pruneEvery, "delete what is over", o.config.Store.Prune)
	go o.deliver(ctx, "have people erased elsewhere", func(ctx context.Context) (bool, error) {
		return o.config.Store.DeliverErasure(ctx, o.erase)
	})
	if o.config.SCIM == nil {
		return
	}
	go every(ctx, checkPause, "ask the provider about people", o.Check)
	o.deliver(ctx, "tell the provider", func(ctx context.Context) (bool, error) {
		return o.config.Store.Deliver(ctx, o.config.Issuer, o.sync)
	})
}

// every does something now and then; while it fails it says so once.
func every(ctx context.Context, pause time.Duration, what string, do func(context.Context) error) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	failing := false
	for {
		err := do(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			slog.Warn("background work failed; trying again", "work", what, "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// deliver sends until nothing is due, and again when somebody rings or after a while.
func (o *Outbox) deliver(ctx context.Context, what string, next func(context.Context) (bool, error)) {
	failing := false
	for ctx.Err() == nil {
		found, err := next(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			slog.Warn("background work failed; trying again", "work", what, "error", err)
		}
		failing = err != nil
		if found && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-o.bell:
		case <-time.After(idle):
		}
	}
}

// sync makes the provider follow one order, and reads it back: an answer that
// was lost may have been a yes.
func (o *Outbox) sync(ctx context.Context, order store.Order) store.Outcome {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	err := o.follow(ctx, order)
	if err == nil {
		return store.Outcome{}
	}
	slog.Warn("the provider does not follow", "person", order.Person, "lock", order.Locked, "attempt", order.Attempts+1, "error", err)
	return store.Outcome{Err: err, Final: scim.Final(err), Again: max(pause(order.Attempts), scim.RetryAfter(err))}
}

func (o *Outbox) follow(ctx context.Context, order store.Order) error {
	if err := o.config.SCIM.SetLocked(ctx, order.Subject, order.Locked); err != nil {
		return err
	}
	if order.Locked {
		if err := o.config.SCIM.EndSessions(ctx, order.Subject); err != nil {
			return err
		}
	}
	is, err := o.config.SCIM.Locked(ctx, order.Subject)
	if err != nil {
		return err
	}
	if is != order.Locked {
		return fmt.Errorf("the provider said yes, but read back the account is locked or disabled: %t", is)
	}
	return nil
}

// Check asks the provider about one person who is due to be asked about. Two may
// not run at once.
func (o *Outbox) Check(ctx context.Context) error {
	if time.Now().Before(o.quietUntil) {
		return nil
	}
	who, ok, err := o.config.Store.Unchecked(ctx, o.config.Issuer)
	if err != nil || !ok {
		return err
	}
	locked, err := o.config.SCIM.Locked(ctx, who.Subject)
	if err != nil {
		o.quietUntil = time.Now().Add(scim.RetryAfter(err))
		return fmt.Errorf("person %d: %w", who.Person, err)
	}
	return o.config.Store.Observe(ctx, who.Person, locked)
}

// erase has one service erase what it keeps of a person.
func (o *Outbox) erase(ctx context.Context, e store.Erasure) store.Outcome {
	if err := o.askToErase(ctx, e); err != nil {
		slog.Warn("a service did not erase a person; trying again", "person", e.Person, "at", e.Service, "attempt", e.Attempts+1, "error", err)
		return store.Outcome{Err: err, Again: pause(e.Attempts)}
	}
	return store.Outcome{}
}

func (o *Outbox) askToErase(ctx context.Context, e store.Erasure) error {
	base, ok := o.config.Erasers[e.Service]
	if !ok {
		return errors.New("its address is not configured")
	}
	signed, err := o.config.Store.SigningKey(ctx)
	if err != nil {
		return err
	}
	raw, err := signed.Key.Sign(o.config.TokenIssuer, e.Service, token.Claims{Person: e.Person, Purpose: token.Erasure}, signed.Now)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, fmt.Sprintf("%s/v1/people/%d", base, e.Person), bytes.NewReader(nil))
	if err != nil {
		return fmt.Errorf("ask %s to erase: %w", e.Service, err)
	}
	req.Header.Set("Authorization", "Bearer "+raw)
	resp, err := o.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s to erase: %w", e.Service, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("ask %s to erase: it answered %d", e.Service, resp.StatusCode)
	}
	return nil
}

// pause is how long to wait after an attempt that followed so many others.
func pause(attempts int) time.Duration {
	return min(firstPause<<min(attempts, 20), longestPause)
}
