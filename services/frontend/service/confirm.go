package service

import (
	"net/http"
	"net/url"
	"strconv"

	"blogplatform.io/operator/services/internal/problem"
)

// confirmPage asks whether somebody means it, and says what will happen. Its
// form goes to the address of the page.
type confirmPage struct {
	// Question names the thing, Text says what happens to it.
	Question, Text string
	// Do is on the button; Back leads to where all stays as it is.
	Do, Back string
	// Gentle is set for what harms nobody.
	Gentle bool
	// Reason is a field for why, nil for none.
	Reason   *field
	Problems []formProblem
}

// confirm asks, or asks again, with what is wrong with the form.
func (s *site) confirm(w http.ResponseWriter, r *http.Request, form form, page confirmPage) {
	page.Problems = form.Problems
	s.render(w, r, form.status(), document{Template: "confirm", Title: page.Question, Wide: true, Page: page})
}

// tabs are pages that belong together.
type tabs struct {
	Label string
	Items []tab
}

type tab struct {
	Path, Label string
	Current     bool
}

// queryOf returns what the address says about a name, nil for nothing.
func queryOf(r *http.Request, name string) *string {
	if value := r.URL.Query().Get(name); value != "" {
		return &value
	}
	return nil
}

// queryID returns the id that the address gives a name, nil for none. What is no
// number is found nowhere.
func queryID(r *http.Request, name string) (*int64, error) {
	text := queryOf(r, name)
	if text == nil {
		return nil, nil
	}
	id, err := strconv.ParseInt(*text, 10, 64)
	if err != nil || id < 1 {
		return nil, &problem.Error{Status: http.StatusNotFound}
	}
	return &id, nil
}

// further returns the address of a list's next page, which begins after next.
func further(r *http.Request, name, next string) string {
	values := r.URL.Query()
	values.Set(name, next)
	return (&url.URL{Path: r.URL.Path, RawQuery: values.Encode()}).String()
}

// unlisted makes a page that is not there of a service's complaint about a
// list's address, which nobody typed into a form.
func unlisted(err error) error {
	if statusOf(err) == http.StatusBadRequest {
		return &problem.Error{Status: http.StatusNotFound}
	}
	return err
}
