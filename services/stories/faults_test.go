package stories

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/token"
)

// defaultIssuer is who signs where TOKEN_ISSUER is not set.
const defaultIssuer = "blogplatform:unnamed"

// crowd is a blog with many people, who all come with tokens that its own user
// service could have signed. The first thousand are Admins.
type crowd struct {
	*blog
	key  token.Key
	http *http.Client
}

func newCrowd(t *testing.T, server *postgres.Server) *crowd {
	t.Helper()
	c := &crowd{blog: newBlog(t, server), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	t.Cleanup(c.http.CloseIdleConnections)
	// Whoever asks first has the first key made.
	answers(t, c.processes["user"].App+"/v1/keys", http.StatusOK)
	query(t, c.user, `SELECT kid, seed FROM "user".signing_keys`, func(rows pgx.Rows) error {
		var id string
		var seed []byte
		if err := rows.Scan(&id, &seed); err != nil {
			return err
		}
		var err error
		c.key, err = token.ParseKey(id, seed)
		return err
	})
	execute(t, c.user, fmt.Sprintf(`INSERT INTO "user".people (display_name, role, issuer, subject)
		SELECT 'Person ' || i, CASE WHEN i <= %d THEN 'Admin' ELSE 'Reader' END, 'https://id.example.com', i::text FROM generate_series(1, 100000) i`, admins))
	return c
}

// request is one that somebody sends to a service.
type request struct {
	who          token.Claims
	method, path string
	body         string
}

// answer is what a service said.
type answer struct {
	status int
	body   []byte
}

// send may be called from any goroutine.
func (c *crowd) send(base, audience string, r request) (answer, error) {
	raw, err := c.key.Sign(defaultIssuer, audience, r.who, time.Now())
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequest(r.method, base+r.path, bytes.NewReader([]byte(r.body)))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+raw)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, body}, err
}

// admins are as many that none has governed too much.
const admins = 1000

// kind is one sort of writing, each time by somebody else, so that nobody has
// written too much.
type kind struct {
	service string
	// nth is the write with that number, from 2 on, and its mark.
	nth func(n int) (request, string)
	// kept selects the marks that are in the service's database.
	kept string
}

func kinds() []kind {
	return []kind{
		{"content", func(n int) (request, string) {
			mark := fmt.Sprintf("Post %d", n)
			return request{who: token.Claims{Person: int64(n), Name: "Editor", Role: token.Editor}, method: "POST", path: "/v1/manuscripts", body: fmt.Sprintf(`{"title": %q, "body": "x"}`, mark)}, mark
		}, `SELECT title FROM content.posts`},
		{"comment", func(n int) (request, string) {
			mark := fmt.Sprintf("Comment %d", n)
			return request{who: token.Claims{Person: int64(n), Name: "Reader", Role: token.Reader}, method: "POST", path: "/v1/posts/1/comments", body: fmt.Sprintf(`{"body": %q}`, mark)}, mark
		}, `SELECT body FROM comment.comments`},
		{"user", func(n int) (request, string) {
			mark := fmt.Sprint(admins + n)
			return request{who: token.Claims{Person: int64(1 + n%admins), Name: "Admin", Role: token.Admin}, method: "PUT", path: "/v1/admin/people/" + mark + "/lock", body: `{"reason": "spam"}`}, mark
		}, `SELECT id::text FROM "user".people WHERE locked_here`},
	}
}

// ledger is what became of the writes of one kind.
type ledger struct {
	kind

	mu       sync.Mutex
	last     int
	accepted []string
	refused  int
}

func (l *ledger) next() (request, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	return l.nth(l.last + 1)
}

// write sends the next write and enters what was answered. What is neither
// accepted nor honestly refused is an error.
func (l *ledger) write(c *crowd) error {
	r, mark := l.next()
	got, err := c.send(c.processes[l.service].App, l.service, r)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var refusal problem.Document
	switch {
	case got.status/100 == 2:
		l.accepted = append(l.accepted, mark)
		return nil
	case got.status != http.StatusServiceUnavailable:
		return fmt.Errorf("%s answered %d: %s", l.service, got.status, got.body)
	case json.Unmarshal(got.body, &refusal) != nil || refusal.Detail != "The database does not answer.":
		return fmt.Errorf("%s does not say why it refuses: %s", l.service, got.body)
	}
	l.refused++
	return nil
}

func (l *ledger) counts() (accepted, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted), l.refused
}

