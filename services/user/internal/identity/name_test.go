package identity

import (
	"strings"
	"testing"

	"blogplatform.io/operator/services/user/internal/names"
)

// FuzzDisplayName looks for a claim that becomes no name, or an e-mail address.
func FuzzDisplayName(f *testing.F) {
	for _, claim := range []string{"Amara Silva", "", "a@b.c", "a\x00b\u202ec", "\xff\xfe", "ක්\u200dෂ", "a\u200db", strings.Repeat("x y ", 40)} {
		f.Add(claim)
	}
	f.Fuzz(func(t *testing.T, claim string) {
		shown := displayName(idClaims{Name: claim, GivenName: claim, FamilyName: claim})
		if _, ok := names.Clean(shown); !ok || strings.Contains(shown, "@") {
			t.Errorf("%q is shown as %q", claim, shown)
		}
	})
}

func TestTheProvidersNameIsKeptAsItIs(t *testing.T) {
	for claim, want := range map[string]string{
		"ප්\u200dරියංකා": "ප්\u200dරියංකා", "می\u200cخواهم": "می\u200cخواهم", " Amara\t Silva ": "Amara Silva", "Amara\u202e": "Amara", "amara@acme.test": names.None, "\u200b": names.None,
	} {
		if got := displayName(idClaims{Name: claim}); got != want {
			t.Errorf("%q became %q", claim, got)
		}
	}
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
