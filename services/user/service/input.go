package service

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"blogplatform.io/operator/services/internal/problem"
)

// field is a text of a request with the most bytes that it may have.
type field struct {
	value string
	max   int
}

// bounded refuses the first field, by name, that is too long.
func bounded(fields map[string]field) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if f := fields[name]; len(f.value) > f.max {
			return problem.Invalid(name, fmt.Sprintf("must be %d bytes at most.", f.max))
		}
	}
	return nil
}

// plain refuses a text that is too long, or that a person could not have typed.
func plain(name, value string, maxCharacters int) error {
	if utf8.RuneCountInString(value) > maxCharacters {
		return problem.Invalid(name, fmt.Sprintf("must be %d characters at most.", maxCharacters))
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }) {
		return problem.Invalid(name, "must be text without control characters.")
	}
	return nil
}

func optional(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}
