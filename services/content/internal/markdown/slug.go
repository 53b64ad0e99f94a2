package markdown

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// anchor returns what a heading is found by: its slug, or where a letter has no
// ASCII form, its letters and digits as they are.
func anchor(heading string) string {
	slug := Slug(heading)
	if !strings.ContainsFunc(norm.NFKD.String(heading), hasNoSlug) {
		return slug
	}
	var out strings.Builder
	gap, length := false, 0
	for _, r := range norm.NFC.String(strings.ToLower(heading)) {
		switch {
		case unicode.In(r, unicode.L, unicode.M, unicode.N):
			if gap && out.Len() > 0 {
				out.WriteByte('-')
			}
			gap = false
			out.WriteRune(r)
			length++
		case unicode.Is(unicode.Cf, r), r == '\'', r == '’':
		default:
			gap = true
		}
		if length >= maxSlug {
			break
		}
	}
	return out.String()
}

// hasNoSlug reports whether a slug does not have the letter or digit.
func hasNoSlug(r rune) bool {
	_, special := letters[unicode.ToLower(r)]
	return r > unicode.MaxASCII && !special && unicode.In(r, unicode.L, unicode.N)
}

// Slug returns title as part of an address: lower-case ASCII letters and digits
// in groups that are joined by single hyphens, at most 80 bytes. It is empty for
// a title without a letter or digit that has an ASCII form.
func Slug(title string) string {
	var out strings.Builder
	gap := false
	write := func(r rune) bool {
		if gap && out.Len() > 0 {
			out.WriteByte('-')
		}
		gap = false
		out.WriteRune(r)
		return out.Len() < maxSlug
	}
	for _, r := range strings.ToLower(norm.NFKD.String(title)) {
		text, special := letters[r]
		switch {
		case special:
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			text = string(r)
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’':
			continue
		default:
			gap = true
			continue
		}
		for _, c := range text {
			if c == ' ' {
				gap = true
			} else if !write(c) {
				return cut(out.String())
			}
		}
	}
	return cut(out.String())
}

// cut drops what is longer than a slug may be, and a hyphen at the end.
func cut(slug string) string {
	if len(slug) > maxSlug {
		slug = slug[:maxSlug]
	}
	return strings.TrimRight(slug, "-")
}

// TagSlug returns a tag's name as part of an address. Tags that differ only in
// what [Slug] leaves out, such as C and C++, or that have no letter of ASCII,
// get different ones.
func TagSlug(name string) string {
	slug := Slug(strings.NewReplacer("+", " plus ", "#", " sharp ").Replace(name))
	if slug == "" {
		sum := sha256.Sum256([]byte(norm.NFKC.String(strings.ToLower(name))))
		slug = "tag-" + hex.EncodeToString(sum[:6])
	}
	return slug
}
