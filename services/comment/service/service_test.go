package service

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/services/comment/internal/api"
	"blogplatform.io/operator/services/internal/page"
	"blogplatform.io/operator/services/internal/testing/apitest"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/token"
)

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

// world is a comment service with some of the people who use it.
type world struct {
	*apitest.Service
	anybody, rita, sam, editor, admin *apitest.Person
}

func newWorld(t testing.TB, database *postgres.Server) *world {
	t.Helper()
	s := apitest.Start(t, database, "comment", migrations, routes)
	return &world{
		Service: s, anybody: s.Anybody(), rita: s.Person(1, "Rita Reader", token.Reader), sam: s.Person(2, "Sam Second", token.Reader),
		editor: s.Person(3, "Noah Perera", token.Editor), admin: s.Person(4, "Ada Admin", token.Admin),
	}
}

const post7 = "/v1/posts/7/comments"

func path(c api.Comment) string { return fmt.Sprintf("/v1/comments/%d", c.ID) }

func get[T any](t testing.TB, who *apitest.Person, path string) T {
	t.Helper()
	var out T
	who.Ask(t, http.MethodGet, path, nil).Into(http.StatusOK, &out)
	return out
}

// speak says something under post 7.
func speak(t testing.TB, who *apitest.Person, body string, parent *api.Comment) api.Comment {
	t.Helper()
	in := api.CommentInput{Body: body}
	if parent != nil {
		in.ParentID = &parent.ID
	}
	var made api.Comment
	who.Ask(t, http.MethodPost, post7, in).Into(http.StatusCreated, &made)
	return made
}

func settle(t testing.TB, who *apitest.Person, c api.Comment, state api.DecisionInputState, reason string) api.Comment {
	t.Helper()
	var settled api.Comment
	who.Ask(t, http.MethodPost, path(c)+"/decisions", api.DecisionInput{State: state, Reason: &reason, Revision: c.Revision}).Into(http.StatusOK, &settled)
	return settled
}

// seen are the comments that somebody sees, indented by depth.
func seen(t testing.TB, who *apitest.Person) []string {
	t.Helper()
	out := []string{}
	for _, c := range get[api.CommentList](t, who, post7).Comments {
		out = append(out, strings.Repeat("> ", c.Depth)+c.Body)
	}
	return out
}

func TestTheDocumentAndTheRoutesAgree(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	patterns := w.Mux.Patterns()
	slices.Sort(patterns)
	if diff := cmp.Diff(apitest.Operations(t, "../openapi.yaml"), patterns); diff != "" {
		t.Error(diff)
	}
}

func TestAFirstCommentWaitsForAModeratorAndLaterOnesDoNot(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	var first api.Comment
	w.rita.Ask(t, "POST", post7, `{"body": " Hello.\r\nThere ", "author": "Ada Admin", "authorId": 4, "state": "approved"}`).Into(http.StatusCreated, &first)
	if first.Author.Name != "Rita Reader" || *first.Author.ID != 1 || first.State != api.StateHeld || first.Body != "Hello.\nThere" || !first.Mine {
		t.Errorf("got %+v", first)
	}
	for who, want := range map[*apitest.Person][]string{w.anybody: {}, w.sam: {}, w.rita: {"Hello.\nThere"}} {
		if diff := cmp.Diff(want, seen(t, who)); diff != "" {
			t.Error(diff)
		}
	}
	w.sam.Ask(t, "GET", path(first), nil).Refused(http.StatusNotFound)
	queue := get[api.ModerationList](t, w.editor, "/v1/moderation/comments")
	if len(queue.Comments) != 1 || queue.Comments[0].HeldFor != "It is its author's first." {
		t.Errorf("the queue: %+v", queue)
	}
	settle(t, w.editor, first, api.DecisionInputStateApproved, "")
	if second := speak(t, w.rita, "Again.", nil); second.State != api.StateApproved {
		t.Errorf("the second: %+v", second)
	}
	if diff := cmp.Diff([]string{"Hello.\nThere", "Again."}, seen(t, w.anybody)); diff != "" {
		t.Error(diff)
	}
	if c := speak(t, w.editor, "Welcome.", nil); c.State != api.StateApproved {
		t.Errorf("an Editor waits: %+v", c)
	}
}

