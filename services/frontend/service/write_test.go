package service

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	content "blogplatform.io/operator/services/content/client"
)

// draftPost is a post as its author finds it.
var draftPost = content.Manuscript{
	ID: 5, Title: "First <b> light", Slug: "first-light", Body: "Hello.", Tags: []string{"Light"}, State: content.StateDraft, Revision: 3,
	May: []content.Action{content.ActionEdit, content.ActionSubmit},
}

// newDesk is a town in which that post can be read, and be read about.
func newDesk(t *testing.T) *town {
	t.Helper()
	w := newTown(t)
	w.answers["GET /v1/manuscripts/5"] = ok(draftPost)
	w.answers["GET /v1/manuscripts/5/log"] = ok(content.Log{Entries: []content.LogEntry{{Action: "create", Actor: content.Author{Name: "Rita Fernando"}}}})
	w.answers["POST /v1/preview"] = ok(content.Preview{HTML: "<p>Shown.</p>", Words: 2, ReadingMinutes: 1})
	return w
}

// leads checks that an answer sends the browser somewhere.
func leads(t *testing.T, resp *http.Response, to string) {
	t.Helper()
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != to {
		t.Errorf("answered %d to %q instead of %s: %s", resp.StatusCode, resp.Header.Get("Location"), to, read(t, resp))
	}
}

func TestWritingIsForThoseWhoMay(t *testing.T) {
	w := newDesk(t)
	for _, route := range w.writerRoutes() {
		method, path, _ := strings.Cut(strings.ReplaceAll(route.pattern, "{id}", "5"), " ")
		var form url.Values
		stranger := http.StatusSeeOther
		if method == http.MethodPost {
			form, stranger = url.Values{"base": {"3"}, "sequence": {"1"}, "action": {"submit"}}, http.StatusUnauthorized
		}
		if resp := w.as("", method, path, form); resp.StatusCode != stranger {
			t.Errorf("%s answers strangers %d", route.pattern, resp.StatusCode)
		}
		if resp := w.as("Reader", method, path, form); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers Readers %d", route.pattern, resp.StatusCode)
		}
	}
	if changed := w.changes(); len(changed) > 0 {
		t.Errorf("something was asked for: %v", changed)
	}
}

func TestPostsAreListedByHowTheyStand(t *testing.T) {
	w := newDesk(t)
	w.answers["GET /v1/manuscripts"] = func(r *http.Request) (int, any) {
		query := r.URL.Query()
		list := content.ManuscriptList{Manuscripts: []content.ManuscriptSummary{}}
		if query.Get("state") == "draft" {
			list.Next = new("p 2")
			list.Manuscripts = append(list.Manuscripts, content.ManuscriptSummary{
				ID: 5, Title: "Of " + query.Get("view") + " after " + query.Get("after"), State: content.StateDraft, Author: content.Author{Name: "Noah"}, Words: 1,
			})
		}
		return http.StatusOK, list
	}
	mine := read(t, w.as("Editor", "GET", "/write", nil))
	has(t, mine, "Of mine after ", `href="/write/5"`, "1 word<", `href="/write?state=draft"`, `href="/write/new"`)
	if strings.Contains(mine, "Noah") || strings.Contains(mine, "Everybody") || strings.Contains(mine, "Archived") {
		t.Errorf("an Editor sees what is not theirs, or nothing: %s", mine)
	}
	has(t, read(t, w.as("Editor", "GET", "/write?view=all", nil)), "Of mine")
	has(t, read(t, w.as("Admin", "GET", "/write?view=all", nil)), "Of all", "Noah", `href="/write?state=draft&amp;view=all"`)
	has(t, read(t, w.as("Editor", "GET", "/write?state=draft&after=x", nil)), "Of mine after x", `href="/write?after=p&#43;2&amp;state=draft"`)
	has(t, read(t, w.as("Editor", "GET", "/write?state=archived", nil)), "There is nothing here yet.")
	if resp := w.as("Editor", "GET", "/write?state=lost", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a made-up state: %d", resp.StatusCode)
	}
	has(t, read(t, w.as("Editor", "GET", "/review", nil)), "No post waits")
}

