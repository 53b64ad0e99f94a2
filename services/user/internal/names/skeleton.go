package names

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// lookAlikes are letters and digits that look like one of ASCII: of the Cyrillic,
// Greek and Armenian alphabets, and those that a hasty reader takes for each
// other (a part of the data of Unicode Technical Standard 39, section 4).
var lookAlikes = strings.NewReplacer(
	"а", "a", "ɑ", "a", "α", "a", "ь", "b", "β", "b", "с", "c", "ϲ", "c", "ԁ", "d", "ɗ", "d", "е", "e", "ε", "e", "ҽ", "e", "ɡ", "g", "ց", "g",
	"һ", "h", "հ", "h", "н", "h", "η", "n", "і", "i", "ı", "i", "ι", "i", "ӏ", "i", "l", "i", "1", "i", "|", "i", "!", "i", "ј", "j",
	"к", "k", "κ", "k", "м", "m", "μ", "m", "п", "n", "ո", "n", "о", "o", "ο", "o", "օ", "o", "0", "o", "σ", "o", "ρ", "p", "р", "p", "ρ", "p", "ԛ", "q",
	"г", "r", "я", "r", "ѕ", "s", "5", "s", "$", "s", "т", "t", "τ", "t", "υ", "u", "ս", "u", "ц", "u", "ν", "v", "ѵ", "v", "ԝ", "w", "ѡ", "w", "ω", "w",
	"х", "x", "χ", "x", "у", "y", "γ", "y", "ү", "y", "ᴢ", "z", "ζ", "z", "3", "e", "4", "a", "@", "a", "7", "t", "8", "b", "rn", "m", "vv", "w",
)

// capitals look like another letter than their small ones do.
var capitals = strings.NewReplacer("\u039d", "n", "\u0397", "h", "\u03a5", "y", "\u0392", "b", "\u0396", "z", "\u0412", "b", "\u041d", "h", "\u03a1", "p")

// reserved are skeletons of names that only the blog itself speaks with.
var reserved = []string{Skeleton("Admin"), Skeleton("Administrator"), Skeleton("Editor"), Skeleton("Moderator"), Skeleton("Blog")}

// IsReserved reports whether a name looks like one that nobody may have.
func IsReserved(name string) bool { return slices.Contains(reserved, Skeleton(name)) }

// Skeleton returns what a hasty reader sees of a name: two names that look alike
// have the same. Accents, spaces and joiners are not in it.
func Skeleton(name string) string {
	seen := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.L, unicode.N) || strings.ContainsRune("$@!|", r) {
			return unicode.ToLower(r)
		}
		if unicode.Is(unicode.Mc, r) || unicode.Is(unicode.Mn, r) && !isAccent(r) {
			// A vowel sign is a letter's equal.
			return r
		}
		return -1
	}, capitals.Replace(norm.NFKD.String(name)))
	// Twice: what became of one letter may look like a part of another.
	return lookAlikes.Replace(lookAlikes.Replace(seen))
}

// isAccent reports whether a mark belongs to no script of its own.
func isAccent(r rune) bool { return unicode.Is(unicode.Inherited, r) }