func TestDecisionsHaveReasonsAndALogAndAreAboutWhatWasRead(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	c := speak(t, w.rita, "Buy lamps.", nil)
	var edited api.Comment
	w.rita.Ask(t, "PUT", path(c), api.EditInput{Body: "Buy more lamps."}).Into(http.StatusOK, &edited)
	if doc := w.editor.Ask(t, "POST", path(c)+"/decisions", api.DecisionInput{State: "approved", Revision: c.Revision}).Refused(http.StatusConflict); doc.Field != "body.revision" {
		t.Errorf("got %+v", doc)
	}
	settle(t, w.editor, edited, api.DecisionInputStateRejected, "Advertising.")
	settle(t, w.admin, edited, api.DecisionInputStateSpam, "A known seller.")
	settle(t, w.admin, edited, api.DecisionInputStateSpam, "Said twice is said once.")
	log := []string{}
	for _, d := range get[api.DecisionList](t, w.editor, path(c)+"/decisions").Decisions {
		log = append(log, d.Actor.Name+": "+d.Was+" to "+d.Became+": "+d.Reason)
	}
	if diff := cmp.Diff([]string{"Ada Admin: rejected to spam: A known seller.", "Noah Perera: held to rejected: Advertising."}, log); diff != "" {
		t.Error(diff)
	}
	if spam := get[api.ModerationList](t, w.editor, "/v1/moderation/comments?state=spam"); len(spam.Comments) != 1 {
		t.Errorf("spam: %+v", spam)
	}
	w.rita.Ask(t, "PUT", path(c), api.EditInput{Body: "Please."}).Refused(http.StatusConflict)
	w.Exec(t, `UPDATE comment.settings SET policy = 'open'`)
	if next := speak(t, w.rita, "Something nice.", nil); next.State != api.StateHeld {
		t.Errorf("somebody who sent spam is not held: %+v", next)
	}
}

func TestAnEditGoesBackToModeration(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	c := settle(t, w.editor, speak(t, w.rita, "Nice.", nil), api.DecisionInputStateApproved, "")
	w.sam.Ask(t, "PUT", path(c), api.EditInput{Body: "Mine now."}).Refused(http.StatusForbidden)
	w.editor.Ask(t, "PUT", path(c), api.EditInput{Body: "Improved."}).Refused(http.StatusForbidden)
	var edited api.Comment
	w.rita.Ask(t, "PUT", path(c), api.EditInput{Body: "Nice."}).Into(http.StatusOK, &edited)
	if edited.State != api.StateApproved || edited.EditedAt != nil {
		t.Errorf("the same words are an edit: %+v", edited)
	}
	w.rita.Ask(t, "PUT", path(c), api.EditInput{Body: "Nice. See my shop."}).Into(http.StatusOK, &edited)
	if edited.State != api.StateHeld || edited.EditedAt == nil {
		t.Errorf("got %+v", edited)
	}
	if diff := cmp.Diff([]string{}, seen(t, w.anybody)); diff != "" {
		t.Error(diff)
	}
}

func TestThreadsAreNestedThreeDeepAndKeptWhenACommentGoes(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	root := speak(t, w.editor, "root", nil)
	one := speak(t, w.admin, "one", &root)
	two := speak(t, w.editor, "two", &one)
	three := speak(t, w.admin, "three", &two)
	four := speak(t, w.editor, "four", &three)
	if four.Depth != 3 || *four.ParentID != two.ID {
		t.Errorf("a reply that is too deep: %+v", four)
	}
	speak(t, w.editor, "one b", &root)
	other := speak(t, w.admin, "other", nil)
	want := []string{"root", "> one", "> > two", "> > > three", "> > > four", "> one b", "other"}
	if diff := cmp.Diff(want, seen(t, w.anybody)); diff != "" {
		t.Error(diff)
	}
	w.rita.Ask(t, "DELETE", path(one), nil).Refused(http.StatusForbidden)
	w.admin.Ask(t, "DELETE", path(one), nil).Into(http.StatusNoContent, nil)
	w.editor.Ask(t, "DELETE", path(other), nil).Into(http.StatusNoContent, nil)
	want[1] = "> "
	if diff := cmp.Diff(want[:6], seen(t, w.anybody)); diff != "" {
		t.Error(diff)
	}
	for _, c := range get[api.CommentList](t, w.anybody, post7).Comments {
		if c.ID == one.ID && (c.Author.Name != "" || c.Author.ID != nil || c.State != api.StateDeleted) {
			t.Errorf("a deleted comment tells who said it: %+v", c)
		}
	}
	w.admin.Ask(t, "GET", path(one), nil).Into(http.StatusOK, nil)
	w.admin.Ask(t, "DELETE", path(one), nil).Refused(http.StatusNotFound)
	// A reply needs something to hang on.
	for name, in := range map[string]api.CommentInput{
		"a deleted comment": {Body: "x", ParentID: &one.ID}, "no comment": {Body: "x", ParentID: new(int64(999))},
	} {
		if doc := w.rita.Ask(t, "POST", post7, in).Refused(http.StatusBadRequest); doc.Field != "body.parentId" {
			t.Errorf("%s: %+v", name, doc)
		}
	}
	w.rita.Ask(t, "POST", "/v1/posts/8/comments", api.CommentInput{Body: "x", ParentID: &root.ID}).Refused(http.StatusBadRequest)
	w.Exec(t, `INSERT INTO comment.comments (post_id, author, body, parent_id, thread_id, depth) SELECT 7, 'x', 'x', $1, $1, 1 FROM generate_series(1, 200)`, root.ID)
	w.editor.Ask(t, "POST", post7, api.CommentInput{Body: "x", ParentID: &root.ID}).Refused(http.StatusConflict)
}

