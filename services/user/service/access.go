package service

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/quota"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/internal/store"
)

// anyone marks operations that need no token: the mesh alone says who reaches
// them, and each judges a secret of its own.
const anyone token.Role = "anyone"

// access is the least role for each route. A route that is missing is closed.
var access = map[string]token.Role{
	"GET /v1/people":                        anyone,
	"GET /v1/people/{id}":                   anyone,
	"GET /v1/keys":                          anyone,
	"POST /v1/sign-ins":                     anyone,
	"POST /v1/sign-ins/complete":            anyone,
	"POST /v1/sessions/exchange":            anyone,
	"POST /v1/sessions/end":                 anyone,
	"POST /v1/logouts":                      anyone,
	"GET /v1/me":                            token.Reader,
	"PATCH /v1/me":                          token.Reader,
	"DELETE /v1/me":                         token.Reader,
	"GET /v1/me/export":                     token.Reader,
	"GET /v1/me/sessions":                   token.Reader,
	"DELETE /v1/me/sessions/{id}":           token.Reader,
	"GET /v1/admin/people":                  token.Admin,
	"GET /v1/admin/people/{id}":             token.Admin,
	"DELETE /v1/admin/people/{id}":          token.Admin,
	"PUT /v1/admin/people/{id}/role":        token.Admin,
	"PUT /v1/admin/people/{id}/lock":        token.Admin,
	"DELETE /v1/admin/people/{id}/lock":     token.Admin,
	"POST /v1/admin/people/{id}/lock/retry": token.Admin,
	"GET /v1/admin/people/{id}/sessions":    token.Admin,
	"DELETE /v1/admin/people/{id}/sessions": token.Admin,
	"GET /v1/admin/audit":                   token.Admin,
}

// What one person may ask for.
var (
	changes = quota.Bucket{Name: "change", Uses: 120, Window: time.Minute}
	exports = quota.Bucket{Name: "export", Uses: 10, Window: time.Hour}
	renames = quota.Bucket{Name: "rename", Uses: 10, Window: 24 * time.Hour}
)

// bucket is what a request of a person counts in, nil for none.
func bucket(r *http.Request) *quota.Bucket {
	switch {
	case r.Pattern == "GET /v1/me/export":
		return &exports
	case r.Pattern == "PATCH /v1/me":
		return &renames
	case r.Method != http.MethodGet:
		return &changes
	}
	return nil
}

type callerKey struct{}

// caller is who asks; only routes that need a token have one.
func caller(ctx context.Context) int64 {
	id, _ := ctx.Value(callerKey{}).(int64)
	return id
}

// authorize lets through who may ask. What the person may do is what the
// database says now, not what the token said up to a minute ago.
func (s *service) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		least, known := access[r.Pattern]
		if known && least == anyone {
			next.ServeHTTP(w, r)
			return
		}
		if !known {
			slog.ErrorContext(r.Context(), "a route has no rule of access", "route", r.Pattern)
			fail(w, r, &problem.Error{Status: http.StatusForbidden, Detail: "Nobody may do this."})
			return
		}
		id, err := s.who(r, least)
		if counted := bucket(r); err == nil && counted != nil {
			err = s.store.Count(r.Context(), id, *counted)
		}
		if err != nil {
			fail(w, r, err)
			return
		}
		// What only its owner or an Admin may see is for no cache.
		w.Header().Set("Cache-Control", "private, no-store")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, id)))
	})
}

func (s *service) who(r *http.Request, least token.Role) (int64, error) {
	claims, ok, err := s.verifier.Authenticate(r)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, &problem.Error{Status: http.StatusUnauthorized, Field: "Authorization", Detail: "Sign in first."}
	}
	if claims.Purpose != "" {
		return 0, &problem.Error{Status: http.StatusForbidden, Detail: "This token is for something else."}
	}
	role, err := s.store.Caller(r.Context(), claims.Person)
	if errors.Is(err, store.ErrNotFound) {
		return 0, &problem.Error{Status: http.StatusUnauthorized, Field: "Authorization", Detail: "This account is gone."}
	}
	if err != nil {
		return 0, err
	}
	if !role.Includes(least) {
		return 0, &problem.Error{Status: http.StatusForbidden, Detail: "Only an " + string(least) + " may do this."}
	}
	return claims.Person, nil
}
