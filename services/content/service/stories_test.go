package service

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/testing/apitest"
	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/token"
)

func path(m api.Manuscript) string { return fmt.Sprintf("/v1/manuscripts/%d", m.ID) }

func get[T any](t testing.TB, who *apitest.Person, path string) T {
	t.Helper()
	var out T
	who.Ask(t, http.MethodGet, path, nil).Into(http.StatusOK, &out)
	return out
}

func titles(list api.PostList) []string {
	out := []string{}
	for _, post := range list.Posts {
		out = append(out, post.Title)
	}
	return out
}

func TestAPostGoesFromDraftThroughReviewToReaders(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	text := "# Hello\r\n\n  *World* <script>alert(1)</script>\t\n"
	draft := write(t, w.amara, api.ManuscriptInput{Title: "First light", Summary: new("How it began."), Body: text, Tags: &[]string{"Go", "C++", "go", "日本"}})
	if draft.Body != text || draft.Slug != "first-light" || draft.State != api.StateDraft || draft.Author.Name != "Amara Silva" {
		t.Errorf("the draft: %+v", draft)
	}
	if diff := cmp.Diff([]string{"Go", "C++", "日本"}, draft.Tags); diff != "" {
		t.Error(diff)
	}
	w.anybody.Ask(t, "GET", "/v1/posts/first-light", nil).Refused(http.StatusNotFound)
	w.noah.Ask(t, "GET", path(draft), nil).Refused(http.StatusNotFound)

	review := act(t, w.amara, draft, api.TransitionActionSubmit, "")
	queue := get[api.ManuscriptList](t, w.noah, "/v1/manuscripts?view=review")
	if len(queue.Manuscripts) != 1 || queue.Manuscripts[0].ID != draft.ID {
		t.Errorf("the queue: %+v", queue)
	}
	if own := get[api.ManuscriptList](t, w.amara, "/v1/manuscripts?view=review"); len(own.Manuscripts) != 0 {
		t.Error("an author reviews what is their own")
	}
	w.amara.Ask(t, "PUT", path(draft), api.ManuscriptInput{Title: "Changed", Body: "x"}, "If-Match", input.ETag(review.Revision)).Refused(http.StatusConflict)

	back := act(t, w.noah, review, api.TransitionActionRequestChanges, "A second paragraph, please.")
	var saved api.Manuscript
	w.amara.Ask(t, "PUT", path(draft), api.ManuscriptInput{Title: "First light", Body: text + "\nMore."}, "If-Match", input.ETag(back.Revision)).Into(http.StatusOK, &saved)
	public := act(t, w.noah, act(t, w.amara, saved, api.TransitionActionSubmit, ""), api.TransitionActionPublish, "")

	post := get[api.Post](t, w.anybody, "/v1/posts/first-light")
	if !strings.Contains(post.HTML, `<h2 id="h-hello">Hello</h2>`) || strings.Contains(post.HTML, "<script") || post.Author.Name != "Amara Silva" || len(post.Headings) != 1 {
		t.Errorf("the post: %+v", post)
	}
	log := get[api.Log](t, w.amara, path(draft)+"/log")
	did := []string{}
	for _, entry := range log.Entries {
		did = append(did, entry.Actor.Name+" "+entry.Action+" "+entry.Note)
	}
	if diff := cmp.Diff([]string{
		"Noah Perera publish ", "Amara Silva submit ", "Noah Perera request_changes A second paragraph, please.", "Amara Silva submit ", "Amara Silva create ",
	}, did); diff != "" {
		t.Error(diff)
	}

	archived := act(t, w.amara, public, api.TransitionActionArchive, "")
	w.anybody.Ask(t, "GET", "/v1/posts/first-light", nil).Refused(http.StatusNotFound)
	w.amara.Ask(t, "DELETE", path(draft), nil).Refused(http.StatusConflict)
	again := act(t, w.admin, act(t, w.amara, act(t, w.amara, archived, api.TransitionActionRestore, ""), api.TransitionActionSubmit, ""), api.TransitionActionPublish, "")
	if !again.PublishedAt.Equal(*public.PublishedAt) {
		t.Errorf("the post lost its date: %s, then %s", public.PublishedAt, again.PublishedAt)
	}
}