var typed = url.Values{
	"base": {"3"}, "sequence": {"4"}, "title": {" Second light "}, "body": {"Two\r\nlines"}, "summary": {"Short"}, "tags": {"Light, ,Dark ,"},
	"categoryId": {"8"}, "slug": {""}, "do": {"save"},
}

// with is what was typed but for one field.
func with(name, value string) url.Values {
	form := url.Values{}
	for key, values := range typed {
		form[key] = values
	}
	form.Set(name, value)
	return form
}

func TestATextIsSavedOnTopOfWhatItBeganWith(t *testing.T) {
	w := newDesk(t)
	var saved content.ManuscriptInput
	w.answers["PUT /v1/manuscripts/5"] = func(r *http.Request) (int, any) {
		if base := r.Header.Get("If-Match"); base != `"3"` {
			t.Errorf("based on %s", base)
		}
		_ = json.NewDecoder(r.Body).Decode(&saved)
		return http.StatusOK, content.Manuscript{ID: 5, Revision: 4}
	}
	leads(t, w.as("Editor", "POST", "/write/5/edit", typed), "/write/5/edit")
	want := content.ManuscriptInput{Title: "Second light", Body: "Two\nlines", Summary: new("Short"), Tags: &[]string{"Light", "Dark"}, CategoryID: new(int64(8))}
	if diff := cmp.Diff(want, saved); diff != "" {
		t.Error(diff)
	}
	moved := ""
	w.answers["POST /v1/manuscripts/5/transitions"] = func(r *http.Request) (int, any) {
		moved = r.Header.Get("If-Match")
		return http.StatusOK, content.Manuscript{}
	}
	leads(t, w.as("Editor", "POST", "/write/5/edit", with("do", "submit")), "/write/5")
	if moved != `"4"` {
		t.Errorf("handed in at revision %s", moved)
	}
	w.answers["POST /v1/manuscripts"] = func(*http.Request) (int, any) { return http.StatusCreated, content.Manuscript{ID: 6, Revision: 1} }
	leads(t, w.as("Editor", "POST", "/write/new", typed), "/write/6/edit")
	for name, value := range map[string]string{"base": "x", "categoryId": "x"} {
		if resp := w.as("Editor", "POST", "/write/5/edit", with(name, value)); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("a made-up %s: %d", name, resp.StatusCode)
		}
	}
	before := len(w.changes())
	has(t, read(t, w.as("Editor", "POST", "/write/5/edit", with("do", "preview"))), "<p>Shown.</p>", `value=" Second light "`, "2 words · 1 min read")
	if after := w.changes()[before:]; len(after) != 1 || !strings.HasPrefix(after[0], "POST /v1/preview") {
		t.Errorf("looking at a text did %v", after)
	}
}

func TestWhoWasSlowerSeesBothVersions(t *testing.T) {
	w := newDesk(t)
	theirs := draftPost
	theirs.Body, theirs.Revision = "What <they> wrote", 9
	w.answers["PUT /v1/manuscripts/5"] = func(*http.Request) (int, any) {
		return http.StatusPreconditionFailed, content.Conflict{Status: http.StatusPreconditionFailed, Theirs: theirs}
	}
	resp := w.as("Editor", "POST", "/write/5/edit", typed)
	page := read(t, resp)
	has(t, page, "Somebody else was faster", "What &lt;they&gt; wrote", "Two\nlines", "First &lt;b&gt; light", `name="base" value="9"`, "Save mine over theirs", `action="/write/5/draft/discard"`)
	if resp.StatusCode != http.StatusConflict || strings.Contains(page, "Save and hand in") {
		t.Errorf("%d: %s", resp.StatusCode, page)
	}
}

