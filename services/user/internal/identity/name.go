package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"blogplatform.io/operator/services/user/internal/names"
)

const (
	// maxClaim is the longest sub, sid or jti, in bytes (OpenID Connect Core 1.0,
	// section 2, for sub). Two may come together.
	maxClaim = 2 * 255
	// maxEmail is the longest e-mail address, in bytes (RFC 5321, section 4.5.3.1).
	maxEmail = 254
)

// isName reports whether a claim can be what somebody or something is known by.
func isName(claim string) bool {
	return claim != "" && len(claim) <= maxClaim && utf8.ValidString(claim) && !strings.ContainsFunc(claim, unicode.IsControl)
}

// cleanEmail returns an address, empty for what is none.
func cleanEmail(claim string) string {
	if len(claim) > maxEmail || !isName(claim) || !strings.Contains(claim, "@") {
		return ""
	}
	return claim
}

// displayName is how a new person is called until they choose: never by their
// e-mail address, which is nobody's business.
func displayName(claims idClaims) string {
	for _, claim := range []string{claims.Name, claims.GivenName + " " + claims.FamilyName} {
		// What the provider has beside the name does not make it none.
		name, ok := names.Clean(names.Line(claim))
		if ok && !strings.Contains(name, "@") {
			return name
		}
	}
	return names.None
}