func TestAHeldCommentWithRepliesStandsEmpty(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	c := settle(t, w.editor, speak(t, w.rita, "Start.", nil), api.DecisionInputStateApproved, "")
	speak(t, w.editor, "Reply.", &c)
	w.rita.Ask(t, "PUT", path(c), api.EditInput{Body: "Start. http://shop.example"}).Into(http.StatusOK, nil)
	if diff := cmp.Diff([]string{"", "> Reply."}, seen(t, w.anybody)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Start. http://shop.example", "> Reply."}, seen(t, w.rita)); diff != "" {
		t.Error(diff)
	}
}

func TestThreadsComeInPages(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	w.Exec(t, `INSERT INTO comment.comments (post_id, author, body, created_at) SELECT 7, 'A', 'C' || i, timestamptz '2026-01-01' FROM generate_series(1, 45) i`)
	// Nothing of these can be read.
	w.Exec(t, `INSERT INTO comment.comments (post_id, author, body, created_at, state) SELECT 7, 'A', 'spam', timestamptz '2025-01-01', 'spam' FROM generate_series(1, 45) i`)
	names := map[string]bool{}
	pages := 0
	for next := "?limit=20"; next != ""; pages++ {
		list := get[api.CommentList](t, w.anybody, post7+next)
		for _, c := range list.Comments {
			names[c.Body] = true
		}
		next = ""
		if list.Next != nil {
			next = "?limit=20&after=" + *list.Next
		}
	}
	if len(names) != 45 || names["spam"] || pages != 3 {
		t.Errorf("%d comments on %d pages", len(names), pages)
	}
}

// pagesOf reads all pages of the comments on post 7, and calls between after each.
func pagesOf(t *testing.T, who *apitest.Person, between func()) (pages [][]api.Comment) {
	t.Helper()
	for next := "?limit=50"; next != ""; {
		answer := who.Ask(t, http.MethodGet, post7+next, nil)
		var list api.CommentList
		answer.Into(http.StatusOK, &list)
		// What clients accept is far more.
		if len(answer.Body) > 1<<20 {
			t.Errorf("a page has %d bytes", len(answer.Body))
		}
		pages = append(pages, list.Comments)
		next = ""
		if list.Next != nil {
			next = "?limit=50&after=" + *list.Next
		}
		between()
	}
	return pages
}

