package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

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
