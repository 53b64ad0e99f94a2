package service

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
)

// policies are how comments can be taken, the usual one first.
var policies = []comment.Policy{comment.HoldNew, comment.HoldAll, comment.Open, comment.Closed}

func (s *site) settingsTabs(at string) tabs {
	return tabs{s.messages.text("settings.tabs"), []tab{
		{"/admin/settings", s.messages.text("settings.title"), at == "settings"},
		{"/admin/settings/topics", s.messages.text("taxonomy.title"), at == "topics"},
	}}
}

// settingsPage has a form for the blog and one for its comments.
type settingsPage struct {
	Tabs           tabs
	Blog, Comments settingsForm
	// Fields are those of the blog.
	Fields   []field
	Policies []option
	// Policy is the chosen one.
	Policy string
}

// settingsForm is based on a revision: what somebody else saved after it is not
// overwritten unseen.
type settingsForm struct {
	Revision int64
	Problems []formProblem
}

// settings serves GET /admin/settings, and POST, which changes those of the blog.
func (s *site) settings(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return s.showSettings(w, r, nil, nil)
	}
	form := formOf(r, "name", "description", "language", "postsPerPage")
	revision, err := revisionOf(r)
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(form.Value("postsPerPage"))
	if err != nil {
		form.refuse("postsPerPage", s.messages.text("settings.count.wrong"))
		return s.showSettings(w, r, &form, nil)
	}
	change := content.SettingsInput{
		Name: form.Value("name"), Description: strings.ReplaceAll(form.Value("description"), "\n", " "), Language: form.Value("language"), PostsPerPage: count,
	}
	answer, err := s.backends.content.UpdateSettingsWithResponse(r.Context(), &content.UpdateSettingsParams{IfMatch: new(input.ETag(revision))}, change,
		visitorOf(r.Context()).asContent)
	if err == nil {
		_, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	}
	if err != nil {
		if s.settingsRefused(&form, err, "name", "description", "language", "postsPerPage") {
			return s.showSettings(w, r, &form, nil)
		}
		return fmt.Errorf("change the blog's settings: %w", err)
	}
	s.blog.forget()
	s.tell(w, "notice.settings")
	redirect(w, r, "/admin/settings")
	return nil
}

// commentSettings serves POST /admin/settings/comments.
func (s *site) commentSettings(w http.ResponseWriter, r *http.Request) error {
	form := formOf(r, "policy")
	revision, err := revisionOf(r)
	if err != nil {
		return err
	}
	answer, err := s.backends.comment.UpdateSettingsWithResponse(r.Context(), &comment.UpdateSettingsParams{IfMatch: new(input.ETag(revision))},
		comment.SettingsInput{Policy: comment.Policy(form.Value("policy"))}, visitorOf(r.Context()).asComment)
	if err == nil {
		_, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	}
	if err != nil {
		if s.settingsRefused(&form, err, "policy") {
			return s.showSettings(w, r, nil, &form)
		}
		return fmt.Errorf("change how comments are taken: %w", err)
	}
	s.tell(w, "notice.settings")
	redirect(w, r, "/admin/settings")
	return nil
}

// revisionOf returns the revision that a form is based on.
func revisionOf(r *http.Request) (int64, error) {
	revision, err := strconv.ParseInt(r.PostFormValue("base"), 10, 64)
	if err != nil {
		return 0, &problem.Error{Status: http.StatusBadRequest}
	}
	return revision, nil
}

// settingsRefused reports whether the form can be shown again with what is wrong.
// Who was slower than somebody else sees theirs to be replaced.
func (s *site) settingsRefused(form *form, err error, fields ...string) bool {
	if statusOf(err) == http.StatusPreconditionFailed {
		form.refuse("", s.messages.text("settings.conflict"))
		return true
	}
	return form.refusedBy(err, fields...)
}

// showSettings shows the forms as they were sent, nil for what is known.
func (s *site) showSettings(w http.ResponseWriter, r *http.Request, blog, comments *form) error {
	known, taken, err := s.readSettings(r.Context())
	if err != nil {
		return err
	}
	status := http.StatusOK
	if blog == nil {
		blog = new(newForm(map[string]string{
			"name": known.Name, "description": known.Description, "language": known.Language, "postsPerPage": strconv.Itoa(known.PostsPerPage),
		}))
	} else {
		status = blog.status()
	}
	if comments == nil {
		comments = new(newForm(map[string]string{"policy": string(taken.Policy)}))
	} else {
		status = comments.status()
	}
	text := s.messages.text
	page := settingsPage{
		Tabs: s.settingsTabs("settings"),
		Blog: settingsForm{known.Revision, blog.Problems}, Comments: settingsForm{taken.Revision, comments.Problems},
		Fields: []field{
			blog.field(field{Name: "name", Label: text("settings.name"), Required: true}),
			blog.field(field{Name: "description", Label: text("settings.description"), Help: text("settings.description.help"), Rows: 3}),
			blog.field(field{Name: "language", Label: text("settings.language"), Help: text("settings.language.help"), Required: true}),
			blog.field(field{Name: "postsPerPage", Label: text("settings.count"), Help: text("settings.count.help"), Required: true, Numeric: true}),
		},
		Policy: comments.Value("policy"),
	}
	for _, policy := range policies {
		page.Policies = append(page.Policies, option{string(policy), text("policy." + string(policy))})
	}
	s.render(w, r, status, document{Template: "settings", Title: text("settings.title"), Wide: true, Page: page})
	return nil
}

// readSettings returns the blog's settings and how comments are taken.
func (s *site) readSettings(ctx context.Context) (blog content.Settings, comments comment.Settings, err error) {
	asks, ctx := errgroup.WithContext(ctx)
	asks.Go(func() error {
		answer, err := s.backends.content.GetSettingsWithResponse(ctx)
		if err != nil {
			return fmt.Errorf("get the blog's settings: %w", err)
		}
		if blog, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body); err != nil {
			return fmt.Errorf("get the blog's settings: %w", err)
		}
		return nil
	})
	asks.Go(func() error {
		answer, err := s.backends.comment.GetSettingsWithResponse(ctx)
		if err != nil {
			return fmt.Errorf("get how comments are taken: %w", err)
		}
		if comments, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body); err != nil {
			return fmt.Errorf("get how comments are taken: %w", err)
		}
		return nil
	})
	return blog, comments, asks.Wait()
}
