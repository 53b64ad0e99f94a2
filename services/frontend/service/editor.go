package service

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
)

// maxText is how many characters a text has, as the content service has it.
const maxText = 200_000

// editorBody is how many bytes a request with a text may have: each of its
// characters is at most four bytes, and a form sends a byte as up to three.
const editorBody = 12*maxText + 64<<10

// editorFields are those of a post's form, by the names of the service's document.
var editorFields = []string{"title", "body", "summary", "tags", "categoryId", "slug"}

// editorPage is for a post that is not saved yet (no ID), or one that is.
type editorPage struct {
	ID   int64
	Post content.Manuscript
	// Base is the revision that the text began with, Sequence counts how often
	// it was kept since.
	Base, Sequence string
	// Key tells the service that a new post was sent before.
	Key                                        string
	Title, Body, Summary, Tags, Category, Slug field
	Problems                                   []formProblem
	Preview                                    content.Preview
	// Status says how the text stands.
	Status string
	// Kept is when what is shown was kept without being saved, nil for what is saved.
	Kept *time.Time
	// Theirs is what somebody else saved in the meantime, nil for no conflict.
	Theirs *theirs
}

// theirs is what somebody else saved.
type theirs struct {
	content.Manuscript
	// Differing are the labels and values of what differs, but for the text.
	Differing []differing
}

type differing struct{ Label, Value string }

// Action is where the editor sends its form.
func (p editorPage) Action() string {
	if p.ID == 0 {
		return "/write/new"
	}
	return writePath(p.ID) + "/edit"
}

// Keep is where the editor sends what is being typed.
func (p editorPage) Keep() string {
	if p.ID == 0 {
		return "/write/preview"
	}
	return writePath(p.ID) + "/draft"
}

// Back is where closing the editor leads.
func (p editorPage) Back() string {
	if p.ID == 0 {
		return "/write"
	}
	return writePath(p.ID)
}

// CanSubmit says that saving and handing in can be one step.
func (p editorPage) CanSubmit() bool {
	return p.Theirs == nil && (p.ID == 0 || slices.Contains(p.Post.May, content.ActionSubmit))
}

// editorForm reads what was sent.
func editorForm(r *http.Request) form {
	return formOf(r, append([]string{"base", "sequence", "key", "do"}, editorFields...)...)
}

// formOfManuscript holds what is saved.
func formOfManuscript(m content.Manuscript) form {
	values := map[string]string{
		"title": m.Title, "summary": m.Summary, "body": m.Body, "slug": m.Slug, "tags": strings.Join(m.Tags, ", "),
		"base": strconv.FormatInt(m.Revision, 10), "sequence": "0",
	}
	if m.CategoryID != nil {
		values["categoryId"] = strconv.FormatInt(*m.CategoryID, 10)
	}
	return newForm(values)
}

// manuscriptInput is what the form says of a post. An empty slug is not sent:
// the service makes one, or keeps what there is.
func manuscriptInput(f form) (content.ManuscriptInput, error) {
	tags := []string{}
	for tag := range strings.SplitSeq(f.Value("tags"), ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	in := content.ManuscriptInput{Title: strings.TrimSpace(f.Value("title")), Body: f.Value("body"), Summary: new(strings.TrimSpace(f.Value("summary"))), Tags: &tags}
	if slug := strings.TrimSpace(f.Value("slug")); slug != "" {
		in.Slug = &slug
	}
	if text := f.Value("categoryId"); text != "" {
		category, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return in, &problem.Error{Status: http.StatusBadRequest}
		}
		in.CategoryID = &category
	}
	return in, nil
}

// newPost serves GET /write/new, and POST, which saves a post for the first time.
func (s *site) newPost(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodGet {
		s.showEditor(w, r, http.StatusOK, newForm(map[string]string{"sequence": "0", "key": rand.Text()}), editorPage{})
		return nil
	}
	form := editorForm(r)
	if form.Value("do") == "preview" {
		s.showEditor(w, r, http.StatusOK, form, editorPage{})
		return nil
	}
	in, err := manuscriptInput(form)
	if err != nil {
		return err
	}
	params := &content.CreateManuscriptParams{}
	if key := form.Value("key"); key != "" {
		params.IdempotencyKey = &key
	}
	answer, err := s.backends.content.CreateManuscriptWithResponse(r.Context(), params, in, visitorOf(r.Context()).asContent)
	var m content.Manuscript
	if err == nil {
		if made := answer.JSON200; made != nil {
			return s.savedBefore(w, r, form, *made)
		}
		m, err = rest.Result(answer.JSON201, answer.HTTPResponse, answer.Body)
	}
	if err != nil {
		return s.saveRefused(w, r, form, editorPage{}, fmt.Errorf("create a manuscript: %w", err))
	}
	return s.saved(w, r, form, m)
}

