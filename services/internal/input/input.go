package input

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"blogplatform.io/operator/services/internal/problem"
)

// breaks are what a paste from a table or a letter has within a line.
var breaks = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ", "\u2028", " ", "\u2029", " ", "\ufeff", "")

// Line checks a text of one line and returns it with spaces for line breaks and
// tabs, and without the space around it. The error is a problem.
func Line(field, text string, least, most int) (string, error) {
	text = strings.TrimSpace(breaks.Replace(text))
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", problem.Invalid(field, "must be one line without control characters.")
	}
	return text, Text(field, text, least, most)
}

// Text checks how long a text is, that there is something to see in one that may
// not be empty, and that PostgreSQL can keep it. The error is a problem.
func Text(field, text string, least, most int) error {
	if strings.ContainsRune(text, 0) {
		return problem.Invalid(field, "must not contain the character U+0000.")
	}
	if n := utf8.RuneCountInString(text); n < least || n > most {
		return problem.Invalid(field, fmt.Sprintf("must have %d to %d characters; it has %d.", least, most, n))
	}
	if least > 0 && !strings.ContainsFunc(text, IsVisible) {
		return problem.Invalid(field, "must have a character that can be seen.")
	}
	return nil
}

// IsVisible reports whether a character leaves ink by itself. Unicode counts some
// blank ones as letters or symbols.
func IsVisible(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u2800', '\u3164', '\uffa0':
		return false
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S)
}

// ETag is the entity tag of a revision.
func ETag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// Revision reads the revision that a change is based on from If-Match. The
// error is a problem: 428 where there is none (RFC 6585, section 3).
func Revision(ifMatch *string) (int64, error) {
	if Value(ifMatch) == "" {
		return 0, &problem.Error{Status: http.StatusPreconditionRequired, Field: "If-Match", Detail: "If-Match must be the ETag that the change is based on."}
	}
	text, quoted := strings.CutPrefix(*ifMatch, `"`)
	text, ended := strings.CutSuffix(text, `"`)
	revision, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !quoted || !ended || revision < 1 {
		return 0, problem.Invalid("If-Match", "must be the ETag that the change is based on, quotes included.")
	}
	return revision, nil
}

// Value returns what an optional field says, its zero value where it is left out.
func Value[T any](pointer *T) T {
	if pointer == nil {
		var none T
		return none
	}
	return *pointer
}
