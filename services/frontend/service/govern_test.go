package service

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	user "blogplatform.io/operator/services/user/client"
)

// has checks what a page says.
func has(t *testing.T, page string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q: %s", want, page)
		}
	}
}

// changes are what the services were asked to change.
func (w *town) changes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, asked := range w.asked {
		if !strings.HasPrefix(asked, http.MethodGet) && !strings.HasPrefix(asked, "POST /v1/sessions/exchange") {
			all = append(all, asked)
		}
	}
	return all
}

var heldComment = comment.Comment{ID: 6, PostID: 7, State: comment.StateHeld, Revision: 2, Author: comment.Author{Name: "Rita <b>"}, Body: "So <true>."}

func TestAModeratorSeesWhatWaitsWithItsContext(t *testing.T) {
	w := newTown(t)
	var asked url.Values
	w.answers["GET /v1/moderation/comments"] = func(r *http.Request) (int, any) {
		asked = r.URL.Query()
		return http.StatusOK, comment.ModerationList{Next: new("p 2"), Comments: []comment.Moderated{
			{Comment: heldComment, HeldFor: "It has several links.", Parent: &comment.Comment{Author: comment.Author{Name: "Noah"}, Body: "Is it?"}},
		}}
	}
	page := read(t, w.as("Editor", "GET", "/moderation", nil))
	has(t, page, "Rita &lt;b&gt;", "So &lt;true&gt;.", "It has several links.", "In reply to Noah", "Is it?", `<a href="/posts/one">One</a>`,
		`name="revision" value="2"`, `href="/moderation?after=p&#43;2"`, "moderate.js")
	if diff := cmp.Diff(url.Values{"state": {"held"}, "limit": {"20"}}, asked); diff != "" {
		t.Error(diff)
	}
	// Titles are missed, but nobody has to wait for them.
	w.answers["GET /v1/posts"] = refused(http.StatusServiceUnavailable, "", "away")
	page = read(t, w.as("Editor", "GET", "/moderation?state=spam&after=x", nil))
	has(t, page, "So &lt;true&gt;.")
	if asked.Get("state") != "spam" || asked.Get("after") != "x" || strings.Contains(page, "/posts/one") {
		t.Errorf("asked for %v", asked)
	}
	w.answers["GET /v1/moderation/comments"] = ok(comment.ModerationList{})
	has(t, read(t, w.as("Editor", "GET", "/moderation", nil)), "Nothing waits.")
	w.answers["GET /v1/moderation/comments"] = refused(http.StatusBadRequest, "after", "must be a page's next.")
	for _, path := range []string{"/moderation?state=approved", "/moderation?after=made+up"} {
		if resp := w.as("Editor", "GET", path, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

func TestADecisionIsAboutWhatWasRead(t *testing.T) {
	w := newTown(t)
	var got comment.DecisionInput
	w.answers["POST /v1/comments/6/decisions"] = func(r *http.Request) (int, any) {
		_ = json.NewDecoder(r.Body).Decode(&got)
		return http.StatusOK, heldComment
	}
	for queue, to := range map[string]string{"held": "/moderation", "spam": "/moderation?state=spam", "//elsewhere.example": "/moderation"} {
		resp := w.as("Editor", "POST", "/moderation/6", url.Values{"state": {"rejected"}, "revision": {"2"}, "reason-6": {"Off topic"}, "queue": {queue}})
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != to {
			t.Errorf("from %s: %d to %s", queue, resp.StatusCode, resp.Header.Get("Location"))
		}
	}
	if diff := cmp.Diff(comment.DecisionInput{State: "rejected", Revision: 2, Reason: new("Off topic")}, got); diff != "" {
		t.Error(diff)
	}
	for _, form := range []url.Values{{"state": {"deleted"}, "revision": {"2"}}, {"state": {"spam"}, "revision": {"4294967298"}}, {"state": {"spam"}}} {
		if resp := w.as("Editor", "POST", "/moderation/6", form); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %d", form, resp.StatusCode)
		}
	}
	w.answers["POST /v1/comments/6/decisions"] = refused(http.StatusConflict, "body.revision", "The comment was edited in the meantime; read it again.")
	w.answers["GET /v1/comments/6"] = ok(heldComment)
	w.answers["GET /v1/comments/6/decisions"] = ok(comment.DecisionList{Decisions: []comment.Decision{
		{Actor: comment.Author{Name: "Noah"}, Was: "held", Became: "spam", Reason: "Lamps"}, {Was: "spam", Became: "held"},
	}})
	resp := w.as("Editor", "POST", "/moderation/6", url.Values{"state": {"spam"}, "revision": {"1"}, "reason-6": {"Kept"}})
	page := read(t, resp)
	has(t, page, "edited in the meantime", `value="Kept"`, `name="revision" value="2"`, "Held to Spam", "Lamps", "Somebody who left")
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func person(change func(*user.Account)) func(*http.Request) (int, any) {
	someone := user.Account{ID: 6, DisplayName: "Priya Nair", Email: "priya@example.com", Role: user.Reader, CreatedAt: time.Unix(1e9, 0)}
	if change != nil {
		change(&someone)
	}
	return ok(someone)
}

func TestPeopleAreFoundByWhatIsKnownOfThem(t *testing.T) {
	w := newTown(t)
	var asked url.Values
	w.answers["GET /v1/admin/people"] = func(r *http.Request) (int, any) {
		asked = r.URL.Query()
		return http.StatusOK, user.People{Next: new(int64(9)), People: []user.Account{
			{ID: 6, DisplayName: "Priya Nair", Role: user.Reader, Locked: true, Sync: &user.Sync{State: user.Failed}},
			{ID: 7, DisplayName: "Noah Perera", Role: user.Editor, Locked: true, Sync: &user.Sync{State: user.Pending}},
			{ID: 8, DisplayName: "Rita Fernando", Role: user.Admin, Sync: &user.Sync{State: user.Confirmed}},
		}}
	}
	page := read(t, w.as("Admin", "GET", "/admin/people?search=a%26b&role=Editor&locked=true&after=3", nil))
	has(t, page, `href="/admin/people/6"`, "Failed", "Pending", `value="a&amp;b"`, `<option value="Editor" selected>`, `<option value="true" selected>`,
		`action="/admin/people/6/retry"`, `href="/admin/people?after=9&amp;locked=true&amp;role=Editor&amp;search=a%26b"`)
	if diff := cmp.Diff(url.Values{"search": {"a&b"}, "role": {"Editor"}, "locked": {"true"}, "after": {"3"}, "limit": {"50"}}, asked); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(page, "/7/retry") || strings.Contains(page, "/8/retry") || strings.Contains(page, "Confirmed") {
		t.Error("who needs no attention gets it")
	}
	w.answers["GET /v1/admin/people"] = ok(user.People{})
	has(t, read(t, w.as("Admin", "GET", "/admin/people?search=x", nil)), "Nobody is like that.")
	has(t, read(t, w.as("Admin", "GET", "/admin/people", nil)), "Nobody has signed in yet.")
	w.answers["GET /v1/admin/people"] = refused(http.StatusBadRequest, "role", "must be Reader, Editor or Admin.")
	for _, path := range []string{"/admin/people?role=King", "/admin/people?after=-1", "/admin/people?after=x"} {
		if resp := w.as("Admin", "GET", path, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

// The page of a person who was locked asks by htmx how that goes on.
func TestThePageShowsHowTheProviderFollows(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/admin/people/6/sessions"] = ok(user.Sessions{})
	w.answers["GET /v1/admin/audit"] = ok(user.Audit{})
	sync := func(sync user.Sync) {
		w.answers["GET /v1/admin/people/6"] = person(func(a *user.Account) { a.Locked, a.LockedHere, a.Sync = true, true, &sync })
	}
	sync(user.Sync{State: user.Retrying, Attempts: 2, Error: new("the provider answered 500"), NextAttemptAt: new(time.Unix(1e9, 0))})
	page := read(t, w.as("Admin", "GET", "/admin/people/6", nil))
	has(t, page, `hx-get="/admin/people/6?step=Retrying-2-false"`, "Trying again", "after 2 attempts", "The provider answered 500", "next attempt", `action="/admin/people/6/retry"`)
	poll := func() *http.Response {
		return w.as("Admin", "GET", "/admin/people/6?step=Retrying-2-false", nil, "HX-Request", "true")
	}
	if resp := poll(); resp.StatusCode != http.StatusNoContent {
		t.Errorf("without news: %d", resp.StatusCode)
	}
	sync(user.Sync{State: user.Confirmed, ConfirmedAt: new(time.Unix(1e9, 0))})
	part := read(t, poll())
	has(t, part, `id="lock"`, "Confirmed", `href="/admin/people/6/unlock"`)
	if strings.Contains(part, "<html") || strings.Contains(part, "hx-get") || strings.Contains(part, "/retry") {
		t.Errorf("the news: %s", part)
	}
	sync(user.Sync{State: user.Confirmed, Drift: true})
	has(t, read(t, poll()), "Differs again", "says something else now", `action="/admin/people/6/retry"`)
}

func TestNothingIsDoneToAPersonBeforeItIsConfirmed(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/admin/people/6"] = person(nil)
	for path, want := range map[string]string{"lock": "Lock Priya Nair?", "unlock": "Unlock Priya Nair?", "erase": "Erase the account of Priya Nair?"} {
		page := read(t, w.as("Admin", "GET", "/admin/people/6/"+path, nil))
		has(t, page, want, `<form class="form" method="post">`, `href="/admin/people/6"`)
	}
	resp := w.as("Admin", "POST", "/admin/people/6/lock", url.Values{"reason": {" "}})
	has(t, read(t, resp), "Say why")
	if changed := w.changes(); resp.StatusCode != http.StatusUnprocessableEntity || changed != nil {
		t.Errorf("%d, changed %v", resp.StatusCode, changed)
	}
}

func TestWhatIsDoneToAPersonIsDoneInTheAdminsName(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/admin/people/6"] = person(nil)
	for what, status := range map[string]int{
		"PUT /v1/admin/people/6/role": 200, "PUT /v1/admin/people/6/lock": 200, "DELETE /v1/admin/people/6/lock": 200,
		"POST /v1/admin/people/6/lock/retry": 200, "DELETE /v1/admin/people/6/sessions": 204, "DELETE /v1/admin/people/6": 204,
	} {
		w.answers[what] = func(*http.Request) (int, any) { return status, user.Account{ID: 6} }
	}
	for _, c := range []struct {
		path, asked, to string
		form            url.Values
	}{
		{"", "PUT /v1/admin/people/6/role", "/admin/people/6", url.Values{"role": {"Editor"}}},
		{"/lock", "PUT /v1/admin/people/6/lock", "/admin/people/6", url.Values{"reason": {"Lamps"}}},
		{"/unlock", "DELETE /v1/admin/people/6/lock", "/admin/people/6", nil},
		{"/retry", "POST /v1/admin/people/6/lock/retry", "/admin/people/6", nil},
		{"/sessions/end", "DELETE /v1/admin/people/6/sessions", "/admin/people/6", nil},
		{"/erase", "DELETE /v1/admin/people/6", "/admin/people", nil},
	} {
		before := len(w.changes())
		resp := w.as("Admin", "POST", "/admin/people/6"+c.path, c.form)
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != c.to || cookie(resp, noticeCookie) == "" {
			t.Errorf("%s: %d to %s", c.path, resp.StatusCode, resp.Header.Get("Location"))
		}
		if diff := cmp.Diff([]string{c.asked + " for-user"}, w.changes()[before:]); diff != "" {
			t.Errorf("%s: %s", c.path, diff)
		}
	}
}

func TestARefusalToAnAdminSaysWhy(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/admin/people/6"] = person(nil)
	w.answers["GET /v1/admin/people/6/sessions"] = ok(user.Sessions{})
	w.answers["GET /v1/admin/audit"] = ok(user.Audit{})
	for what, path := range map[string]string{
		"PUT /v1/admin/people/6/role": "", "PUT /v1/admin/people/6/lock": "/lock", "DELETE /v1/admin/people/6/lock": "/unlock", "DELETE /v1/admin/people/6": "/erase",
	} {
		w.answers[what] = refused(http.StatusConflict, "", "This is the last Admin.")
		resp := w.as("Admin", "POST", "/admin/people/6"+path, url.Values{"role": {"Editor"}, "reason": {"Kept"}})
		page := read(t, resp)
		has(t, page, "This is the last Admin.")
		if kept := strings.Contains(page, `value="Kept"`); resp.StatusCode != http.StatusUnprocessableEntity || kept != (path == "" || path == "/lock") {
			t.Errorf("%s: %d, kept %v", what, resp.StatusCode, kept)
		}
		w.answers[what] = refused(http.StatusServiceUnavailable, "", "away")
		if resp := w.as("Admin", "POST", "/admin/people/6"+path, url.Values{"reason": {"r"}}); resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", what, resp.StatusCode)
		}
	}
}

func TestNobodyChangesTheirOwnRole(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/admin/people/3"] = person(func(a *user.Account) { a.ID = 3 })
	w.answers["GET /v1/admin/people/3/sessions"] = ok(user.Sessions{Sessions: []user.SessionInfo{{UserAgent: "Firefox on Linux"}}})
	w.answers["GET /v1/admin/audit"] = ok(user.Audit{})
	page := read(t, w.as("Admin", "GET", "/admin/people/3", nil))
	has(t, page, "This is you", "Firefox on Linux", "Sign out everywhere")
	for _, not := range []string{"Change role", "/3/lock", "/3/erase"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %s", not)
		}
	}
}

func TestTheAuditLogHasNamesAndAsksForEachOnce(t *testing.T) {
	w := newTown(t)
	var asked url.Values
	w.answers["GET /v1/admin/audit"] = func(r *http.Request) (int, any) {
		asked = r.URL.Query()
		return http.StatusOK, user.Audit{Next: new(int64(4)), Entries: []user.AuditEntry{
			{ID: 6, Action: "locked", Actor: new(int64(1)), Person: new(int64(2)), Detail: new("Lamps <b>")},
			{ID: 5, Action: "unlocked", Actor: new(int64(1)), Person: new(int64(9))},
			{ID: 4, Action: "moved to another identity", Person: new(int64(2))},
		}}
	}
	var ids []string
	w.answers["GET /v1/people"] = func(r *http.Request) (int, any) {
		ids = append(ids, r.URL.Query().Get("ids"))
		named := map[string][]user.Named{"2": {{ID: 2, DisplayName: "Priya Nair"}}, "1,9": {{ID: 1, DisplayName: "Amara Silva"}}}
		return http.StatusOK, user.Names{People: named[r.URL.Query().Get("ids")]}
	}
	page := read(t, w.as("Admin", "GET", "/admin/people/audit?person=2&before=7", nil))
	has(t, page, "Audit log of Priya Nair", "Amara Silva", "Locked", "Lamps &lt;b&gt;", "Person 9", "The platform", `href="/admin/people/audit?before=4&amp;person=2"`)
	if diff := cmp.Diff(url.Values{"person": {"2"}, "before": {"7"}, "limit": {"50"}}, asked); diff != "" {
		t.Error(diff)
	}
	read(t, w.as("Admin", "GET", "/admin/people/audit", nil))
	if diff := cmp.Diff([]string{"2", "1,9"}, ids); diff != "" {
		t.Errorf("asked about: %s", diff)
	}
	if resp := w.as("Admin", "GET", "/admin/people/audit?person=x", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("of nobody: %d", resp.StatusCode)
	}
}

func TestSettingsAreBasedOnWhatWasRead(t *testing.T) {
	w := newTown(t)
	has(t, read(t, w.as("Admin", "GET", "/admin/settings", nil)), `value="Field notes"`, `name="base" value="1"`, `value="open" checked`)
	var change content.SettingsInput
	w.answers["PUT /v1/settings"] = func(r *http.Request) (int, any) {
		if base := r.Header.Get("If-Match"); base != `"1"` {
			t.Errorf("based on %s", base)
		}
		_ = json.NewDecoder(r.Body).Decode(&change)
		w.answers["GET /v1/settings"] = ok(content.Settings{Name: change.Name, PostsPerPage: 5, Revision: 2})
		return http.StatusOK, content.Settings{}
	}
	form := url.Values{"base": {"1"}, "name": {"Night notes"}, "description": {"After\r\ndark"}, "language": {"en"}, "postsPerPage": {"10"}}
	resp := w.as("Admin", "POST", "/admin/settings", form)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/admin/settings" {
		t.Fatalf("%d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	if diff := cmp.Diff(content.SettingsInput{Name: "Night notes", Description: "After dark", Language: "en", PostsPerPage: 10}, change); diff != "" {
		t.Error(diff)
	}
	// This replica shows them at once.
	has(t, read(t, w.as("Admin", "GET", "/", nil)), "Night notes</a>")

	w.answers["PUT /v1/settings"] = refused(http.StatusPreconditionFailed, "If-Match", "Somebody changed the settings in the meantime; load them again.")
	form.Set("name", "Typed")
	resp = w.as("Admin", "POST", "/admin/settings", form)
	page := read(t, resp)
	has(t, page, "Somebody else saved these settings", `value="Typed"`, `name="base" value="2"`)
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("who was slower got %d", resp.StatusCode)
	}
	form.Set("postsPerPage", "many")
	has(t, read(t, w.as("Admin", "POST", "/admin/settings", form)), "Write a number from 5 to 50.", `value="many"`)
	form.Set("base", "x")
	if resp := w.as("Admin", "POST", "/admin/settings", form); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a made-up base: %d", resp.StatusCode)
	}
}

func TestHowCommentsAreTakenIsForTheCommentService(t *testing.T) {
	w := newTown(t)
	var got comment.SettingsInput
	w.answers["PUT /v1/settings"] = func(r *http.Request) (int, any) {
		_ = json.NewDecoder(r.Body).Decode(&got)
		return http.StatusOK, comment.Settings{}
	}
	resp := w.as("Admin", "POST", "/admin/settings/comments", url.Values{"base": {"1"}, "policy": {"hold_all"}})
	if changed := w.changes(); resp.StatusCode != http.StatusSeeOther || got.Policy != comment.HoldAll || changed[0] != "PUT /v1/settings for-comment" {
		t.Errorf("%d, %v, %v", resp.StatusCode, got, changed)
	}
	w.answers["PUT /v1/settings"] = refused(http.StatusBadRequest, "body.policy", "must be one of those there are.")
	has(t, read(t, w.as("Admin", "POST", "/admin/settings/comments", url.Values{"base": {"1"}, "policy": {"x"}})), "Must be one of those there are.")
}

func TestACategoryIsPutAnywhereButBelowItself(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/categories"] = ok(content.CategoryList{Categories: []content.Category{
		{ID: 1, Name: "All", Slug: "all"}, {ID: 6, Name: "Night", Slug: "night", ParentID: new(int64(1)), Depth: 1, Position: -3},
		{ID: 7, Name: "Late", ParentID: new(int64(6)), Depth: 2}, {ID: 8, Name: "Later", ParentID: new(int64(7)), Depth: 3}, {ID: 9, Name: "Day"},
	}})
	page := read(t, w.as("Admin", "GET", "/admin/settings/categories/6", nil))
	has(t, page, `<option value="1" selected>All</option>`, `<option value="9">Day</option>`, `value="-3"`, `href="/categories/night"`)
	for _, not := range []string{`value="6"`, `value="7"`, `value="8"`} {
		if strings.Contains(page, not) {
			t.Errorf("the page offers %s", not)
		}
	}
	has(t, read(t, w.as("Admin", "GET", "/admin/settings/topics", nil)), `<option value="7">– – Late</option>`)
	var got content.CategoryInput
	w.answers["PUT /v1/categories/6"] = func(r *http.Request) (int, any) {
		_ = json.NewDecoder(r.Body).Decode(&got)
		return http.StatusOK, content.Category{}
	}
	resp := w.as("Admin", "POST", "/admin/settings/categories/6", url.Values{"name": {"Evening"}, "parentId": {"9"}, "position": {" 4 "}})
	if diff := cmp.Diff(content.CategoryInput{Name: "Evening", ParentID: new(int64(9)), Position: new(int32(4))}, got); diff != "" || resp.Header.Get("Location") != taxonomyPath {
		t.Errorf("to %s: %s", resp.Header.Get("Location"), diff)
	}
	w.answers["PUT /v1/categories/6"] = refused(http.StatusConflict, "body.name", "body.name is taken.")
	has(t, read(t, w.as("Admin", "POST", "/admin/settings/categories/6", url.Values{"name": {"All"}})), "Is taken.", `value="All"`)
	w.answers["POST /v1/categories"] = refused(http.StatusConflict, "body.name", "body.name is taken.")
	has(t, read(t, w.as("Admin", "POST", "/admin/settings/topics", url.Values{"name": {"All"}})), "Is taken.", `value="All"`)
	for path, form := range map[string]url.Values{
		"/admin/settings/topics":       {"name": {"x"}, "parentId": {"x"}},
		"/admin/settings/categories/6": {"name": {"x"}, "parentId": {"x"}},
	} {
		if resp := w.as("Admin", "POST", path, form); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

func TestTopicsAreRemovedOnceThatIsConfirmed(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/categories"] = ok(content.CategoryList{Categories: []content.Category{{ID: 6, Name: "Night"}}})
	w.answers["GET /v1/tags"] = ok(content.TagList{Tags: []content.Tag{{Slug: "one", Name: "One"}}})
	for path, asked := range map[string]string{"/admin/settings/categories/6/delete": "DELETE /v1/categories/6", "/admin/settings/tags/one/delete": "DELETE /v1/tags/one"} {
		before := len(w.changes())
		has(t, read(t, w.as("Admin", "GET", path, nil)), "Remove “", `class="button danger"`)
		if n := len(w.changes()); n != before {
			t.Errorf("%s changed %v", path, w.changes())
		}
		w.answers[asked] = refused(http.StatusConflict, "", "This category has others below it; move or remove them first.")
		resp := w.as("Admin", "POST", path, url.Values{})
		has(t, read(t, resp), "others below it")
		if resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s refused: %d", path, resp.StatusCode)
		}
		w.answers[asked] = func(*http.Request) (int, any) { return http.StatusNoContent, nil }
		if resp := w.as("Admin", "POST", path, url.Values{}); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != taxonomyPath {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	var got content.TagInput
	w.answers["PUT /v1/tags/one"] = func(r *http.Request) (int, any) {
		_ = json.NewDecoder(r.Body).Decode(&got)
		return http.StatusOK, content.Tag{}
	}
	if resp := w.as("Admin", "POST", "/admin/settings/tags/one", url.Values{"name": {"Uno"}}); resp.StatusCode != http.StatusSeeOther || got.Name != "Uno" {
		t.Errorf("%d, %v", resp.StatusCode, got)
	}
	for _, path := range []string{"/admin/settings/tags/two", "/admin/settings/categories/7", "/admin/settings/tags/two/delete"} {
		if resp := w.as("Admin", "GET", path, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