// savedBefore answers to a new post that was sent before: sent twice, or again
// after the browser went back. What was written since is saved on top of it.
func (s *site) savedBefore(w http.ResponseWriter, r *http.Request, form form, m content.Manuscript) error {
	if strings.TrimSpace(form.Value("title")) == m.Title && form.Value("body") == m.Body && strings.TrimSpace(form.Value("summary")) == m.Summary {
		return s.saved(w, r, form, m)
	}
	s.showConflict(w, r, form, m)
	return nil
}

// editPost serves GET /write/{id}/edit, and POST, which saves.
func (s *site) editPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodGet {
		return s.openEditor(w, r, id)
	}
	form := editorForm(r)
	if form.Value("do") == "preview" {
		s.showEditor(w, r, http.StatusOK, form, s.editorPage(r.Context(), id))
		return nil
	}
	base, err := revisionOf(r)
	if err != nil {
		return err
	}
	in, err := manuscriptInput(form)
	if err != nil {
		return err
	}
	answer, err := s.backends.content.SaveManuscriptWithResponse(r.Context(), id, &content.SaveManuscriptParams{IfMatch: new(input.ETag(base))}, in, visitorOf(r.Context()).asContent)
	var m content.Manuscript
	if err == nil {
		if conflict := answer.ApplicationProblemJSON412; conflict != nil {
			s.showConflict(w, r, form, conflict.Theirs)
			return nil
		}
		m, err = rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	}
	if err != nil {
		return s.saveRefused(w, r, form, s.editorPage(r.Context(), id), fmt.Errorf("save manuscript %d: %w", id, err))
	}
	return s.saved(w, r, form, m)
}

// openEditor shows what was typed last, saved or not. An unsaved text keeps the
// revision it began with, so that saving it over somebody else's is a conflict.
func (s *site) openEditor(w http.ResponseWriter, r *http.Request, id int64) error {
	m, err := s.findManuscript(r.Context(), id)
	if err != nil {
		return err
	}
	if !slices.Contains(m.May, content.ActionEdit) {
		redirect(w, r, writePath(id))
		return nil
	}
	draft, err := s.draft(r.Context(), id)
	if err != nil {
		return err
	}
	page, form := editorPage{ID: id, Post: m}, formOfManuscript(m)
	if draft != nil {
		form.values["sequence"] = strconv.FormatInt(draft.Sequence, 10)
	}
	if draft != nil && differs(*draft, m) {
		page.Kept = &draft.SavedAt
		form.values["title"], form.values["summary"], form.values["body"] = draft.Title, draft.Summary, draft.Body
		form.values["base"] = strconv.FormatInt(draft.BaseRevision, 10)
	}
	s.showEditor(w, r, http.StatusOK, form, page)
	return nil
}

// editorPage is that of a post of which a form was sent. The form is shown
// whether or not the post can be read now.
func (s *site) editorPage(ctx context.Context, id int64) editorPage {
	m, err := s.findManuscript(ctx, id)
	if err != nil {
		slog.WarnContext(ctx, "the editor is shown without what is saved", "error", err)
	}
	return editorPage{ID: id, Post: m}
}

// saveRefused shows the form again, with what is wrong with it or with the blog:
// nothing that was typed is lost.
func (s *site) saveRefused(w http.ResponseWriter, r *http.Request, form form, page editorPage, err error) error {
	if status := statusOf(err); status == 0 || status >= http.StatusInternalServerError {
		slog.ErrorContext(r.Context(), "a text is not saved", "error", err)
		form.refuse("", s.messages.text("editor.unavailable"))
		w.Header().Set("Retry-After", "5")
		s.showEditor(w, r, http.StatusServiceUnavailable, form, page)
		return nil
	}
	if form.refusedBy(err, editorFields...) {
		s.showEditor(w, r, form.status(), form, page)
		return nil
	}
	return err
}