func TestWhoSavesOnAnOldRevisionGetsBothVersionsAndLosesNothing(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	m := write(t, w.amara, api.ManuscriptInput{Title: "Shared", Body: "one"})
	mine := api.ManuscriptInput{Title: "Shared", Body: "mine"}
	save := func(who *apitest.Person, in api.ManuscriptInput, tag string) apitest.Answer {
		return who.Ask(t, "PUT", path(m), in, "If-Match", tag)
	}
	first := input.ETag(m.Revision)
	answer := save(w.amara, mine, first)
	answer.Into(http.StatusOK, nil)
	if got := answer.Header.Get("ETag"); got != `"2"` {
		t.Errorf("ETag %s", got)
	}
	// The reply was lost: the browser sends the same again.
	save(w.amara, mine, first).Into(http.StatusOK, nil)

	var conflict api.Conflict
	save(w.admin, api.ManuscriptInput{Title: "Shared", Body: "theirs"}, first).Into(http.StatusPreconditionFailed, &conflict)
	if conflict.Yours.Body != "theirs" || conflict.Theirs.Body != "mine" || conflict.Theirs.Revision != 2 || conflict.Status != 412 {
		t.Errorf("the conflict: %+v", conflict)
	}
	if got := get[api.Manuscript](t, w.amara, path(m)); got.Body != "mine" || got.Revision != 2 {
		t.Errorf("kept: %+v", got)
	}
	if doc := w.amara.Ask(t, "PUT", path(m), mine).Refused(http.StatusPreconditionRequired); doc.Field != "If-Match" {
		t.Errorf("without a base: %+v", doc)
	}
	// Nor is a text published that its reviewer has not seen.
	seen := act(t, w.amara, get[api.Manuscript](t, w.amara, path(m)), api.TransitionActionSubmit, "")
	changed := act(t, w.amara, seen, api.TransitionActionWithdraw, "")
	act(t, w.amara, changed, api.TransitionActionSubmit, "")
	w.noah.Ask(t, "POST", path(m)+"/transitions", api.Transition{Action: api.TransitionActionPublish}, "If-Match", input.ETag(seen.Revision)).
		Into(http.StatusPreconditionFailed, &conflict)
}