func TestLongThreadsComeInPagesThatAreBounded(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	thread := func(body string, replies int, reply string) {
		t.Helper()
		var root int64
		w.Exec(t, `INSERT INTO comment.comments (post_id, author, body) VALUES (7, 'A', $1)`, body)
		if err := w.Pool.QueryRow(t.Context(), `SELECT max(id) FROM comment.comments`).Scan(&root); err != nil {
			t.Fatal(err)
		}
		w.Exec(t, `INSERT INTO comment.comments (post_id, author, body, parent_id, thread_id, depth)
			SELECT 7, 'A', i || $2, $1, $1, 1 FROM generate_series(1, $3) i`, root, reply, replies)
	}
	thread("Short.", 2, "")
	// JSON writes each of these as six bytes.
	thread("Long.", 140, strings.Repeat("<", 4990))
	for range 5 {
		thread("Many.", 100, "")
	}
	hidden := false
	pages := pagesOf(t, w.anybody, func() {
		if hidden {
			return
		}
		// What the first page ended with is deleted: the next one goes on behind it.
		w.Exec(t, `UPDATE comment.comments SET state = 'deleted', body = '-' WHERE id = (
			SELECT id FROM comment.comments WHERE body LIKE '26<%')`)
		hidden = true
	})
	var got []string
	for _, page := range pages {
		if len(page) == 0 || len(page) > 300 {
			t.Errorf("%d comments on a page", len(page))
		}
		for _, c := range page {
			got = append(got, strings.TrimRight(c.Body, "<"))
		}
	}
	numbers := func(n int) (out []string) {
		for i := 1; i <= n; i++ {
			out = append(out, fmt.Sprint(i))
		}
		return out
	}
	want := slices.Concat([]string{"Short."}, numbers(2), []string{"Long."}, numbers(140))
	for range 5 {
		want = slices.Concat(want, []string{"Many."}, numbers(100))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if last := pages[0][len(pages[0])-1]; !strings.HasPrefix(last.Body, "26<") {
		t.Errorf("the first page ends with %.10s: this test deletes another comment", last.Body)
	}
	for _, wrong := range []string{".1", "x.1", page.Oldest.String() + ".1", page.Key{At: time.Now(), ID: 1}.String() + ".x", page.Key{At: time.Now(), ID: 1}.String() + ".-1"} {
		if doc := w.anybody.Ask(t, http.MethodGet, post7+"?after="+wrong, nil).Refused(http.StatusBadRequest); doc.Field != "after" {
			t.Errorf("%s: %+v", wrong, doc)
		}
	}
}

func TestALikeCountsOncePerPerson(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	c := speak(t, w.editor, "Like me.", nil)
	like := func(who *apitest.Person, method string) api.Comment {
		t.Helper()
		var out api.Comment
		who.Ask(t, method, path(c)+"/like", nil).Into(http.StatusOK, &out)
		return out
	}
	var group errgroup.Group
	for range 6 {
		group.Go(func() error {
			_, err := w.rita.Try(t, "PUT", path(c)+"/like", nil)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := like(w.sam, "PUT"); got.Likes != 2 || !got.Liked {
		t.Errorf("got %+v", got)
	}
	like(w.sam, "DELETE")
	if got := like(w.sam, "DELETE"); got.Likes != 1 || got.Liked {
		t.Errorf("got %+v", got)
	}
	held := speak(t, w.sam, "Waiting.", nil)
	w.rita.Ask(t, "PUT", path(held)+"/like", nil).Refused(http.StatusNotFound)
}

func TestFloodsAndLinksAreLimited(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	for range 10 {
		speak(t, w.editor, time.Now().String(), nil)
	}
	answer := w.editor.Ask(t, "POST", post7, api.CommentInput{Body: "One more."})
	answer.Refused(http.StatusTooManyRequests)
	if answer.Header.Get("Retry-After") == "" {
		t.Error("it does not say how long to wait")
	}
	if doc := w.rita.Ask(t, "POST", post7, api.CommentInput{Body: strings.Repeat("http://a.example ", 6)}).Refused(http.StatusBadRequest); doc.Field != "body.body" {
		t.Errorf("got %+v", doc)
	}
	w.Exec(t, `UPDATE comment.settings SET policy = 'open'`)
	if c := speak(t, w.rita, "One https://www.a.example/page please", nil); c.State != api.StateApproved {
		t.Errorf("one link with www: %+v", c)
	}
	if c := speak(t, w.rita, "One http://a.example", nil); c.State != api.StateApproved {
		t.Errorf("one link: %+v", c)
	}
	if c := speak(t, w.rita, "Two HTTPS://a.example and WWW.b.example", nil); c.State != api.StateHeld {
		t.Errorf("two links: %+v", c)
	}
}

func TestARequestThatIsSentTwiceSaysItOnce(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			answer, err := w.rita.Try(t, "POST", post7, api.CommentInput{Body: "Once."})
			if err == nil && answer.Status != http.StatusCreated && answer.Status != http.StatusOK {
				err = fmt.Errorf("answered %d: %s", answer.Status, answer.Body)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := get[api.CommentList](t, w.rita, "/v1/comments"); len(got.Comments) != 1 {
		t.Errorf("said %d times", len(got.Comments))
	}
}

func TestAnAdminDecidesHowCommentsAreTaken(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	choose := func(policy api.Policy) {
		t.Helper()
		tag := w.anybody.Ask(t, "GET", "/v1/settings", nil).Header.Get("ETag")
		w.admin.Ask(t, "PUT", "/v1/settings", api.SettingsInput{Policy: policy}, "If-Match", tag).Into(http.StatusOK, nil)
	}
	choose(api.Open)
	if c := speak(t, w.rita, "One.", nil); c.State != api.StateApproved {
		t.Errorf("open: %+v", c)
	}
	choose(api.HoldAll)
	if c := speak(t, w.rita, "Two.", nil); c.State != api.StateHeld {
		t.Errorf("hold all: %+v", c)
	}
	choose(api.Closed)
	w.editor.Ask(t, "POST", post7, api.CommentInput{Body: "Three."}).Refused(http.StatusForbidden)
	w.admin.Ask(t, "PUT", "/v1/settings", api.SettingsInput{Policy: api.Open}, "If-Match", `"1"`).Refused(http.StatusPreconditionFailed)
}

func TestPostgresKilledInTheMiddleLosesNoAcceptedComment(t *testing.T) {
	database := postgres.New(t)
	w := newWorld(t, database)
	accepted := make(chan string, 100_000)
	stop := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error {
		defer close(accepted)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return nil
			default:
			}
			// Each by another person: this is not about floods.
			body := fmt.Sprint("Comment ", i)
			answer, err := w.Person(int64(100+i), "Somebody", token.Editor).Try(t, "POST", post7, api.CommentInput{Body: body})
			switch {
			case err != nil:
				return err
			case answer.Status == http.StatusCreated:
				accepted <- body
			case answer.Status == http.StatusServiceUnavailable:
				<-time.After(20 * time.Millisecond)
			default:
				return fmt.Errorf("answered %d: %s", answer.Status, answer.Body)
			}
		}
	})
	var said []string
	progress := func() {
		for range 20 {
			select {
			case body := <-accepted:
				said = append(said, body)
			case <-time.After(timefactor.Scale(30 * time.Second)):
				t.Error("no comment was accepted in time")
				return
			}
		}
	}
	progress()
	database.Crash(t)
	w.anybody.Ask(t, "GET", post7, nil).Refused(http.StatusServiceUnavailable)
	database.Restart(t)
	progress()
	close(stop)
	for body := range accepted {
		said = append(said, body)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	var kept int
	if err := w.Pool.QueryRow(t.Context(), `SELECT count(DISTINCT body) FROM comment.comments WHERE body = ANY ($1)`, said).Scan(&kept); err != nil || kept != len(said) {
		t.Errorf("%d comments were accepted, %d are kept, %v", len(said), kept, err)
	}
}

func TestAPersonWhoLeftIsForgottenAndHasNoSay(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	c := settle(t, w.editor, speak(t, w.rita, "My street is Main Street.", nil), api.DecisionInputStateApproved, "")
	reply := speak(t, w.editor, "Reply.", &c)
	w.rita.Ask(t, "PUT", path(reply)+"/like", nil).Into(http.StatusOK, nil)
	w.Eraser(2).Ask(t, "DELETE", "/v1/people/1", nil).Refused(http.StatusForbidden)
	for range 2 {
		w.Eraser(1).Ask(t, "DELETE", "/v1/people/1", nil).Into(http.StatusNoContent, nil)
	}
	if diff := cmp.Diff([]string{"", "> Reply."}, seen(t, w.anybody)); diff != "" {
		t.Error(diff)
	}
	if got := get[api.Comment](t, w.anybody, path(reply)); got.Likes != 0 {
		t.Errorf("the like is still counted: %+v", got)
	}
	w.rita.Ask(t, "POST", post7, api.CommentInput{Body: "Back."}).Refused(http.StatusForbidden)
}

func TestCommentsOfThePreviousReleaseSurvive(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	// As the previous release wrote them.
	w.Exec(t, `INSERT INTO comment.comments (post_id, author, body) VALUES (7, 'Amara', 'So true.')`)
	got := get[api.CommentList](t, w.anybody, post7).Comments
	if len(got) != 1 || got[0].Author.Name != "Amara" || got[0].Author.ID != nil || got[0].State != api.StateApproved {
		t.Errorf("got %+v", got)
	}
}