// showConflict shows both versions. Saving again is on top of what it shows.
func (s *site) showConflict(w http.ResponseWriter, r *http.Request, form form, m content.Manuscript) {
	form.values["base"] = strconv.FormatInt(m.Revision, 10)
	other := &theirs{Manuscript: m}
	saved := formOfManuscript(m)
	for _, name := range []string{"title", "summary", "tags", "slug"} {
		if mine := strings.TrimSpace(form.Value(name)); mine != saved.Value(name) && (name != "slug" || mine != "") {
			other.Differing = append(other.Differing, differing{s.messages.text("editor." + name), saved.Value(name)})
		}
	}
	s.showEditor(w, r, http.StatusConflict, form, editorPage{ID: m.ID, Post: m, Theirs: other})
}

// saved goes back to the editor, or hands the post in if that was asked for.
func (s *site) saved(w http.ResponseWriter, r *http.Request, form form, m content.Manuscript) error {
	if form.Value("do") != "submit" {
		s.tell(w, "notice.saved")
		redirect(w, r, writePath(m.ID)+"/edit")
		return nil
	}
	if err := s.transition(r.Context(), m.ID, m.Revision, content.Transition{Action: content.TransitionActionSubmit}); err != nil && !s.isInReview(r.Context(), m.ID, err) {
		return err
	}
	s.tell(w, "notice.post.submit")
	redirect(w, r, writePath(m.ID))
	return nil
}

// isInReview reports whether a post could not be handed in because it was, as when
// the form is sent twice.
func (s *site) isInReview(ctx context.Context, id int64, err error) bool {
	if status := statusOf(err); status != http.StatusConflict && status != http.StatusPreconditionFailed {
		return false
	}
	m, err := s.findManuscript(ctx, id)
	return err == nil && m.State == content.StateInReview
}

// showEditor shows the form of a post. What only helps to fill it in may be missing.
func (s *site) showEditor(w http.ResponseWriter, r *http.Request, status int, form form, page editorPage) {
	text := s.messages.text
	if form.Value("body") != "" && page.Theirs == nil {
		var err error
		page.Preview, err = s.preview(r.Context(), form.Value("body"))
		switch {
		case err == nil:
			page.Status = s.measured(page.Preview)
		case form.Problem("body") != "":
		case bodyRefused(err) != "":
			form.refuse("body", bodyRefused(err))
		default:
			slog.WarnContext(r.Context(), "the editor is shown without a preview", "error", err)
		}
	}
	page.Base, page.Sequence, page.Key, page.Problems = form.Value("base"), form.Value("sequence"), form.Value("key"), form.Problems
	page.Title = form.field(field{Name: "title", Label: text("editor.title"), Required: true})
	page.Body = form.field(field{Name: "body", Label: text("editor.body"), Rows: 18})
	page.Summary = form.field(field{Name: "summary", Label: text("editor.summary"), Help: text("editor.summary.help"), Rows: 3})
	page.Tags = form.field(field{Name: "tags", Label: text("editor.tags"), Help: text("editor.tags.help")})
	page.Slug = form.field(field{Name: "slug", Label: text("editor.slug"), Help: text("editor.slug.help")})
	page.Category = form.field(field{Name: "categoryId", Label: text("editor.category"), Options: s.categoryOptions(r, form.Value("categoryId"))})
	title := text("editor.new")
	switch {
	case page.Theirs != nil:
		title, page.Body.Label = text("conflict.title"), text("conflict.yours")
	case page.ID > 0:
		title = text("editor.edit", cmp.Or(page.Post.Title, form.Value("title")))
	}
	s.render(w, r, status, document{Template: "editor", Title: title, Wide: true, Asset: "editor.js", Page: page})
}

// categoryOptions are the categories to choose from. While they cannot be had
// the choice stays as it is.
func (s *site) categoryOptions(r *http.Request, chosen string) []option {
	none := s.messages.text("editor.category.none")
	categories, err := s.categories(r)
	if err == nil {
		return choiceOf(none, categories)
	}
	slog.WarnContext(r.Context(), "the editor is shown without categories", "error", err)
	options := choiceOf(none, nil)
	if chosen != "" {
		options = append(options, option{chosen, s.messages.text("editor.category.same")})
	}
	return options
}

func (s *site) preview(ctx context.Context, body string) (content.Preview, error) {
	answer, err := s.backends.content.PreviewWithResponse(ctx, content.PreviewInput{Body: body}, visitorOf(ctx).asContent)
	if err != nil {
		return content.Preview{}, fmt.Errorf("preview a text: %w", err)
	}
	shown, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return content.Preview{}, fmt.Errorf("preview a text: %w", err)
	}
	return shown, nil
}

// bodyRefused returns what is wrong with a text that costs too much to show, as
// a sentence, empty for another error. Such a text can still be written on.
func bodyRefused(err error) string {
	var said *rest.StatusError
	if !errors.As(err, &said) || said.Problem.Field != "body.body" {
		return ""
	}
	return sentence(strings.TrimPrefix(said.Problem.Detail, said.Problem.Field))
}