func TestNothingThatWasTypedIsLost(t *testing.T) {
	w := newDesk(t)
	for name, c := range map[string]struct {
		answer func(*http.Request) (int, any)
		status int
		wants  []string
	}{
		"a title that is missing":  {refused(http.StatusBadRequest, "body.title", "body.title must not be empty."), 422, []string{"Must not be empty.", `aria-describedby="title-problem"`}},
		"an address that is taken": {refused(http.StatusConflict, "body.slug", "body.slug is taken."), 422, []string{"Is taken.", `href="#slug"`}},
		"too much at once":         {refused(http.StatusTooManyRequests, "", "Wait."), 422, []string{"Wait."}},
		"a service that is down":   {refused(http.StatusServiceUnavailable, "", "away"), 503, []string{"try again in a minute"}},
		"a post that is gone":      {refused(http.StatusNotFound, "", "gone"), 404, []string{"What you wrote", "Send it again"}},
		"a session that is over":   {refused(http.StatusUnauthorized, "", "over"), 401, []string{"What you wrote", `target="_blank"`, `name="title" value=" Second light "`}},
	} {
		w.answers["PUT /v1/manuscripts/5"], w.answers["POST /v1/manuscripts"] = c.answer, c.answer
		for _, path := range []string{"/write/5/edit", "/write/new"} {
			resp := w.as("Editor", "POST", path, typed)
			has(t, strings.ReplaceAll(read(t, resp), "\r\n", "\n"), append(c.wants, "Two\nlines", "Light, ,Dark ,", "Second light", "Short")...)
			if resp.StatusCode != c.status {
				t.Errorf("%s answers %s with %d", path, name, resp.StatusCode)
			}
		}
	}
	// With all of the service down, the choice of a category stays, too.
	for _, what := range []string{"GET /v1/manuscripts/5", "GET /v1/categories", "POST /v1/preview", "PUT /v1/manuscripts/5"} {
		w.answers[what] = refused(http.StatusServiceUnavailable, "", "away")
	}
	has(t, read(t, w.as("Editor", "POST", "/write/5/edit", typed)), "try again in a minute", "Two\nlines", `<option value="8" selected>`)
	// Who is signed out gets the text back, and what only was a click gets none.
	resp := w.as("", "POST", "/write/5/edit", typed)
	has(t, read(t, resp), "What you wrote", "Two\r\nlines", `name="base" value="3"`, `name="do" value="save"`)
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("who is signed out gets %d", resp.StatusCode)
	}
	if page := read(t, w.as("", "POST", "/write/5", url.Values{"action": {"submit"}, "base": {"3"}})); strings.Contains(page, "What you wrote") {
		t.Error("a click comes back as a text")
	}
}

func TestWhatIsBeingTypedIsKept(t *testing.T) {
	w := newDesk(t)
	var in content.DraftInput
	kept := content.Draft{Title: typed.Get("title"), Summary: "Short", Body: "Two\nlines", Sequence: 4, SavedAt: time.Date(2026, 11, 2, 8, 4, 0, 0, time.UTC)}
	w.answers["PUT /v1/manuscripts/5/draft"] = func(r *http.Request) (int, any) {
		_ = json.NewDecoder(r.Body).Decode(&in)
		return http.StatusOK, kept
	}
	keep := func() (got keptText) {
		resp := w.as("Editor", "POST", "/write/5/draft", typed)
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.Header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%v, %v", err, resp.Header)
		}
		return got
	}
	if diff := cmp.Diff(keptText{Status: "Kept {time} · 2 words · 1 min read", At: &kept.SavedAt, HTML: "<p>Shown.</p>"}, keep()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(content.DraftInput{BaseRevision: 3, Sequence: 4, Title: kept.Title, Summary: new("Short"), Body: "Two\nlines"}, in); diff != "" {
		t.Error(diff)
	}
	kept.Body = "Of another window"
	if got := keep(); !got.Newer || !strings.Contains(got.Status, "Another window") {
		t.Errorf("a text that lost: %+v", got)
	}
	for _, name := range []string{"base", "sequence"} {
		if resp := w.as("Editor", "POST", "/write/5/draft", with(name, "")); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("without a %s: %d", name, resp.StatusCode)
		}
	}
	// The editor goes on with it, on top of what it began with.
	kept.BaseRevision = 2
	w.answers["GET /v1/manuscripts/5/draft"] = ok(kept)
	resp := w.as("Editor", "GET", "/write/5/edit", nil)
	page := read(t, resp)
	has(t, page, "Of another window", `name="base" value="2"`, `name="sequence" value="4"`, "Only you see it.", "editor.js", "Go back to the saved text")
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") || strings.Contains(page, "htmx.min.js") {
		t.Errorf("the editor may run %s", policy)
	}
	has(t, read(t, w.as("Editor", "GET", "/write/5", nil)), "You have typed more than this")
	w.answers["DELETE /v1/manuscripts/5/draft"] = func(*http.Request) (int, any) { return http.StatusNoContent, nil }
	leads(t, w.as("Editor", "POST", "/write/5/draft/discard", url.Values{}), "/write/5/edit")
}

