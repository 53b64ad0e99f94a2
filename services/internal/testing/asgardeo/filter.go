package asgardeo

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrOr says that a filter has an or, which Asgardeo does not support.
var ErrOr = errors.New("the logical operator or is not supported")

// ParseFilter reads a SCIM filter (RFC 7644, section 3.4.2.2) as far as Asgardeo
// takes it: eq, co, sw and ew on userName, id, name.givenName and
// name.familyName, joined by and. An empty filter takes everybody.
func ParseFilter(text string) (func(*User) bool, error) {
	everybody := func(*User) bool { return true }
	rest := strings.TrimSpace(text)
	if rest == "" {
		return everybody, nil
	}
	matches := everybody
	for {
		term, after, err := parseTerm(rest)
		if err != nil {
			return nil, err
		}
		before := matches
		matches = func(u *User) bool { return before(u) && term(u) }
		if after == "" {
			return matches, nil
		}
		var joined string
		joined, rest = cutWord(after)
		switch strings.ToLower(joined) {
		case "and":
		case "or":
			return nil, ErrOr
		default:
			return nil, fmt.Errorf("expected and instead of %q", joined)
		}
	}
}

func parseTerm(text string) (term func(*User) bool, rest string, err error) {
	name, rest := cutWord(text)
	operator, rest := cutWord(rest)
	attribute, ok := map[string]func(*User) []string{
		"username":        func(u *User) []string { return []string{u.UserName, "DEFAULT/" + u.UserName} },
		"id":              func(u *User) []string { return []string{u.ID} },
		"name.givenname":  func(u *User) []string { return []string{u.Given} },
		"name.familyname": func(u *User) []string { return []string{u.Family} },
	}[strings.ToLower(name)]
	if !ok {
		return nil, "", fmt.Errorf("the attribute %q is not supported", name)
	}
	compare, ok := map[string]func(string, string) bool{
		"eq": func(a, b string) bool { return a == b }, "co": strings.Contains, "sw": strings.HasPrefix, "ew": strings.HasSuffix,
	}[strings.ToLower(operator)]
	if !ok {
		return nil, "", fmt.Errorf("the operator %q is not supported", operator)
	}
	value, rest, err := cutValue(rest)
	if err != nil {
		return nil, "", err
	}
	return func(u *User) bool {
		for _, have := range attribute(u) {
			if compare(strings.ToLower(have), strings.ToLower(value)) {
				return true
			}
		}
		return false
	}, rest, nil
}

// cutValue takes a JSON string, or a bare word as the real one does.
func cutValue(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		value, rest = cutWord(text)
		if value == "" {
			return "", "", errors.New("a value is missing")
		}
		return value, rest, nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	if err := decoder.Decode(&value); err != nil {
		return "", "", fmt.Errorf("the value is not a string: %w", err)
	}
	rest = text[decoder.InputOffset():]
	if rest != "" && !strings.HasPrefix(rest, " ") {
		return "", "", errors.New("a value must be followed by a space")
	}
	return value, strings.TrimSpace(rest), nil
}

func cutWord(text string) (word, rest string) {
	word, rest, _ = strings.Cut(strings.TrimSpace(text), " ")
	return word, strings.TrimSpace(rest)
}
