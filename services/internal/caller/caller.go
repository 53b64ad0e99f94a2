package caller

import (
	"context"
	"net/http"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/token"
)

type key struct{}

// Authenticate verifies each request's token, if it has one. A token that is
// not to be believed is refused even where none is needed.
func Authenticate(verifier *token.Verifier) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			claims, ok, err := verifier.Authenticate(r)
			if err != nil {
				problem.Fail(w, r, err)
				return
			}
			if ok {
				// What a caller may see is not for others.
				w.Header().Set("Cache-Control", "private, no-store")
				r = r.WithContext(context.WithValue(r.Context(), key{}, claims))
			}
			next.ServeHTTP(w, r)
		})
	}
}

// From returns who asks; ok is false for an anonymous request, and for one that
// only erases.
func From(ctx context.Context) (claims token.Claims, ok bool) {
	claims, ok = ctx.Value(key{}).(token.Claims)
	return claims, ok && claims.Purpose == ""
}

// Require returns who asks. The error is a problem: 401 for an anonymous
// request, 403 for a person without the role.
func Require(ctx context.Context, role token.Role) (token.Claims, error) {
	claims, ok := ctx.Value(key{}).(token.Claims)
	switch {
	case !ok:
		return token.Claims{}, &problem.Error{Status: http.StatusUnauthorized, Detail: "Sign in first: this needs a token."}
	case claims.Purpose != "" || !claims.Role.Includes(role):
		return token.Claims{}, &problem.Error{Status: http.StatusForbidden, Detail: "This needs the role " + string(role) + "."}
	}
	return claims, nil
}

// RequireErasure makes sure that the request erases the person with that id,
// and nobody else. The error is a problem as that of [Require].
func RequireErasure(ctx context.Context, person int64) error {
	claims, ok := ctx.Value(key{}).(token.Claims)
	switch {
	case !ok:
		return &problem.Error{Status: http.StatusUnauthorized, Detail: "This needs a token."}
	case claims.Purpose != token.Erasure || claims.Person != person:
		return &problem.Error{Status: http.StatusForbidden, Detail: "This needs the token for this erasure."}
	}
	return nil
}