func TestATextThatCannotBeShownIsKeptAndCanBeWrittenOn(t *testing.T) {
	w := newDesk(t)
	costly := content.Draft{Title: "Second light", Body: "| too | wide |", BaseRevision: 3, Sequence: 4, SavedAt: time.Date(2026, 11, 2, 8, 4, 0, 0, time.UTC)}
	w.answers["PUT /v1/manuscripts/5/draft"] = ok(costly)
	w.answers["GET /v1/manuscripts/5/draft"] = ok(costly)
	w.answers["POST /v1/preview"] = refused(http.StatusBadRequest, "body.body", "body.body cannot be shown: line 1 <is> wide.")
	for path, status := range map[string]string{
		"/write/5/draft": "Kept {time} · Cannot be shown: line 1 <is> wide.", "/write/preview": "Cannot be shown: line 1 <is> wide.",
	} {
		var got keptText
		resp := w.as("Editor", "POST", path, url.Values{"base": {"3"}, "sequence": {"4"}, "title": {"Second light"}, "body": {costly.Body}})
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
		}
		if !got.Refused || got.Status != status || !strings.Contains(got.HTML, "line 1 &lt;is&gt; wide.") {
			t.Errorf("%s: %+v", path, got)
		}
	}
	has(t, read(t, w.as("Editor", "GET", "/write/5/edit", nil)), "| too | wide |", `id="body-problem"`, "Cannot be shown: line 1 &lt;is&gt; wide.")
}

