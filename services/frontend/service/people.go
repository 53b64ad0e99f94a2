package service

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"golang.org/x/sync/errgroup"

	"blogplatform.io/operator/services/internal/rest"
	user "blogplatform.io/operator/services/user/client"
)

const (
	// peopleAtOnce and entriesAtOnce are how much a list shows, entriesOfPerson
	// what the page of a person shows of the audit log.
	peopleAtOnce    = 50
	entriesAtOnce   = 50
	entriesOfPerson = 8
)

var roles = []user.Role{user.Reader, user.Editor, user.Admin}

// account is somebody as an Admin sees them.
type account struct{ user.Account }

// Waiting says that the provider has not followed yet and is going to be asked.
func (a account) Waiting() bool {
	return a.Sync != nil && (a.Sync.State == user.Pending || a.Sync.State == user.Retrying)
}

// Retry says that it helps to tell the provider again.
func (a account) Retry() bool {
	return a.Sync != nil && (a.Sync.State == user.Retrying || a.Sync.State == user.Failed || a.Sync.Drift)
}

// Failure is why the provider has not followed, empty for nothing known.
func (a account) Failure() string {
	if a.Sync == nil || a.Sync.Error == nil {
		return ""
	}
	return sentence(*a.Sync.Error)
}

// Step names how far the provider has followed, so that a browser can ask for
// what came after it.
func (a account) Step() string {
	if a.Sync == nil {
		return ""
	}
	return fmt.Sprintf("%s-%d-%t", a.Sync.State, a.Sync.Attempts, a.Sync.Drift)
}

// Path is the address of the person's page.
func (a account) Path() string { return personPath(a.ID) }

func personPath(id int64) string { return fmt.Sprintf("/admin/people/%d", id) }

func (s *site) peopleTabs(at string) tabs {
	return tabs{s.messages.text("people.tabs"), []tab{
		{"/admin/people", s.messages.text("people.title"), at == "people"},
		{"/admin/people/audit", s.messages.text("audit.title"), at == "audit"},
	}}
}

type peoplePage struct {
	Tabs                 tabs
	Search, Role, Locked field
	// Selected says that not everybody was asked for.
	Selected bool
	People   []account
	More     string
}

// people serves GET /admin/people.
func (s *site) people(w http.ResponseWriter, r *http.Request) error {
	asked := map[string]string{}
	for _, name := range []string{"search", "role", "locked"} {
		asked[name] = r.URL.Query().Get(name)
	}
	after, err := queryID(r, "after")
	if err != nil {
		return err
	}
	params := user.ListPeopleParams{Search: queryOf(r, "search"), After: after, Limit: new(peopleAtOnce)}
	if asked["role"] != "" {
		params.Role = new(user.Role(asked["role"]))
	}
	if asked["locked"] != "" {
		params.Locked = new(asked["locked"] == "true")
	}
	answer, err := s.backends.user.ListPeopleWithResponse(r.Context(), &params, visitorOf(r.Context()).asUser)
	if err != nil {
		return fmt.Errorf("list people: %w", err)
	}
	found, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return fmt.Errorf("list people: %w", unlisted(err))
	}
	page := s.peopleFilter(asked)
	for _, someone := range found.People {
		page.People = append(page.People, account{someone})
	}
	if found.Next != nil {
		page.More = further(r, "after", strconv.FormatInt(*found.Next, 10))
	}
	s.render(w, r, http.StatusOK, document{Template: "people", Title: s.messages.text("people.title"), Wide: true, Page: page})
	return nil
}

// peopleFilter returns the page with the form that was asked with.
func (s *site) peopleFilter(asked map[string]string) peoplePage {
	text, form := s.messages.text, newForm(asked)
	return peoplePage{
		Tabs:     s.peopleTabs("people"),
		Selected: asked["search"] != "" || asked["role"] != "" || asked["locked"] != "",
		Search:   form.field(field{Name: "search", Label: text("people.search")}),
		Role:     form.field(field{Name: "role", Label: text("people.role"), Options: append([]option{{"", text("people.any")}}, s.roleOptions()...)}),
		Locked: form.field(field{Name: "locked", Label: text("people.account"), Options: []option{
			{"", text("people.any")}, {"false", text("account.open")}, {"true", text("account.locked")},
		}}),
	}
}

func (s *site) roleOptions() []option {
	var options []option
	for _, role := range roles {
		options = append(options, option{string(role), s.messages.text("role." + string(role))})
	}
	return options
}

type personPage struct {
	Person account
	// Self says that the visitor looks at their own account.
	Self         bool
	Sessions     []user.SessionInfo
	Audit        []auditLine
	Role, Reason field
	Problems     []formProblem
}

