package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
)

// manuscriptPage shows a post as its readers will see it, and what the visitor
// may do with it.
type manuscriptPage struct {
	Post     content.Manuscript
	Language string
	Log      []content.LogEntry
	// Unsaved says that the visitor has typed more than is shown.
	Unsaved bool
	// Note is what a reviewer asks for.
	Note     field
	Problems []formProblem
}

// May reports whether the visitor may do it now.
func (p manuscriptPage) May(action string) bool {
	return slices.Contains(p.Post.May, content.Action(action))
}

// Asked is what a reviewer wants changed, nil when nobody does.
func (p manuscriptPage) Asked() *content.LogEntry {
	if p.Post.State != content.StateChangesRequested {
		return nil
	}
	for _, entry := range p.Log {
		if entry.Action == string(content.ActionRequestChanges) {
			return &entry
		}
	}
	return nil
}

func writePath(id int64) string { return fmt.Sprintf("/write/%d", id) }

// manuscript serves GET /write/{id} and /review/{id}, which show a post, and POST,
// which takes it to another state.
func (s *site) manuscript(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	var form form
	if r.Method == http.MethodPost {
		form = formOf(r, "note")
		action, err := s.move(r, id, form.Value("note"))
		if err == nil {
			s.tell(w, "notice.post."+string(action))
			redirect(w, r, after(r, action))
			return nil
		}
		if errors.Is(err, rest.ErrNotFound) && strings.HasPrefix(r.URL.Path, "/review/") {
			// Somebody else has read it, and it is no longer for reviewers.
			s.tell(w, "notice.post.reviewed")
			redirect(w, r, "/review")
			return nil
		}
		if !s.moveRefused(&form, err) {
			return err
		}
	}
	page, err := s.readManuscript(r.Context(), id)
	if err != nil {
		return err
	}
	page.Problems = form.Problems
	page.Note = form.field(field{
		Name: "note", Label: s.messages.text("manuscript.note"), Help: s.messages.text("manuscript.note.help"), Required: true, Rows: 4,
	})
	s.render(w, r, form.status(), document{Template: "manuscript", Title: page.Post.Title, Wide: true, Page: page})
	return nil
}

// after is where a step leads: who has read one post goes on to the next.
func after(r *http.Request, action content.TransitionAction) string {
	if strings.HasPrefix(r.URL.Path, "/review/") && (action == content.TransitionActionPublish || action == content.TransitionActionRequestChanges) {
		return "/review"
	}
	return r.URL.Path
}

// move takes a post to another state, at the revision that the page showed.
func (s *site) move(r *http.Request, id int64, note string) (content.TransitionAction, error) {
	action := content.TransitionAction(r.PostFormValue("action"))
	base, err := revisionOf(r)
	if err != nil {
		return action, err
	}
	if !action.Valid() {
		return action, &problem.Error{Status: http.StatusBadRequest}
	}
	step := content.Transition{Action: action}
	if note != "" {
		step.Note = &note
	}
	return action, s.transition(r.Context(), id, base, step)
}

func (s *site) transition(ctx context.Context, id, base int64, step content.Transition) error {
	answer, err := s.backends.content.MoveManuscriptWithResponse(ctx, id, &content.MoveManuscriptParams{IfMatch: new(input.ETag(base))}, step, visitorOf(ctx).asContent)
	if err != nil {
		return fmt.Errorf("%s manuscript %d: %w", step.Action, id, err)
	}
	if _, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body); err != nil {
		return fmt.Errorf("%s manuscript %d: %w", step.Action, id, err)
	}
	return nil
}

// moveRefused reports whether the page can be shown again with what is wrong. Who
// was slower than somebody else sees what they changed.
func (s *site) moveRefused(form *form, err error) bool {
	if status := statusOf(err); status == http.StatusPreconditionFailed || status == http.StatusConflict {
		form.refuse("", s.messages.text("manuscript.changed"))
		return true
	}
	return form.refusedBy(err, "note")
}

func (s *site) readManuscript(ctx context.Context, id int64) (manuscriptPage, error) {
	page := manuscriptPage{Language: s.blog.get(ctx).Language}
	var err error
	if page.Post, err = s.findManuscript(ctx, id); err != nil {
		return page, err
	}
	answer, err := s.backends.content.GetManuscriptLogWithResponse(ctx, id, visitorOf(ctx).asContent)
	if err != nil {
		return page, fmt.Errorf("get the log of manuscript %d: %w", id, err)
	}
	log, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return page, fmt.Errorf("get the log of manuscript %d: %w", id, err)
	}
	page.Log = log.Entries
	if page.May("edit") {
		draft, err := s.draft(ctx, id)
		if err != nil {
			return page, err
		}
		page.Unsaved = draft != nil && differs(*draft, page.Post)
	}
	return page, nil
}

func (s *site) findManuscript(ctx context.Context, id int64) (content.Manuscript, error) {
	answer, err := s.backends.content.GetManuscriptWithResponse(ctx, id, visitorOf(ctx).asContent)
	if err != nil {
		return content.Manuscript{}, fmt.Errorf("get manuscript %d: %w", id, err)
	}
	m, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return content.Manuscript{}, fmt.Errorf("get manuscript %d: %w", id, err)
	}
	return m, nil
}

// draft returns what the visitor typed and did not save, nil for nothing.
func (s *site) draft(ctx context.Context, id int64) (*content.Draft, error) {
	answer, err := s.backends.content.GetDraftWithResponse(ctx, id, visitorOf(ctx).asContent)
	if err != nil {
		return nil, fmt.Errorf("get the draft of manuscript %d: %w", id, err)
	}
	draft, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	switch {
	case errors.Is(err, rest.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("get the draft of manuscript %d: %w", id, err)
	}
	return &draft, nil
}

// differs reports whether a draft says something else than what is saved.
func differs(d content.Draft, m content.Manuscript) bool {
	return d.Title != m.Title || d.Summary != m.Summary || d.Body != m.Body
}

// deletePost serves GET /write/{id}/delete, which asks, and POST, which does it.
func (s *site) deletePost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	deleted, err := s.confirmed(w, r, func() error {
		answer, err := s.backends.content.DeleteManuscriptWithResponse(r.Context(), id, visitorOf(r.Context()).asContent)
		if err != nil {
			return fmt.Errorf("delete manuscript %d: %w", id, err)
		}
		return gone(done(answer.HTTPResponse, answer.Body))
	}, func() (confirmPage, error) {
		m, err := s.findManuscript(r.Context(), id)
		return confirmPage{
			Question: s.messages.text("post.delete.question", m.Title), Text: s.messages.text("post.delete.text"),
			Do: s.messages.text("post.delete.go"), Back: writePath(id),
		}, err
	})
	if deleted {
		s.tell(w, "notice.post.deleted")
		redirect(w, r, "/write")
	}
	return err
}