func TestTheEditorSaysWhatBecomesOfPicturesFromElsewhere(t *testing.T) {
	w := newDesk(t)
	w.answers["POST /v1/preview"] = ok(content.Preview{HTML: `<p><a href="https://e.example/a.jpg">A lake</a></p>`, Words: 2, ReadingMinutes: 1, Pictures: new(2)})
	const status = "2 words · 1 min read · 2 pictures are shown as links: only pictures of this blog are shown"
	has(t, read(t, w.as("Editor", "GET", "/write/5/edit", nil)), status)
	var got keptText
	if err := json.NewDecoder(w.as("Editor", "POST", "/write/preview", typed).Body).Decode(&got); err != nil || !strings.HasPrefix(got.Status, status) {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestANewPostThatIsSentTwiceIsOnePost(t *testing.T) {
	w := newDesk(t)
	page := read(t, w.as("Editor", "GET", "/write/new", nil))
	key := regexp.MustCompile(`name="key" value="([A-Z2-7]{26})"`).FindStringSubmatch(page)
	if key == nil {
		t.Fatalf("a form without a key: %s", page)
	}
	if again := read(t, w.as("Editor", "GET", "/write/new", nil)); strings.Contains(again, key[1]) {
		t.Error("two forms have one key")
	}
	status := http.StatusCreated
	made := content.Manuscript{ID: 5, Revision: 1, Title: "Second light", Body: "Two\nlines", Summary: "Short", State: content.StateInReview}
	w.answers["POST /v1/manuscripts"] = func(r *http.Request) (int, any) {
		if sent := r.Header.Get("Idempotency-Key"); sent != key[1] {
			t.Errorf("sent with %q", sent)
		}
		return status, made
	}
	form := with("key", key[1])
	leads(t, w.as("Editor", "POST", "/write/new", form), "/write/5/edit")
	status = http.StatusOK
	leads(t, w.as("Editor", "POST", "/write/new", form), "/write/5/edit")
	// Handed in by the first of two, too.
	w.answers["POST /v1/manuscripts/5/transitions"] = refused(http.StatusConflict, "", "A post that is in_review cannot be changed this way (submit).")
	w.answers["GET /v1/manuscripts/5"] = ok(made)
	form.Set("do", "submit")
	leads(t, w.as("Editor", "POST", "/write/new", form), "/write/5")
	// After going back and writing on: both versions are there.
	form.Set("body", "Another text")
	resp := w.as("Editor", "POST", "/write/new", form)
	has(t, read(t, resp), "Another text", "Two\nlines", `action="/write/5/edit"`, `name="base" value="1"`)
	if resp.StatusCode != http.StatusConflict {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

// TestNoPasteIsCut: an input with a maximum length cuts what is pasted without a word.
func TestNoPasteIsCut(t *testing.T) {
	if strings.Contains(strings.ToLower(sources(t)), "maxlength") {
		t.Error("an input has a maximum length")
	}
	w := newDesk(t)
	long := strings.Repeat("ක", 210_000)
	w.answers["PUT /v1/manuscripts/5"] = refused(http.StatusBadRequest, "body.body", "body.body must have 0 to 200000 characters; it has 210000.")
	w.answers["PUT /v1/manuscripts/5/draft"] = w.answers["PUT /v1/manuscripts/5"]
	has(t, read(t, w.as("Editor", "POST", "/write/5/edit", with("body", long))), long, "Must have 0 to 200000 characters; it has 210000.")
	var kept keptText
	if err := json.NewDecoder(w.as("Editor", "POST", "/write/5/draft", with("body", long)).Body).Decode(&kept); err != nil || !kept.Refused ||
		kept.Status != "Not kept. Text, in Markdown: Must have 0 to 200000 characters; it has 210000." {
		t.Errorf("%v, %+v", err, kept)
	}
	// More than other forms may send.
	comment := strings.Repeat("ක", 20_000)
	w.answers["POST /v1/posts/7/comments"] = refused(http.StatusBadRequest, "body.body", "body.body must have 1 to 5000 characters; it has 20000.")
	has(t, read(t, w.as("Reader", "POST", "/posts/one/comments", url.Values{"body": {comment}})), comment, "it has 20000.")
}

func TestAByteOrderMarkIsNoPartOfAText(t *testing.T) {
	w := newDesk(t)
	var saved content.ManuscriptInput
	w.answers["PUT /v1/manuscripts/5"] = func(r *http.Request) (int, any) {
		_ = json.NewDecoder(r.Body).Decode(&saved)
		return http.StatusOK, content.Manuscript{ID: 5, Revision: 4}
	}
	form := with("body", "\ufeff# Title")
	form.Set("title", "\ufeffTitle")
	leads(t, w.as("Editor", "POST", "/write/5/edit", form), "/write/5/edit")
	if saved.Title != "Title" || saved.Body != "# Title" {
		t.Errorf("saved %q, %q", saved.Title, saved.Body)
	}
}

func TestLongTextsAreTaken(t *testing.T) {
	w := newDesk(t)
	got := 0
	w.answers["PUT /v1/manuscripts/5"] = func(r *http.Request) (int, any) {
		var in content.ManuscriptInput
		_ = json.NewDecoder(r.Body).Decode(&in)
		got = len([]rune(in.Body))
		return http.StatusOK, content.Manuscript{ID: 5}
	}
	leads(t, w.as("Editor", "POST", "/write/5/edit", with("body", strings.Repeat("𝛼", maxText))), "/write/5/edit")
	if got != maxText {
		t.Errorf("%d characters arrived", got)
	}
	if resp := w.as("Editor", "POST", "/write/5/edit", with("body", strings.Repeat("𝛼", 2*maxText))); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("too long a text: %d", resp.StatusCode)
	}
}

func TestAStepIsTakenAtWhatThePageShowed(t *testing.T) {
	w := newDesk(t)
	inReview := draftPost
	inReview.State, inReview.May = content.StateInReview, []content.Action{content.ActionPublish, content.ActionRequestChanges}
	w.answers["GET /v1/manuscripts/5"] = ok(inReview)
	page := read(t, w.as("Editor", "GET", "/review/5", nil))
	has(t, page, "First &lt;b&gt; light", `value="publish"`, "Request changes", `name="base" value="3"`, "began it")
	if strings.Contains(page, `value="withdraw"`) || strings.Contains(page, "/edit") {
		t.Error("a reviewer is offered what is the author's")
	}
	var step content.Transition
	w.answers["POST /v1/manuscripts/5/transitions"] = func(r *http.Request) (int, any) {
		step = content.Transition{}
		_ = json.NewDecoder(r.Body).Decode(&step)
		if base := r.Header.Get("If-Match"); base != `"3"` {
			t.Errorf("taken at %s", base)
		}
		return http.StatusOK, content.Manuscript{}
	}
	asked := url.Values{"base": {"3"}, "action": {"request_changes"}, "note": {"Say\r\nmore"}}
	leads(t, w.as("Editor", "POST", "/review/5", asked), "/review")
	if diff := cmp.Diff(content.Transition{Action: content.TransitionActionRequestChanges, Note: new("Say\nmore")}, step); diff != "" {
		t.Error(diff)
	}
	leads(t, w.as("Editor", "POST", "/write/5", url.Values{"base": {"3"}, "action": {"archive"}}), "/write/5")
	if resp := w.as("Editor", "POST", "/write/5", url.Values{"base": {"3"}, "action": {"burn"}}); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a made-up step: %d", resp.StatusCode)
	}
	for status, want := range map[int]string{
		http.StatusBadRequest: "Must not be empty.", http.StatusPreconditionFailed: "has changed since you opened it", http.StatusConflict: "has changed since you opened it",
	} {
		w.answers["POST /v1/manuscripts/5/transitions"] = refused(status, "body.note", "body.note must not be empty.")
		resp := w.as("Editor", "POST", "/review/5", asked)
		has(t, read(t, resp), want, "Say\nmore", "<details open>")
		if resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("a step that is refused with %d: %d", status, resp.StatusCode)
		}
	}
	// What another reviewer has published is no longer there to review.
	w.answers["POST /v1/manuscripts/5/transitions"] = refused(http.StatusNotFound, "", "not yours")
	leads(t, w.as("Editor", "POST", "/review/5", asked), "/review")
}

func TestAnAuthorReadsWhatShouldChange(t *testing.T) {
	w := newDesk(t)
	back := draftPost
	back.State = content.StateChangesRequested
	w.answers["GET /v1/manuscripts/5"] = ok(back)
	w.answers["GET /v1/manuscripts/5/log"] = ok(content.Log{Entries: []content.LogEntry{
		{Action: "request_changes", Actor: content.Author{}, Note: "The <last> word.\n\nAnd the first."}, {Action: "request_changes", Note: "Long ago."},
	}})
	has(t, read(t, w.as("Editor", "GET", "/write/5", nil)), "Somebody who left asks for changes", "<p>The &lt;last&gt; word.</p>\n<p>And the first.</p>")
	// What may not be edited now is shown instead of the editor.
	back.May = nil
	w.answers["GET /v1/manuscripts/5"] = ok(back)
	leads(t, w.as("Editor", "GET", "/write/5/edit", nil), "/write/5")
}

func TestAPostIsDeletedOnceThatIsConfirmed(t *testing.T) {
	w := newDesk(t)
	has(t, read(t, w.as("Editor", "GET", "/write/5/delete", nil)), "Delete “First &lt;b&gt; light”?", "cannot be undone")
	if changed := w.changes(); len(changed) > 0 {
		t.Fatalf("asking did %v", changed)
	}
	w.answers["DELETE /v1/manuscripts/5"] = refused(http.StatusConflict, "", "A post that was published is archived, not deleted.")
	has(t, read(t, w.as("Editor", "POST", "/write/5/delete", url.Values{})), "is archived, not deleted")
	w.answers["DELETE /v1/manuscripts/5"] = func(*http.Request) (int, any) { return http.StatusNoContent, nil }
	leads(t, w.as("Editor", "POST", "/write/5/delete", url.Values{}), "/write")
	delete(w.answers, "DELETE /v1/manuscripts/5")
	leads(t, w.as("Editor", "POST", "/write/5/delete", url.Values{}), "/write")
}

func TestAPostLeadsThoseBackWhoMayWriteOn(t *testing.T) {
	w := newDesk(t)
	for author, want := range map[int64]map[string]bool{3: {"": false, "Reader": false, "Editor": true, "Admin": true}, 4: {"Editor": false, "Admin": true}} {
		w.answers["GET /v1/posts/one"] = ok(content.Post{ID: 7, Slug: "one", Title: "One", Author: content.Author{ID: &author, Name: "Somebody"}})
		w.keeper = newKeeper()
		for role, led := range want {
			if page := read(t, w.as(role, "GET", "/posts/one", nil)); strings.Contains(page, `href="/write/7"`) != led {
				t.Errorf("%q is led to what %d wrote: %t", role, author, !led)
			}
		}
	}
}
