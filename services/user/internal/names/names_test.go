package names

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestNamesOfAllScriptsAreKept(t *testing.T) {
	for _, name := range []string{
		"Amara Silva", "ශ්\u200dරී ප්\u200dරියංකා", "می\u200cخواهم", "ක්\u200dෂ", "José", "O’Brien", "Åke von Öst", "山田 太郎", "Nuwan (Kandy)", "X Æ A-12", "👍🏽",
	} {
		if got, ok := Clean(name); !ok || got != name {
			t.Errorf("%q became %q, %t", name, got, ok)
		}
	}
	for name, want := range map[string]string{" Amara  Silva ": "Amara Silva", "Ａmara": "Amara", "e\u0301": "é", "ﬁn": "fin"} {
		if got, ok := Clean(name); !ok || got != want {
			t.Errorf("%q became %q, %t", name, got, ok)
		}
	}
	for _, name := range []string{
		"", " ", "\u3164", "\u2800", "\u200b", "a\u202eb", "a\x00b", "a\nb", "a\u200db", "\u200c", "\ufe0f", "\xff", strings.Repeat("x", 81),
	} {
		if got, ok := Clean(name); ok {
			t.Errorf("%q became %q", name, got)
		}
	}
}

func TestNamesThatLookAlikeHaveOneSkeleton(t *testing.T) {
	for _, pair := range [][2]string{
		{"Nuwan Perera", "nuwan perera"}, {"Nuwan Perera", "NuwanPerera"}, {"Nuwan Perera", "Nuwаn Реrеrа"}, {"Admin", "Аdmin"}, {"Admin", "Adm1n"},
		{"Admin", "Adrnin"}, {"Ada Long", "Ada L0ng"}, {"Ada Long", "Ádä Lóng"}, {"Ill", "1ll"}, {"Νοah", "Noah"}, {"Ｎoah", "Noah"}, {"No-ah.", "Noah"},
	} {
		if one, two := Skeleton(pair[0]), Skeleton(pair[1]); one != two {
			t.Errorf("%s and %s: %q, %q", pair[0], pair[1], one, two)
		}
	}
	for _, pair := range [][2]string{{"Nuwan Perera", "Nuwani Perera"}, {"Amara", "Tamara"}, {"ක", "කි"}, {"Noah", "Nora"}, {"山田", "山本"}} {
		if Skeleton(pair[0]) == Skeleton(pair[1]) {
			t.Errorf("%s and %s look alike", pair[0], pair[1])
		}
	}
	for name, want := range map[string]bool{"Administrator": true, "ΕDITOR": true, "Moderator ": true, "Adminah": false, "Edith": false} {
		if got := IsReserved(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// FuzzClean looks for a name that its owner could not save again as it is, or that
// holds what nobody sees.
func FuzzClean(f *testing.F) {
	for _, name := range []string{"Amara Silva", "", " \t\n ", "a\x00b\u202ec", "\xff\xfe", "Nuwan ක", strings.Repeat("x y ", 40), "é\u0301", "\u00a0\u3000a", "🏳️‍🌈", "ක්\u200dෂ"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if kept, ok := Clean(name); ok {
			if again, ok := Clean(kept); !ok || again != kept {
				t.Errorf("%q becomes %q and then %q", name, kept, again)
			}
			if utf8.RuneCountInString(kept) > Max || !utf8.ValidString(kept) || strings.ContainsFunc(kept, unicode.IsControl) {
				t.Errorf("%q is kept as %q", name, kept)
			}
		}
	})
}
