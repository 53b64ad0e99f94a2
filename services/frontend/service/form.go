package service

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"blogplatform.io/operator/services/internal/rest"
)

// form is what a person typed, and what is wrong with it.
type form struct {
	values map[string]string
	// Problems are in the order of the page; those without a field first.
	Problems []formProblem
}

// formProblem is one thing that is wrong.
type formProblem struct{ Field, Text string }

// newForm returns a form with values to begin with, or with what the request sent.
func newForm(values map[string]string) form { return form{values: values} }

// formOf reads the named fields of a request. Line ends are as in texts, not as
// browsers send them, and a byte order mark that came with a paste is left out.
func formOf(r *http.Request, names ...string) form {
	f := form{values: map[string]string{}}
	for _, name := range names {
		f.values[name] = strings.ReplaceAll(strings.TrimPrefix(r.PostFormValue(name), "\ufeff"), "\r\n", "\n")
	}
	return f
}

// Value is what a field holds.
func (f form) Value(name string) string { return f.values[name] }

// Problem is what is wrong with a field, empty for nothing.
func (f form) Problem(name string) string {
	for _, p := range f.Problems {
		if p.Field == name {
			return p.Text
		}
	}
	return ""
}

// refuse adds a problem.
func (f *form) refuse(field, text string) { f.Problems = append(f.Problems, formProblem{field, text}) }

// refusedBy takes over what a service says is wrong with what was typed, and
// reports whether it said that. fields are the names of the document's members.
func (f *form) refusedBy(err error, fields ...string) bool {
	var said *rest.StatusError
	if !errors.As(err, &said) {
		return false
	}
	switch said.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusConflict, http.StatusTooManyRequests, http.StatusForbidden:
	default:
		return false
	}
	at := strings.TrimPrefix(said.Problem.Field, "body.")
	for _, field := range fields {
		if at == field || strings.HasPrefix(at, field+"[") {
			f.refuse(field, sentence(strings.TrimPrefix(said.Problem.Detail, said.Problem.Field)))
			return true
		}
	}
	f.refuse("", sentence(strings.TrimPrefix(said.Problem.Detail, said.Problem.Field)))
	return true
}

// sentence makes one of what follows the name of a field.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// field is an input as the template "field" shows it.
type field struct {
	Name, Label, Help, Value, Problem string
	// Required inputs are marked. None has a length: browsers would cut what is
	// pasted without a word, while the service says what is wrong and the text stays.
	Required bool
	// Rows makes it a text area.
	Rows int
	// Options make it a choice.
	Options      []option
	Autocomplete string
	// Numeric asks small screens for a keyboard of digits.
	Numeric bool
}

// option is one that can be chosen.
type option struct{ Value, Label string }

// DescribedBy names the elements that say more about the field.
func (f field) DescribedBy() string {
	var ids []string
	if f.Help != "" {
		ids = append(ids, f.Name+"-help")
	}
	if f.Problem != "" {
		ids = append(ids, f.Name+"-problem")
	}
	return strings.Join(ids, " ")
}

// field returns an input with what the form knows of it.
func (f form) field(template field) field {
	template.Value, template.Problem = f.Value(template.Name), f.Problem(template.Name)
	return template
}

// status is what a page with the form is answered with.
func (f form) status() int {
	if len(f.Problems) > 0 {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}