func TestOfManySavesAtOnceOneWins(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	m := write(t, w.amara, api.ManuscriptInput{Title: "Race", Body: "start"})
	statuses := make([]int, 8)
	var group errgroup.Group
	for i := range statuses {
		group.Go(func() error {
			answer, err := w.amara.Try(t, "PUT", path(m), api.ManuscriptInput{Title: "Race", Body: fmt.Sprint(i)}, "If-Match", `"1"`)
			statuses[i] = answer.Status
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	won := 0
	for _, status := range statuses {
		if status == http.StatusOK {
			won++
		} else if status != http.StatusPreconditionFailed {
			t.Errorf("a save answered %d", status)
		}
	}
	if got := get[api.Manuscript](t, w.amara, path(m)); won != 1 || got.Revision != 2 {
		t.Errorf("%d saves won, revision %d", won, got.Revision)
	}
}

func TestWhatIsTypedIsKeptForItsWriterAloneAndTheHighestSequenceWins(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	m := write(t, w.amara, api.ManuscriptInput{Title: "Draft", Body: "saved"})
	keep := func(who *apitest.Person, sequence int64, body string) api.Draft {
		t.Helper()
		var kept api.Draft
		who.Ask(t, "PUT", path(m)+"/draft", api.DraftInput{BaseRevision: m.Revision, Sequence: sequence, Body: body}).Into(http.StatusOK, &kept)
		return kept
	}
	w.amara.Ask(t, "GET", path(m)+"/draft", nil).Refused(http.StatusNotFound)
	keep(w.amara, 5, "five")
	if kept := keep(w.amara, 4, "late four"); kept.Body != "five" || kept.Sequence != 5 {
		t.Errorf("an older text won: %+v", kept)
	}
	keep(w.admin, 1, "of another")
	if kept := get[api.Draft](t, w.amara, path(m)+"/draft"); kept.Body != "five" {
		t.Errorf("kept: %+v", kept)
	}
	w.noah.Ask(t, "PUT", path(m)+"/draft", api.DraftInput{BaseRevision: 1, Sequence: 1}).Refused(http.StatusNotFound)
	if got := get[api.Manuscript](t, w.amara, path(m)); got.Body != "saved" || got.Revision != 1 {
		t.Errorf("typing saved: %+v", got)
	}
	w.amara.Ask(t, "PUT", path(m), api.ManuscriptInput{Title: "Draft", Body: "five"}, "If-Match", `"1"`).Into(http.StatusOK, nil)
	w.amara.Ask(t, "GET", path(m)+"/draft", nil).Refused(http.StatusNotFound)
	if kept := get[api.Draft](t, w.admin, path(m)+"/draft"); kept.Body != "of another" {
		t.Errorf("somebody else's typing is gone: %+v", kept)
	}
}

func TestAnAddressThatPostsHadLeadsToThem(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	m := w.publish(t, api.ManuscriptInput{Title: "Old name", Body: "x"})
	rename := func(m api.Manuscript, title, slug string) api.Manuscript {
		t.Helper()
		in := api.ManuscriptInput{Title: title, Body: "x"}
		if slug != "" {
			in.Slug = &slug
		}
		var saved api.Manuscript
		w.amara.Ask(t, "PUT", path(m), in, "If-Match", input.ETag(m.Revision)).Into(http.StatusOK, &saved)
		return saved
	}
	if m = rename(m, "New title", ""); m.Slug != "old-name" {
		t.Errorf("a new title changed the address: %s", m.Slug)
	}
	m = rename(m, "New title", "second")
	m = rename(m, "New title", "third")
	for _, former := range []string{"old-name", "second"} {
		answer := w.anybody.Ask(t, "GET", "/v1/posts/"+former, nil)
		var moved api.Moved
		answer.Into(http.StatusMovedPermanently, &moved)
		if moved.Slug != "third" || answer.Header.Get("Location") != "/v1/posts/third" {
			t.Errorf("%s leads to %+v, %s", former, moved, answer.Header.Get("Location"))
		}
	}
	// Nobody else gets an address that leads here.
	other := write(t, w.noah, api.ManuscriptInput{Title: "Second", Body: "x"})
	if other.Slug != "second-2" {
		t.Errorf("got %s", other.Slug)
	}
	if doc := w.noah.Ask(t, "POST", "/v1/manuscripts", api.ManuscriptInput{Title: "x", Body: "x", Slug: new("old-name")}).Refused(http.StatusConflict); doc.Field != "body.slug" {
		t.Errorf("got %+v", doc)
	}
	w.noah.Ask(t, "PUT", path(other), api.ManuscriptInput{Title: "x", Body: "x", Slug: new("third")}, "If-Match", `"1"`).Refused(http.StatusConflict)
	// Its owner may have it back.
	m = rename(m, "New title", "old-name")
	if post := get[api.Post](t, w.anybody, "/v1/posts/old-name"); post.ID != m.ID {
		t.Errorf("got %+v", post)
	}
	w.anybody.Ask(t, "GET", "/v1/posts/third", nil).Into(http.StatusMovedPermanently, nil)
	act(t, w.amara, m, api.TransitionActionArchive, "")
	w.anybody.Ask(t, "GET", "/v1/posts/third", nil).Refused(http.StatusNotFound)
}

func TestPostsWithOneTitleGetAddressesOfTheirOwn(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	slugs := make([]string, 12)
	var group errgroup.Group
	for i := range slugs {
		group.Go(func() error {
			answer, err := w.amara.Try(t, "POST", "/v1/manuscripts", api.ManuscriptInput{Title: "Untitled", Body: ""})
			if err != nil || answer.Status != http.StatusCreated {
				return fmt.Errorf("%d %s %w", answer.Status, answer.Body, err)
			}
			var m api.Manuscript
			answer.Into(http.StatusCreated, &m)
			slugs[i] = m.Slug
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, slug := range slugs {
		if seen[slug] || !strings.HasPrefix(slug, "untitled") {
			t.Errorf("slug %s", slug)
		}
		seen[slug] = true
	}
}

func TestAPostThatIsSentTwiceIsMadeOnce(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	key := []string{"Idempotency-Key", "a key of this form"}
	in := api.ManuscriptInput{Title: "Once", Body: "x"}
	ids := make([]int64, 6)
	var group errgroup.Group
	for i := range ids {
		group.Go(func() error {
			answer, err := w.amara.Try(t, "POST", "/v1/manuscripts", in, key...)
			if err != nil || answer.Status != http.StatusCreated && answer.Status != http.StatusOK {
				return fmt.Errorf("answered %d: %w", answer.Status, err)
			}
			var made api.Manuscript
			answer.Into(answer.Status, &made)
			ids[i] = made.ID
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("made %v", ids)
		}
	}
	// Another text with the key is not saved: who sends it gets to see what there is.
	var found api.Manuscript
	w.amara.Ask(t, "POST", "/v1/manuscripts", api.ManuscriptInput{Title: "Twice", Body: "y"}, key...).Into(http.StatusOK, &found)
	if found.ID != ids[0] || found.Title != "Once" {
		t.Errorf("found %+v", found)
	}
	// A key is its person's own, and without one each request makes a post.
	var other api.Manuscript
	w.noah.Ask(t, "POST", "/v1/manuscripts", in, key...).Into(http.StatusCreated, &other)
	one, two := write(t, w.amara, in), write(t, w.amara, in)
	if other.ID == ids[0] || one.ID == two.ID {
		t.Error("two posts are one")
	}
	w.amara.Ask(t, "DELETE", path(found), nil).Into(http.StatusNoContent, nil)
	w.amara.Ask(t, "POST", "/v1/manuscripts", in, key...).Into(http.StatusCreated, nil)
	w.amara.Ask(t, "POST", "/v1/manuscripts", in, "Idempotency-Key", strings.Repeat("x", 65)).Refused(http.StatusBadRequest)
	w.Eraser(2).Ask(t, "DELETE", "/v1/people/2", nil).Into(http.StatusNoContent, nil)
	var kept int
	if err := w.Pool.QueryRow(t.Context(), `SELECT count(*) FROM content.creations WHERE person_id = 2`).Scan(&kept); err != nil || kept > 0 {
		t.Errorf("%d keys of a person who left, %v", kept, err)
	}
}

func TestListsComeInPagesThatNeitherRepeatNorLose(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	// All at once: only the id tells them apart.
	w.Exec(t, `INSERT INTO content.posts (slug, title, summary, body, published_at, author_id)
		SELECT 'p-' || i, 'P' || i, '', '', timestamptz '2026-01-01' + (i / 10) * interval '1 day', 2 FROM generate_series(1, 45) i`)
	for _, base := range []string{"/v1/posts?", "/v1/posts?author=2&"} {
		seen := map[string]bool{}
		pages := 0
		for next := "limit=20"; next != ""; pages++ {
			list := get[api.PostList](t, w.anybody, base+next)
			for _, title := range titles(list) {
				if seen[title] {
					t.Errorf("%s came twice", title)
				}
				seen[title] = true
			}
			next = ""
			if list.Next != nil {
				next = "limit=20&after=" + *list.Next
			}
		}
		if len(seen) != 45 || pages != 3 {
			t.Errorf("%s: %d posts on %d pages", base, len(seen), pages)
		}
	}
	post := get[api.Post](t, w.anybody, "/v1/posts/p-9")
	if post.Newer == nil || post.Newer.Slug != "p-10" || post.Older == nil || post.Older.Slug != "p-8" {
		t.Errorf("beside it: %+v %+v", post.Newer, post.Older)
	}
	some := get[api.PostList](t, w.anybody, "/v1/posts?ids=3,41,999")
	if diff := cmp.Diff([]string{"P41", "P3"}, titles(some)); diff != "" {
		t.Error(diff)
	}
}

func TestTagsAndCategoriesSelectPosts(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	category := func(name string, parent *int64) api.Category {
		t.Helper()
		var made api.Category
		w.admin.Ask(t, "POST", "/v1/categories", api.CategoryInput{Name: name, ParentID: parent}).Into(http.StatusCreated, &made)
		return made
	}
	engineering := category("Engineering", nil)
	operations := category("Operations", &engineering.ID)
	category("Design", nil)
	w.publish(t, api.ManuscriptInput{Title: "In engineering", Body: "x", CategoryID: &engineering.ID, Tags: &[]string{"Both", "One"}})
	below := w.publish(t, api.ManuscriptInput{Title: "In operations", Body: "x", CategoryID: &operations.ID, Tags: &[]string{"Both"}})
	write(t, w.amara, api.ManuscriptInput{Title: "A draft", Body: "x", CategoryID: &operations.ID, Tags: &[]string{"Both", "Secret"}})

	for selection, want := range map[string][]string{
		"tag=both": {"In operations", "In engineering"}, "tag=one": {"In engineering"},
		"category=engineering": {"In operations", "In engineering"}, "category=operations": {"In operations"}, "category=design": {},
	} {
		if diff := cmp.Diff(want, titles(get[api.PostList](t, w.anybody, "/v1/posts?"+selection))); diff != "" {
			t.Errorf("%s: %s", selection, diff)
		}
	}
	if diff := cmp.Diff([]api.Tag{{Slug: "both", Name: "Both"}, {Slug: "one", Name: "One"}}, get[api.TagList](t, w.anybody, "/v1/tags").Tags); diff != "" {
		t.Errorf("the tag of a draft is told: %s", diff)
	}
	w.anybody.Ask(t, "GET", "/v1/posts?tag=none", nil).Refused(http.StatusNotFound)
	w.anybody.Ask(t, "GET", "/v1/posts?tag=both&category=design", nil).Refused(http.StatusBadRequest)

	// No category is its own ancestor, and none that has others below it goes.
	for _, parent := range []int64{engineering.ID, operations.ID, 999} {
		doc := w.admin.Ask(t, "PUT", fmt.Sprintf("/v1/categories/%d", engineering.ID), api.CategoryInput{Name: "E", ParentID: &parent}).Refused(http.StatusBadRequest)
		if doc.Field != "body.parentId" {
			t.Errorf("parent %d: %+v", parent, doc)
		}
	}
	w.admin.Ask(t, "DELETE", fmt.Sprintf("/v1/categories/%d", engineering.ID), nil).Refused(http.StatusConflict)
	if got := get[api.Post](t, w.anybody, "/v1/posts/in-engineering"); got.Category == nil || got.Category.Slug != "engineering" {
		t.Errorf("a refused removal took the category: %+v", got.Category)
	}
	w.admin.Ask(t, "DELETE", fmt.Sprintf("/v1/categories/%d", operations.ID), nil).Into(http.StatusNoContent, nil)
	if got := get[api.Post](t, w.anybody, "/v1/posts/"+below.Slug); got.Category != nil {
		t.Errorf("the category is still there: %+v", got.Category)
	}
	tree := get[api.CategoryList](t, w.anybody, "/v1/categories")
	if len(tree.Categories) != 2 || tree.Categories[0].Name != "Design" {
		t.Errorf("the tree: %+v", tree)
	}
	w.admin.Ask(t, "PUT", fmt.Sprintf("/v1/categories/%d", engineering.ID), api.CategoryInput{Name: "Engineering", Position: new(int32(-1))}).Into(http.StatusOK, nil)
	if tree := get[api.CategoryList](t, w.anybody, "/v1/categories"); tree.Categories[0].Name != "Engineering" || tree.Categories[0].Position != -1 {
		t.Errorf("the tree after a move: %+v", tree)
	}
	w.admin.Ask(t, "PUT", "/v1/tags/both", api.TagInput{Name: "Twice"}).Into(http.StatusOK, nil)
	w.admin.Ask(t, "DELETE", "/v1/tags/one", nil).Into(http.StatusNoContent, nil)
	if got := get[api.Post](t, w.anybody, "/v1/posts/in-engineering").Tags; len(got) != 1 || got[0].Name != "Twice" {
		t.Errorf("tags: %+v", got)
	}
}

func TestSettingsChangeOnlyOnTopOfTheLast(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	first := w.anybody.Ask(t, "GET", "/v1/settings", nil)
	in := api.SettingsInput{Name: "Notes", Description: "", Language: "si-LK", PostsPerPage: 10}
	var changed api.Settings
	w.admin.Ask(t, "PUT", "/v1/settings", in, "If-Match", first.Header.Get("ETag")).Into(http.StatusOK, &changed)
	if changed.Name != "Notes" || changed.Language != "si-LK" {
		t.Errorf("got %+v", changed)
	}
	w.admin.Ask(t, "PUT", "/v1/settings", in, "If-Match", first.Header.Get("ETag")).Refused(http.StatusPreconditionFailed)
}

func TestPostsOfThePreviousReleaseSurviveAndAreRendered(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	// As the previous release writes them.
	w.Exec(t, `INSERT INTO content.posts (slug, title, summary, body, published_at) VALUES
		('old', 'Old', 'S', E'One & two.\n\nThree.', now()), ('draft', 'Draft', '', '', NULL), ('tomorrow', 'T', '', '', now() + interval '1 day')`)
	check := func() {
		t.Helper()
		if post := get[api.Post](t, w.anybody, "/v1/posts/old"); post.HTML != "<p>One &amp; two.</p>\n<p>Three.</p>\n" || post.ReadingMinutes != 1 {
			t.Errorf("got %+v", post)
		}
		if diff := cmp.Diff([]string{"Old"}, titles(get[api.PostList](t, w.anybody, "/v1/posts"))); diff != "" {
			t.Error(diff)
		}
	}
	check()
	if n, err := w.renderer.runOnce(t.Context(), w.Pool); n != 3 || err != nil {
		t.Errorf("rendered %d, %v", n, err)
	}
	if n, err := w.renderer.runOnce(t.Context(), w.Pool); n != 0 || err != nil {
		t.Errorf("rendered %d again, %v", n, err)
	}
	check()
	if m := get[api.Manuscript](t, w.admin, "/v1/manuscripts/1"); m.State != api.StatePublished || m.Body != "One & two.\n\nThree." {
		t.Errorf("got %+v", m)
	}
}

func TestAPersonWhoLeftIsForgottenAndHasNoSay(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	public := w.publish(t, api.ManuscriptInput{Title: "Stays", Body: "x"})
	draft := write(t, w.amara, api.ManuscriptInput{Title: "Goes", Body: "x"})
	w.Eraser(3).Ask(t, "DELETE", "/v1/people/2", nil).Refused(http.StatusForbidden)
	w.admin.Ask(t, "DELETE", "/v1/people/2", nil).Refused(http.StatusForbidden)
	for range 2 {
		w.Eraser(2).Ask(t, "DELETE", "/v1/people/2", nil).Into(http.StatusNoContent, nil)
	}
	if post := get[api.Post](t, w.anybody, "/v1/posts/stays"); post.Author.ID != nil || post.Author.Name != "" {
		t.Errorf("the author: %+v", post.Author)
	}
	w.admin.Ask(t, "GET", path(draft), nil).Refused(http.StatusNotFound)
	for _, entry := range get[api.Log](t, w.admin, path(public)+"/log").Entries {
		if strings.Contains(entry.Actor.Name, "Amara") {
			t.Errorf("the log names her: %+v", entry)
		}
	}
	w.amara.Ask(t, "POST", "/v1/manuscripts", api.ManuscriptInput{Title: "Back", Body: "x"}).Refused(http.StatusForbidden)
	w.Eraser(5).Ask(t, "POST", "/v1/manuscripts", api.ManuscriptInput{Title: "x", Body: "x"}).Refused(http.StatusForbidden)
}

func TestOnePersonCannotKeepTheServiceBusy(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	w.Exec(t, `INSERT INTO content.rate_limits VALUES (2, 'create', now() - interval '59 minutes', 60), (3, 'create', now() - interval '61 minutes', 60)`)
	answer := w.amara.Ask(t, "POST", "/v1/manuscripts", api.ManuscriptInput{Title: "One more", Body: ""})
	answer.Refused(http.StatusTooManyRequests)
	if wait, err := time.ParseDuration(answer.Header.Get("Retry-After") + "s"); err != nil || wait < 50*time.Second || wait > time.Minute {
		t.Errorf("Retry-After: %s", answer.Header.Get("Retry-After"))
	}
	write(t, w.noah, api.ManuscriptInput{Title: "After a while", Body: ""})
}

func TestPostgresKilledInTheMiddleLosesNoAcceptedSave(t *testing.T) {
	database := postgres.New(t)
	w := newWorld(t, database)
	m := write(t, w.amara, api.ManuscriptInput{Title: "Durable", Body: "0"})
	// Not what this is about.
	w.Exec(t, `ALTER TABLE content.rate_limits SET LOGGED`)
	w.Exec(t, `INSERT INTO content.rate_limits VALUES (2, 'save', now() + interval '1 day', -1000000)`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	accepted := make(chan int64, 10_000)
	var group errgroup.Group
	group.Go(func() error {
		defer close(accepted)
		revision := m.Revision
		for i := 1; ctx.Err() == nil; i++ {
			answer, err := w.amara.Try(t, "PUT", path(m), api.ManuscriptInput{Title: "Durable", Body: fmt.Sprint(i)}, "If-Match", input.ETag(revision))
			switch {
			case err != nil:
				return err
			case answer.Status == http.StatusOK:
				var saved api.Manuscript
				answer.Into(http.StatusOK, &saved)
				revision = saved.Revision
				accepted <- int64(i)
			case answer.Status == http.StatusServiceUnavailable:
				// Said again until it is heard: whether it was, is not known.
				i--
				<-time.After(20 * time.Millisecond)
			case answer.Status == http.StatusPreconditionFailed:
				return fmt.Errorf("a save was lost, or made twice: %s", answer.Body)
			default:
				return fmt.Errorf("answered %d: %s", answer.Status, answer.Body)
			}
		}
		return nil
	})
	progress := func(n int) int64 {
		var last int64
		for range n {
			select {
			case last = <-accepted:
			case <-time.After(timefactor.Scale(30 * time.Second)):
				t.Error("no save was accepted in time")
				return last
			}
		}
		return last
	}
	progress(20)
	database.Crash(t)
	w.anybody.Ask(t, "GET", "/v1/posts", nil).Refused(http.StatusServiceUnavailable)
	database.Restart(t)
	last := progress(20)
	cancel()
	for i := range accepted {
		last = i
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	kept := get[api.Manuscript](t, w.amara, path(m))
	if kept.Body != fmt.Sprint(last) && kept.Body != fmt.Sprint(last+1) {
		t.Errorf("accepted %d, kept %s", last, kept.Body)
	}
}

func TestViewsAreCountedTogetherAndNotLostWithTheDatabase(t *testing.T) {
	database := postgres.New(t)
	w := newWorld(t, database)
	m := w.publish(t, api.ManuscriptInput{Title: "Read me", Body: "x"})
	read := func(readers string) {
		t.Helper()
		w.anybody.Ask(t, "GET", "/v1/posts/read-me", nil, "Blog-Views", readers).Into(http.StatusOK, nil)
	}
	w.anybody.Ask(t, "GET", "/v1/posts/read-me", nil).Into(http.StatusOK, nil)
	read("41")
	read("0")
	w.anybody.Ask(t, "GET", "/v1/posts/nothing", nil).Refused(http.StatusNotFound)
	for _, wrong := range []string{"-1", "10001", "x"} {
		if doc := w.anybody.Ask(t, "GET", "/v1/posts/read-me", nil, "Blog-Views", wrong).Refused(http.StatusBadRequest); doc.Field != "Blog-Views" {
			t.Errorf("%s: %+v", wrong, doc)
		}
	}
	database.Crash(t)
	if err := w.views.flush(t.Context(), w.Pool); err == nil {
		t.Error("views were written to a database that is away")
	}
	database.Restart(t)
	seen := func() int64 { return get[api.ManuscriptList](t, w.amara, "/v1/manuscripts").Manuscripts[0].Views }
	await.Nil(t, func() error { return w.views.flush(t.Context(), w.Pool) })
	if got := seen(); got != 42 {
		t.Errorf("%d views", got)
	}
	read("8")
	w.views.add(999, 5)
	if err := w.views.flush(t.Context(), w.Pool); err != nil || seen() != 50 {
		t.Errorf("%d views, %v", seen(), err)
	}
	if got := get[api.Manuscript](t, w.amara, path(m)); got.Revision != m.Revision {
		t.Error("reading is a change")
	}
}

func TestARoleThatIsGoneIsGone(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	m := write(t, w.amara, api.ManuscriptInput{Title: "Mine", Body: "x"})
	demoted := w.Person(2, "Amara Silva", token.Reader)
	demoted.Ask(t, "GET", path(m), nil).Refused(http.StatusForbidden)
	demoted.Ask(t, "GET", "/v1/manuscripts", nil).Refused(http.StatusForbidden)
}
