package service

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/token"
	user "blogplatform.io/operator/services/user/client"
)

// exportPage is how many things an export asks for at once.
const exportPage = 100

type mePage struct {
	Me       user.Me
	Sessions []user.SessionInfo
	Name     field
	Problems []formProblem
}

// me serves GET /me, and POST, which changes the profile.
func (s *site) me(w http.ResponseWriter, r *http.Request) error {
	visit := visitOf(r.Context())
	var form form
	if r.Method == http.MethodPost {
		form = formOf(r, "displayName")
		answer, err := s.backends.user.UpdateMeWithResponse(r.Context(), user.MeChange{DisplayName: form.Value("displayName")}, visit.visitor.asUser)
		if err != nil {
			return err
		}
		_, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
		if err == nil {
			s.exchanges.forget(visit.session)
			s.tell(w, "notice.saved")
			redirect(w, r, "/me")
			return nil
		}
		if !form.refusedBy(err, "displayName") {
			return err
		}
	}
	page, err := s.readMe(r.Context(), visit.visitor)
	if err != nil {
		return err
	}
	if r.Method != http.MethodPost {
		form = newForm(map[string]string{"displayName": page.Me.DisplayName})
	}
	page.Name = form.field(field{
		Name: "displayName", Label: s.messages.text("me.name"), Help: s.messages.text("me.name.help"), Required: true, Autocomplete: "name",
	})
	page.Problems = form.Problems
	s.render(w, r, form.status(), document{Template: "me", Title: s.messages.text("me.title"), Page: page})
	return nil
}

func (s *site) readMe(ctx context.Context, v *visitor) (mePage, error) {
	var page mePage
	asks, ctx := errgroup.WithContext(ctx)
	asks.Go(func() error {
		answer, err := s.backends.user.GetMeWithResponse(ctx, v.asUser)
		if err != nil {
			return fmt.Errorf("get the profile: %w", err)
		}
		page.Me, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
		return err
	})
	asks.Go(func() error {
		answer, err := s.backends.user.ListMySessionsWithResponse(ctx, v.asUser)
		if err != nil {
			return fmt.Errorf("list sessions: %w", err)
		}
		sessions, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
		page.Sessions = sessions.Sessions
		return err
	})
	return page, asks.Wait()
}

// endSession serves POST /me/sessions/{id}/end.
func (s *site) endSession(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	visit := visitOf(r.Context())
	answer, err := s.backends.user.EndMySessionWithResponse(r.Context(), id, visit.visitor.asUser)
	if err != nil {
		return err
	}
	if err := gone(done(answer.HTTPResponse, answer.Body)); err != nil {
		return err
	}
	s.exchanges.forget(visit.session)
	s.tell(w, "notice.ended")
	redirect(w, r, "/me")
	return nil
}

// export is everything that the blog keeps about a person.
type export struct {
	Account  user.Export          `json:"account"`
	Comments []comment.Comment    `json:"comments"`
	Posts    []content.Manuscript `json:"posts"`
}

// exportMe serves GET /me/export.
func (s *site) exportMe(w http.ResponseWriter, r *http.Request) error {
	if isFromElsewhere(r) {
		s.crossOrigin(w, r)
		return nil
	}
	v := visitorOf(r.Context())
	all := export{Comments: []comment.Comment{}, Posts: []content.Manuscript{}}
	answer, err := s.backends.user.ExportMeWithResponse(r.Context(), v.asUser)
	if err != nil {
		return fmt.Errorf("export the account: %w", err)
	}
	if all.Account, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body); err != nil {
		return fmt.Errorf("export the account: %w", err)
	}
	if all.Comments, err = s.ownComments(r.Context(), v); err != nil {
		return err
	}
	if v.May(token.Editor) {
		if all.Posts, err = s.ownPosts(r.Context(), v); err != nil {
			return err
		}
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="blog-data.json"`)
	h.Set("Cache-Control", "private, no-store")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	// A browser that went away cannot be told.
	_ = encoder.Encode(all)
	return nil
}

func (s *site) ownComments(ctx context.Context, v *visitor) ([]comment.Comment, error) {
	all := []comment.Comment{}
	params := &comment.ListOwnCommentsParams{Limit: new(exportPage)}
	for {
		answer, err := s.backends.comment.ListOwnCommentsWithResponse(ctx, params, v.asComment)
		if err != nil {
			return nil, fmt.Errorf("list own comments: %w", err)
		}
		list, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
		if err != nil {
			return nil, fmt.Errorf("list own comments: %w", err)
		}
		all = append(all, list.Comments...)
		if params.After = list.Next; list.Next == nil {
			return all, nil
		}
	}
}

func (s *site) ownPosts(ctx context.Context, v *visitor) ([]content.Manuscript, error) {
	all := []content.Manuscript{}
	params := &content.ListManuscriptsParams{Limit: new(exportPage)}
	for {
		answer, err := s.backends.content.ListManuscriptsWithResponse(ctx, params, v.asContent)
		if err != nil {
			return nil, fmt.Errorf("list own posts: %w", err)
		}
		list, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
		if err != nil {
			return nil, fmt.Errorf("list own posts: %w", err)
		}
		for _, summary := range list.Manuscripts {
			answer, err := s.backends.content.GetManuscriptWithResponse(ctx, summary.ID, v.asContent)
			if err != nil {
				return nil, fmt.Errorf("get own post %d: %w", summary.ID, err)
			}
			post, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
			if err != nil {
				return nil, fmt.Errorf("get own post %d: %w", summary.ID, err)
			}
			all = append(all, post)
		}
		if params.After = list.Next; list.Next == nil {
			return all, nil
		}
	}
}

type erasePage struct {
	Problems []formProblem
}

// eraseMe serves GET /me/erase, which says what will happen, and POST, which does it.
func (s *site) eraseMe(w http.ResponseWriter, r *http.Request) error {
	visit := visitOf(r.Context())
	form := form{}
	if r.Method == http.MethodPost {
		if r.PostFormValue("sure") != "yes" {
			form.refuse("sure", s.messages.text("erase.unsure"))
		} else {
			answer, err := s.backends.user.EraseMeWithResponse(r.Context(), visit.visitor.asUser)
			if err != nil {
				return fmt.Errorf("erase the account: %w", err)
			}
			err = done(answer.HTTPResponse, answer.Body)
			if err == nil {
				s.exchanges.forget(visit.session)
				setCookie(w, sessionCookie, "", 0)
				s.tell(w, "notice.erased")
				redirect(w, r, "/")
				return nil
			}
			if !form.refusedBy(err) {
				return err
			}
		}
	}
	s.render(w, r, form.status(), document{Template: "erase", Title: s.messages.text("erase.title"), Page: erasePage{form.Problems}})
	return nil
}

// Names in User-Agent headers, the first that fits: most browsers also claim to
// be one of those further down.
var (
	browsers = []struct{ token, name string }{
		{"Firefox/", "Firefox"}, {"Edg/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}
	systems = []struct{ token, name string }{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	}
)

// browser names the browser that a User-Agent header is from.
func (s *site) browser(agent string) string {
	var name, system string
	for _, b := range browsers {
		if strings.Contains(agent, b.token) {
			name = b.name
			break
		}
	}
	for _, o := range systems {
		if strings.Contains(agent, o.token) {
			system = o.name
			break
		}
	}
	switch {
	case name != "" && system != "":
		return s.messages.text("me.sessions.browser", name, system)
	case name != "":
		return name
	}
	return s.messages.text("me.sessions.unknown")
}
