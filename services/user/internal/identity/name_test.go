package identity

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzCleanName looks for a name that stays unclean, or that its owner could not
// save again as it is.
func FuzzCleanName(f *testing.F) {
	for _, name := range []string{"Amara Silva", "", " \t\n ", "a\x00b\u202ec", "\xff\xfe", "Nuwan ක", strings.Repeat("x y ", 40), "é\u0301", "\u00a0\u3000a", "🏳️‍🌈"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean := CleanName(name)
		if CleanName(clean) != clean {
			t.Errorf("%q becomes %q and then %q", name, clean, CleanName(clean))
		}
		if utf8.RuneCountInString(clean) > MaxName || !utf8.ValidString(clean) || strings.ContainsFunc(clean, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("%q is left as %q", name, clean)
		}
		if shown := displayName(idClaims{Name: name, GivenName: name, FamilyName: name}); shown == "" || strings.Contains(shown, "@") {
			t.Errorf("%q is shown as %q", name, shown)
		}
	})
}

func TestAClaimIsANameOnlyIfItCanBeKept(t *testing.T) {
	for claim, want := range map[string]bool{
		"": false, "1b2c3d4e-5f60": true, "a@acme": true, "a\x00b": false, "a\nb": false, "\xff": false,
		strings.Repeat("x", maxClaim): true, strings.Repeat("x", maxClaim+1): false,
	} {
		if got := isName(claim); got != want {
			t.Errorf("%.20q: %t", claim, got)
		}
	}
}
