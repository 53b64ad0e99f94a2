package names

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"blogplatform.io/operator/services/internal/input"
)

// Max is the longest display name, in characters.
const Max = 80

// None is how a person is called who has told no name that can be shown.
const None = "New reader"

// Clean returns a display name as it is kept, and whether it can be one: the
// Nickname profile of PRECIS (RFC 8266), so that no two names differ only in how
// they are written. A joiner is kept between letters that it joins, as scripts
// such as Sinhala and Persian need it, and what nobody sees is refused.
func Clean(text string) (string, bool) {
	name, err := precis.Nickname.String(text)
	if err != nil || utf8.RuneCountInString(name) > Max || !strings.ContainsFunc(name, input.IsVisible) {
		return "", false
	}
	return name, true
}

// Line returns a text on one line without what cannot be seen, but for
// joiners, cut to [Max] characters. Nothing may be left.
func Line(text string) string {
	const nonJoiner, joiner = '\u200c', '\u200d'
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == nonJoiner, r == joiner:
			return r
		case r == utf8.RuneError, !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, text)
	runes := []rune(strings.Join(strings.Fields(visible), " "))
	return strings.TrimSpace(string(runes[:min(len(runes), Max)]))
}