// person serves GET /admin/people/{id}, and POST, which changes the role. To htmx
// it gives how far the provider has followed, once that is news.
func (s *site) person(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	v := visitorOf(r.Context())
	if isPart(r) {
		found, err := s.account(r.Context(), v, id)
		if err != nil {
			return err
		}
		if step := queryOf(r, "step"); step != nil && *step == found.Step() {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return s.fragment(w, r, http.StatusOK, "person", "lock", personPage{Person: found, Self: id == v.ID})
	}
	form := form{}
	if r.Method == http.MethodPost {
		form = formOf(r, "role", "reason")
		err := s.setRole(r.Context(), v, id, form)
		if err == nil {
			s.tell(w, "notice.person.role")
			redirect(w, r, personPath(id))
			return nil
		}
		if !form.refusedBy(err, "role", "reason") {
			return err
		}
	}
	page, err := s.readPerson(r.Context(), v, id)
	if err != nil {
		return err
	}
	if r.Method != http.MethodPost {
		form = newForm(map[string]string{"role": string(page.Person.Role)})
	}
	page.Role = form.field(field{Name: "role", Label: s.messages.text("person.role"), Options: s.roleOptions()})
	page.Reason = form.field(field{Name: "reason", Label: s.messages.text("person.reason")})
	page.Problems = form.Problems
	s.render(w, r, form.status(), document{Template: "person", Title: page.Person.DisplayName, Wide: true, Script: true, Page: page})
	return nil
}

func (s *site) account(ctx context.Context, v *visitor, id int64) (account, error) {
	answer, err := s.backends.user.GetAccountWithResponse(ctx, id, v.asUser)
	if err != nil {
		return account{}, fmt.Errorf("get account %d: %w", id, err)
	}
	found, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return account{}, fmt.Errorf("get account %d: %w", id, err)
	}
	return account{found}, nil
}

func (s *site) readPerson(ctx context.Context, v *visitor, id int64) (personPage, error) {
	page := personPage{Self: id == v.ID}
	asks, ctx := errgroup.WithContext(ctx)
	asks.Go(func() (err error) {
		page.Person, err = s.account(ctx, v, id)
		return err
	})
	asks.Go(func() error {
		answer, err := s.backends.user.ListSessionsWithResponse(ctx, id, v.asUser)
		if err != nil {
			return fmt.Errorf("list the sessions of person %d: %w", id, err)
		}
		sessions, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
		if err != nil {
			return fmt.Errorf("list the sessions of person %d: %w", id, err)
		}
		page.Sessions = sessions.Sessions
		return nil
	})
	asks.Go(func() (err error) {
		page.Audit, _, err = s.auditLines(ctx, v, user.ListAuditParams{Person: &id, Limit: new(entriesOfPerson)})
		return err
	})
	return page, asks.Wait()
}

func (s *site) setRole(ctx context.Context, v *visitor, id int64, form form) error {
	change := user.RoleChange{Role: user.Role(form.Value("role"))}
	if reason := form.Value("reason"); reason != "" {
		change.Reason = &reason
	}
	answer, err := s.backends.user.SetRoleWithResponse(ctx, id, change, v.asUser)
	if err == nil {
		_, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	}
	if err != nil {
		return fmt.Errorf("change the role of person %d: %w", id, err)
	}
	return nil
}

// endSessions serves POST /admin/people/{id}/sessions/end.
func (s *site) endSessions(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	answer, err := s.backends.user.EndSessionsWithResponse(r.Context(), id, visitorOf(r.Context()).asUser)
	if err == nil {
		err = done(answer.HTTPResponse, answer.Body)
	}
	if err != nil {
		return fmt.Errorf("sign person %d out: %w", id, err)
	}
	s.tell(w, "notice.person.signedout")
	redirect(w, r, personPath(id))
	return nil
}

// erasePerson serves GET /admin/people/{id}/erase, which says what will happen,
// and POST, which does it.
func (s *site) erasePerson(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	v := visitorOf(r.Context())
	erased, err := s.confirmed(w, r, func() error {
		answer, err := s.backends.user.EraseAccountWithResponse(r.Context(), id, v.asUser)
		if err == nil {
			err = done(answer.HTTPResponse, answer.Body)
		}
		if err != nil {
			return fmt.Errorf("erase person %d: %w", id, err)
		}
		return nil
	}, func() (confirmPage, error) {
		person, err := s.account(r.Context(), v, id)
		return confirmPage{
			Question: s.messages.text("leave.question", person.DisplayName), Text: s.messages.text("leave.text"),
			Do: s.messages.text("leave.go"), Back: personPath(id),
		}, err
	})
	if erased {
		s.tell(w, "notice.person.erased")
		redirect(w, r, "/admin/people")
	}
	return err
}
