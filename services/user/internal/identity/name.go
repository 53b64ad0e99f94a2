package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
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

// MaxName is the longest display name, in characters.
const MaxName = 80

// displayName is how a new person is called until they choose: never by their
// e-mail address, which is nobody's business.
func displayName(claims idClaims) string {
	for _, name := range []string{claims.Name, claims.GivenName + " " + claims.FamilyName} {
		if clean := CleanName(name); clean != "" && !strings.Contains(clean, "@") {
			return clean
		}
	}
	return "New reader"
}

// CleanName returns a name on one line without what cannot be seen, cut to
// [MaxName] characters. Nothing may be left.
func CleanName(name string) string {
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError, !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, name)
	runes := []rune(strings.Join(strings.Fields(visible), " "))
	return strings.TrimSpace(string(runes[:min(len(runes), MaxName)]))
}
