package service

import (
	"fmt"
	"net/http"
	"strings"

	"blogplatform.io/operator/services/internal/rest"
	user "blogplatform.io/operator/services/user/client"
)

// lockPerson serves GET /admin/people/{id}/lock, which says what will happen and
// asks why, and POST, which does it.
func (s *site) lockPerson(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	v := visitorOf(r.Context())
	person, err := s.account(r.Context(), v, id)
	if err != nil {
		return err
	}
	form := formOf(r, "reason")
	switch reason := form.Value("reason"); {
	case r.Method != http.MethodPost:
	case strings.TrimSpace(reason) == "":
		form.refuse("reason", s.messages.text("lock.reason.missing"))
	default:
		answer, err := s.backends.user.LockAccountWithResponse(r.Context(), id, user.Lock{Reason: reason}, v.asUser)
		if err == nil {
			_, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
		}
		if err == nil {
			s.tell(w, "notice.person.locked")
			redirect(w, r, person.Path())
			return nil
		}
		if !form.refusedBy(err, "reason") {
			return fmt.Errorf("lock person %d: %w", id, err)
		}
	}
	s.confirm(w, r, form, confirmPage{
		Question: s.messages.text("lock.question", person.DisplayName), Text: s.messages.text("lock.text"),
		Do: s.messages.text("lock.go"), Back: person.Path(),
		Reason: new(form.field(field{
			Name: "reason", Label: s.messages.text("lock.reason"), Help: s.messages.text("lock.reason.help"), Required: true,
		})),
	})
	return nil
}

// unlockPerson serves GET /admin/people/{id}/unlock, which says what will happen,
// and POST, which does it.
func (s *site) unlockPerson(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	v := visitorOf(r.Context())
	unlocked, err := s.confirmed(w, r, func() error {
		answer, err := s.backends.user.UnlockAccountWithResponse(r.Context(), id, v.asUser)
		if err == nil {
			_, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
		}
		if err != nil {
			return fmt.Errorf("unlock person %d: %w", id, err)
		}
		return nil
	}, func() (confirmPage, error) {
		person, err := s.account(r.Context(), v, id)
		return confirmPage{
			Question: s.messages.text("unlock.question", person.DisplayName), Text: s.messages.text("unlock.text"),
			Do: s.messages.text("unlock.go"), Back: personPath(id), Gentle: true,
		}, err
	})
	if unlocked {
		s.tell(w, "notice.person.unlocked")
		redirect(w, r, personPath(id))
	}
	return err
}

// retryLock serves POST /admin/people/{id}/retry, which has the provider told again.
func (s *site) retryLock(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	answer, err := s.backends.user.RetryLockWithResponse(r.Context(), id, visitorOf(r.Context()).asUser)
	if err == nil {
		_, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	}
	if err != nil {
		return fmt.Errorf("have the provider told of person %d: %w", id, err)
	}
	s.tell(w, "notice.person.retry")
	redirect(w, r, personPath(id))
	return nil
}
