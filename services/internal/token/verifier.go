package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"blogplatform.io/operator/services/internal/problem"
)

const (
	// refreshEvery is how often keys are fetched; a new one is published ten
	// minutes before it signs.
	refreshEvery = 60 * time.Second
	// unknownEvery bounds the fetches that tokens with unknown keys cause.
	unknownEvery = 5 * time.Second
	// keepFor is how long the last set is used while none can be fetched.
	keepFor = 10 * time.Minute
	// leeway is how far the clocks of two services may be apart.
	leeway = 5 * time.Second

	fetchTimeout = 3 * time.Second
	maxSetBytes  = 64 << 10
)

var (
	// ErrInvalid says that a token is not to be believed.
	ErrInvalid = errors.New("the token is not valid")
	// ErrNoKeys says that a token cannot be judged right now, because the keys
	// cannot be fetched.
	ErrNoKeys = errors.New("the keys that tokens are verified with cannot be fetched")
)

// Source fetches the keys.
type Source func(context.Context) (Set, error)

// HTTP is the Source of all services but the user service: url is the address
// of the user service's key set.
func HTTP(url string) Source {
	client := &http.Client{Timeout: fetchTimeout}
	return func(ctx context.Context) (Set, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return Set{}, fmt.Errorf("fetch the key set: %w", err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return Set{}, fmt.Errorf("fetch the key set: %w", err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return Set{}, fmt.Errorf("fetch the key set: %s answered %d", url, resp.StatusCode)
		}
		document, err := io.ReadAll(io.LimitReader(resp.Body, maxSetBytes))
		if err != nil {
			return Set{}, fmt.Errorf("fetch the key set: %w", err)
		}
		return ParseSet(document)
	}
}

// Verifier verifies the tokens for one audience. Its zero value is not usable.
type Verifier struct {
	issuer, audience string
	source           Source
	now              func() time.Time

	// fetching lets one fetch at a time through.
	fetching sync.Mutex
	mu       sync.RWMutex
	keys     map[string]jose.JSONWebKey
	fetched  time.Time
	tried    time.Time
}

// NewVerifier returns a verifier of tokens that issuer signed for audience. It
// fetches nothing yet.
func NewVerifier(source Source, issuer, audience string) *Verifier {
	return &Verifier{issuer: issuer, audience: audience, source: source, now: time.Now}
}

// Run keeps the keys fresh until ctx ends. Without it they are fetched when a
// token needs them.
func (v *Verifier) Run(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		if err := v.refresh(ctx, 0); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "the keys that tokens are verified with were not fetched", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Verify returns what a token says. Errors wrap [ErrInvalid] or [ErrNoKeys].
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) {
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	key, err := v.key(ctx, parsed.Headers[0].KeyID)
	if err != nil {
		return Claims{}, err
	}
	var said payload
	if err := parsed.Claims(key.Key, &said); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	claims, err := said.claims(v.issuer, v.audience, v.now())
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return claims, nil
}

func (v *Verifier) key(ctx context.Context, id string) (jose.JSONWebKey, error) {
	key, known, fresh := v.lookup(id)
	if known && fresh {
		return key, nil
	}
	failed := v.refresh(ctx, unknownEvery)
	key, known, fresh = v.lookup(id)
	switch {
	case known && fresh:
		return key, nil
	case !fresh:
		return jose.JSONWebKey{}, errors.Join(ErrNoKeys, failed)
	}
	return jose.JSONWebKey{}, fmt.Errorf("%w: nobody publishes its key", ErrInvalid)
}

func (v *Verifier) lookup(id string) (key jose.JSONWebKey, known, fresh bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	key, known = v.keys[id]
	return key, known, len(v.keys) > 0 && v.now().Sub(v.fetched) < keepFor
}

// refresh fetches the keys, unless that was tried less than pause ago.
func (v *Verifier) refresh(ctx context.Context, pause time.Duration) error {
	v.fetching.Lock()
	defer v.fetching.Unlock()
	now := v.now()
	if !v.tried.IsZero() && now.Sub(v.tried) < pause {
		return nil
	}
	v.tried = now
	// Others wait for this fetch, too: it does not end with one impatient request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	set, err := v.source(ctx)
	if err != nil {
		return err
	}
	keys := make(map[string]jose.JSONWebKey, len(set.Keys))
	for _, key := range set.Keys {
		keys[key.KeyID] = key
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys, v.fetched = keys, now
	return nil
}

// Authenticate returns what the request's bearer token says. ok is false for a
// request without an Authorization header. Errors are problems: 401 for a token
// that is not to be believed, 503 for one that cannot be judged.
func (v *Verifier) Authenticate(r *http.Request) (claims Claims, ok bool, err error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Claims{}, false, nil
	}
	scheme, raw, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return Claims{}, false, &problem.Error{Status: http.StatusUnauthorized, Field: "Authorization", Detail: "Authorization must be Bearer and a token."}
	}
	claims, err = v.Verify(r.Context(), strings.TrimSpace(raw))
	switch {
	case errors.Is(err, ErrNoKeys):
		return Claims{}, false, &problem.Error{Status: http.StatusServiceUnavailable, Detail: "Tokens cannot be verified right now.", Cause: err}
	case err != nil:
		return Claims{}, false, &problem.Error{Status: http.StatusUnauthorized, Field: "Authorization", Detail: "The token is not valid; get a new one."}
	}
	return claims, true, nil
}
