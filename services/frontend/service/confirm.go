package service

import "net/http"

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

// confirmed does what a page asks about once somebody means it, and reports
// whether it is done. Until then, and when it is refused, the page is shown.
func (s *site) confirmed(w http.ResponseWriter, r *http.Request, do func() error, page func() (confirmPage, error)) (bool, error) {
	form := form{}
	if r.Method == http.MethodPost {
		err := do()
		if err == nil {
			return true, nil
		}
		if !form.refusedBy(err) {
			return false, err
		}
	}
	asked, err := page()
	if err != nil {
		return false, err
	}
	s.confirm(w, r, form, asked)
	return false, nil
}