func TestNoAcceptedWriteIsLostWithTheDatabase(t *testing.T) {
	server := postgres.New(t)
	c := newCrowd(t, server)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ledgers []*ledger
	var writers sync.WaitGroup
	for _, kind := range kinds() {
		l := &ledger{kind: kind}
		ledgers = append(ledgers, l)
		for range 2 {
			writers.Go(func() {
				for ctx.Err() == nil {
					if err := l.write(c); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	// more waits until each kind has that many more of what count tells.
	more := func(n int, what string, count func(*ledger) int) {
		t.Helper()
		for _, l := range ledgers {
			goal := count(l) + n
			await.Nil(t, func() error {
				if got := count(l); got < goal {
					return fmt.Errorf("%s: %d %s of %d", l.service, got, what, goal)
				}
				return nil
			})
		}
	}
	accepted := func(l *ledger) int { n, _ := l.counts(); return n }
	refused := func(l *ledger) int { _, n := l.counts(); return n }
	for range 2 {
		more(20, "accepted", accepted)
		server.Crash(t)
		more(5, "refused", refused)
		server.Restart(t)
	}
	more(20, "accepted", accepted)
	cancel()
	writers.Wait()
	for _, l := range ledgers {
		kept := map[string]bool{}
		query(t, map[string]settings{"user": c.user, "content": c.content, "comment": c.comment}[l.service], l.kept, func(rows pgx.Rows) error {
			var mark string
			err := rows.Scan(&mark)
			kept[mark] = true
			return err
		})
		lost := slices.DeleteFunc(slices.Clone(l.accepted), func(mark string) bool { return kept[mark] })
		if len(lost) > 0 {
			t.Errorf("%s accepted %d writes, refused %d, and lost %d: %q", l.service, len(l.accepted), l.refused, len(lost), lost[:min(len(lost), 10)])
		}
	}
}

func TestAKilledReplicaLosesNoDraft(t *testing.T) {
	c := newCrowd(t, postgres.Shared(t))
	first, second := c.processes["content"], ready(t, serve(t, "content", c.content.with(settings{"USER_URL": c.processes["user"].App})))
	amara := token.Claims{Person: 2, Name: "Amara Silva", Role: token.Editor}
	var post struct{ ID int64 }
	c.must(t, first.App, http.StatusCreated, request{who: amara, method: "POST", path: "/v1/manuscripts", body: `{"title": "Long", "body": "x"}`}, &post)
	type draft struct {
		Sequence int
		Body     string
	}
	path := fmt.Sprintf("/v1/manuscripts/%d/draft", post.ID)
	typed := func(n int) request {
		return request{who: amara, method: "PUT", path: path, body: fmt.Sprintf(`{"baseRevision": 1, "sequence": %d, "title": "Long", "body": "word %[1]d"}`, n)}
	}

	saved := make(chan int, 1000)
	go func() {
		defer close(saved)
		for n := 1; ; n++ {
			got, err := c.send(first.App, token.Content, typed(n))
			if err != nil {
				return // it is killed
			}
			if got.status != http.StatusOK {
				t.Errorf("autosave %d answered %d: %s", n, got.status, got.body)
				return
			}
			saved <- n
		}
	}()
	last := 0
	for last < 20 {
		last = <-saved
	}
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	for n := range saved {
		last = n
	}

	var kept draft
	c.must(t, second.App, http.StatusOK, request{who: amara, method: "GET", path: path}, &kept)
	// The last one may have been kept though nobody was told.
	if kept.Sequence != last && kept.Sequence != last+1 || kept.Body != fmt.Sprintf("word %d", kept.Sequence) {
		t.Errorf("%d was saved, and %+v is kept", last, kept)
	}
	c.must(t, second.App, http.StatusOK, typed(last+1), &kept)
	c.must(t, second.App, http.StatusOK, typed(last+2), &kept)
	if kept.Sequence != last+2 || kept.Body != fmt.Sprintf("word %d", last+2) {
		t.Errorf("what is typed on is not kept: %+v", kept)
	}
}

// must sends a request to content and reads the document of its answer.
func (c *crowd) must(t *testing.T, base string, status int, r request, into any) {
	t.Helper()
	got, err := c.send(base, token.Content, r)
	if err == nil && got.status != status {
		err = errors.New(http.StatusText(got.status))
	}
	if err == nil {
		err = json.Unmarshal(got.body, into)
	}
	if err != nil {
		t.Fatalf("%s %s: %v: %s", r.method, r.path, err, got.body)
	}
}