// keptText is what the editor's script gets to know.
type keptText struct {
	// Status is a line that says how the text stands; {time} in it is At, as the
	// person's clock shows it.
	Status string     `json:"status"`
	At     *time.Time `json:"at,omitempty"`
	// HTML is the preview.
	HTML string `json:"html"`
	// Newer says that another window has kept a text that this one has not seen.
	Newer bool `json:"newer"`
	// Refused says that the text cannot be shown, and not be saved as it is.
	Refused bool `json:"refused"`
}

// refused returns the answer for a text that cannot be shown.
func (k keptText) refused(reason string) keptText {
	k.Status, k.Refused, k.HTML = reason, true, "<p>"+html.EscapeString(reason)+"</p>"
	return k
}

// previewText serves POST /write/preview, for a text that is not saved yet.
func (s *site) previewText(w http.ResponseWriter, r *http.Request) error {
	shown, err := s.preview(r.Context(), editorForm(r).Value("body"))
	if reason := bodyRefused(err); reason != "" {
		return sendKept(w, keptText{}.refused(reason))
	}
	if err != nil {
		return err
	}
	return sendKept(w, keptText{Status: s.messages.text("editor.counted", s.measured(shown)), HTML: string(s.prose(shown.HTML))})
}

// keepDraft serves POST /write/{id}/draft, which keeps what is being typed.
func (s *site) keepDraft(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	base, err := revisionOf(r)
	if err != nil {
		return err
	}
	form := editorForm(r)
	sequence, err := strconv.ParseInt(form.Value("sequence"), 10, 64)
	if err != nil {
		return &problem.Error{Status: http.StatusBadRequest}
	}
	in := content.DraftInput{BaseRevision: base, Sequence: sequence, Title: form.Value("title"), Summary: new(form.Value("summary")), Body: form.Value("body")}
	answer, err := s.backends.content.PutDraftWithResponse(r.Context(), id, in, visitorOf(r.Context()).asContent)
	if err != nil {
		return fmt.Errorf("keep the draft of manuscript %d: %w", id, err)
	}
	draft, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if form.refusedBy(err, editorFields...) && statusOf(err) == http.StatusBadRequest {
		return sendKept(w, keptText{}.refused(s.messages.text("editor.notkept", s.firstProblem(form))))
	}
	if err != nil {
		return fmt.Errorf("keep the draft of manuscript %d: %w", id, err)
	}
	shown, err := s.preview(r.Context(), in.Body)
	if reason := bodyRefused(err); reason != "" {
		return sendKept(w, keptText{At: &draft.SavedAt}.refused(s.messages.text("editor.kept", reason)))
	}
	if err != nil {
		return err
	}
	kept := keptText{Status: s.messages.text("editor.kept", s.measured(shown)), At: &draft.SavedAt, HTML: string(s.prose(shown.HTML))}
	if draft.Title != in.Title || draft.Body != in.Body || draft.Summary != *in.Summary {
		kept.Newer, kept.Status = true, s.messages.text("editor.newer")
	}
	return sendKept(w, kept)
}

// firstProblem says what is wrong, and with which field.
func (s *site) firstProblem(f form) string {
	first := f.Problems[0]
	if first.Field == "" {
		return first.Text
	}
	return s.messages.text("editor."+first.Field) + ": " + first.Text
}

// measured says how long a text is.
func (s *site) measured(shown content.Preview) string {
	text := s.messages.text("post.words", shown.Words) + " · " + s.messages.text("post.minutes", shown.ReadingMinutes)
	if shown.Pictures != nil {
		text += " · " + s.messages.text("editor.pictures", *shown.Pictures)
	}
	return text
}

func sendKept(w http.ResponseWriter, kept keptText) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, no-store")
	return json.NewEncoder(w).Encode(kept)
}

// discardDraft serves POST /write/{id}/draft/discard, which goes back to what is saved.
func (s *site) discardDraft(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	answer, err := s.backends.content.DeleteDraftWithResponse(r.Context(), id, visitorOf(r.Context()).asContent)
	if err == nil {
		err = done(answer.HTTPResponse, answer.Body)
	}
	if err != nil {
		return fmt.Errorf("discard the draft of manuscript %d: %w", id, err)
	}
	s.tell(w, "notice.post.discarded")
	redirect(w, r, writePath(id)+"/edit")
	return nil
}
