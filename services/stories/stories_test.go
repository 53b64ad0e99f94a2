package stories

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/testing/process"
	"blogplatform.io/operator/services/internal/token"
)

func TestReadersSeeWhatTheSeedWrote(t *testing.T) {
	b := newBlog(t, postgres.Shared(t))
	home := answers(t, b.frontend.App+"/", http.StatusOK)
	for _, want := range []string{"The quiet release", `href="/posts/writing-for-one-reader"`, "Dark pages, warm paper"} {
		if !strings.Contains(home, want) {
			t.Errorf("the home page lacks %q", want)
		}
	}
	post := answers(t, b.frontend.App+"/posts/the-quiet-release", http.StatusOK)
	for _, want := range []string{"We used to announce our releases.", "Nobody has commented on this post yet."} {
		if !strings.Contains(post, want) {
			t.Errorf("the post lacks %q", want)
		}
	}
	for range 2 {
		mustRun(t, "comment", b.comment, "seed", "--posts=the-quiet-release=1,what-a-backup-is-for=3")
	}
	post = shows(t, b.frontend.App+"/posts/the-quiet-release", "We still have the calendar entry.")
	if strings.Count(post, "We still have the calendar entry.") != 1 || !strings.Contains(post, `data-depth="2"`) || strings.Contains(post, "cheap lamps") {
		t.Errorf("the comments: %s", post)
	}
}

func TestWhatAnEditorWritesIsReviewedReadAndCommentedOn(t *testing.T) {
	server := postgres.Shared(t)
	users := newUsers(t)
	env := settings{"USER_URL": users.URL, "TOKEN_ISSUER": users.issuer}
	content := ready(t, serve(t, "content", migrated(t, server, "content").with(env)))
	comment := ready(t, serve(t, "comment", migrated(t, server, "comment").with(env)))
	frontend := ready(t, serve(t, "frontend", frontendSettings(t, users.URL, content.App, comment.App)))
	amara, noah := token.Claims{Person: 1, Name: "Amara Silva", Role: token.Editor}, token.Claims{Person: 2, Name: "Noah Perera", Role: token.Editor}
	rita := token.Claims{Person: 3, Name: "Rita Reader", Role: token.Reader}

	m := users.ask(t, token.Content, amara, http.StatusCreated, "POST", content.App+"/v1/manuscripts", `{"title": "First light", "body": "*Hello*, readers."}`, "")
	transitions := fmt.Sprintf("%s/v1/manuscripts/%v/transitions", content.App, m["id"])
	users.ask(t, token.Content, amara, http.StatusOK, "POST", transitions, `{"action": "submit"}`, `"1"`)
	users.ask(t, token.Content, amara, http.StatusForbidden, "POST", transitions, `{"action": "publish"}`, `"2"`)
	users.ask(t, token.Content, noah, http.StatusOK, "POST", transitions, `{"action": "publish"}`, `"2"`)
	// A token for one service is worth nothing at another.
	comments := fmt.Sprintf("%s/v1/posts/%v/comments", comment.App, m["id"])
	users.ask(t, token.Content, rita, http.StatusUnauthorized, "POST", comments, `{"body": "So true."}`, "")
	c := users.ask(t, token.Comment, rita, http.StatusCreated, "POST", comments, `{"body": "So true."}`, "")
	post := answers(t, frontend.App+"/posts/first-light", http.StatusOK)
	if !strings.Contains(post, "<em>Hello</em>, readers.") || !strings.Contains(post, "Amara Silva") || strings.Contains(post, "So true.") {
		t.Errorf("the post before moderation: %s", post)
	}
	users.ask(t, token.Comment, noah, http.StatusOK, "POST", fmt.Sprintf("%s/v1/comments/%v/decisions", comment.App, c["id"]), `{"state": "approved", "revision": 1}`, "")
	if post := shows(t, frontend.App+"/posts/first-light", "So true."); !strings.Contains(post, "Rita Reader") {
		t.Errorf("the post after moderation: %s", post)
	}

	users.ask(t, token.Content, amara, http.StatusOK, "PUT", fmt.Sprintf("%s/v1/manuscripts/%v", content.App, m["id"]), `{"title": "First light", "body": "Moved.", "slug": "moved"}`, `"3"`)
	shows(t, frontend.App+"/posts/first-light", "Moved.")
}

// users is the user service's part in this: it signs tokens and publishes the
// key. Signing in is the user service's own story.
type users struct {
	*httptest.Server
	issuer string
	key    token.Key
}

func newUsers(t *testing.T) *users {
	t.Helper()
	key, err := token.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	u := &users{issuer: "blogplatform://test/blog", key: key}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/keys" {
			problem.Write(w, r, http.StatusNotFound, "There is nothing at this path.")
			return
		}
		var set token.Set
		set.Keys = append(set.Keys, key.Public())
		_ = json.NewEncoder(w).Encode(set)
	}))
	t.Cleanup(u.Close)
	return u
}

// ask sends a request as somebody, and returns the document of the answer, which
// must have the status.
func (u *users) ask(t *testing.T, audience string, who token.Claims, status int, method, url, body, ifMatch string) map[string]any {
	t.Helper()
	raw, err := u.key.Sign(u.issuer, audience, who, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+raw)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("If-Match", ifMatch)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var document map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&document); err != nil || resp.StatusCode != status {
		t.Fatalf("%s %s answered %d instead of %d: %v %v", method, url, resp.StatusCode, status, document, err)
	}
	return document
}

func TestDraftsAndPostsOfTomorrowAreNotPublic(t *testing.T) {
	b := newBlog(t, postgres.Shared(t))
	execute(t, b.content, `INSERT INTO content.posts (slug, title, summary, body, published_at) VALUES
		('draft', 'Draft', '', '', NULL), ('tomorrow', 'Tomorrow', '', '', now() + interval '1 day')`)
	if home := answers(t, b.frontend.App+"/", http.StatusOK); strings.Contains(home, "Draft") || strings.Contains(home, "Tomorrow") {
		t.Error("the home page lists them")
	}
	answers(t, b.frontend.App+"/posts/draft", http.StatusNotFound)
	answers(t, b.frontend.App+"/posts/tomorrow", http.StatusNotFound)
}

func TestSeedingTwiceWritesOnceAndProductionAsksForForce(t *testing.T) {
	env := migrated(t, postgres.Shared(t), "content")
	production := env.with(settings{"BLOG_ENVIRONMENT": "Production"})
	refused := run(t, "content", production, "seed")
	if refused.Code != 1 || !strings.Contains(refused.Termination, "add --force") {
		t.Errorf("in Production: %+v", refused)
	}
	for _, step := range []struct {
		env  settings
		args []string
		want string
	}{
		{env, []string{"seed"}, `{"written":6,"kept":0,"posts":{`},
		{env, []string{"seed"}, `{"written":0,"kept":6,"posts":{`},
		{production, []string{"seed", "--force"}, `{"written":0,"kept":6,"posts":{`},
	} {
		if got := mustRun(t, "content", step.env, step.args...); !strings.HasPrefix(got.Termination, step.want) || !strings.Contains(got.Termination, `"the-quiet-release":1`) {
			t.Errorf("%v left %s", step.args, got.Termination)
		}
	}
}

func TestSeedingBeforeMigratingSaysWhatIsMissing(t *testing.T) {
	got := run(t, "content", postgres.Shared(t).Database(t, "content"), "seed")
	if got.Code != 1 || !strings.Contains(got.Termination, "has migrate --phase=expand run?") {
		t.Errorf("got %+v", got)
	}
}

func TestMigrationsLeaveTheirVersionsAsTerminationMessage(t *testing.T) {
	for _, service := range []string{"user", "content", "comment"} {
		env := settings(postgres.Shared(t).Database(t, service))
		latest := len(expansions(t, service))
		for _, step := range []struct{ phase, want string }{
			{"expand", fmt.Sprintf(`{"from":0,"to":%d,"contract":0}`, latest)}, {"contract", `{"from":0,"to":0,"contract":0}`}, {"expand", fmt.Sprintf(`{"from":%d,"to":%[1]d,"contract":0}`, latest)},
		} {
			if got := mustRun(t, service, env, "migrate", "--phase="+step.phase); got.Termination != step.want {
				t.Errorf("%s %s left %s", service, step.phase, got.Termination)
			}
		}
	}
	if got := run(t, "user", nil, "migrate", "--phase=sideways"); got.Code != 2 || !strings.Contains(got.Stderr, "choose expand or contract") {
		t.Errorf("an unknown phase: %+v", got)
	}
}

// expansions are the files of a service's expand phase.
func expansions(t *testing.T, service string) []string {
	t.Helper()
	files, err := filepath.Glob("../" + service + "/service/migrations/expand/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no migrations: %v", service, err)
	}
	return files
}

func TestAServiceRefusesADatabaseThatCannotProveWhoItIs(t *testing.T) {
	env := settings(postgres.Shared(t).Database(t, "content")).with(settings{"PGHOST": "127.0.0.1", "MIGRATE_TIMEOUT": "1s"})
	got := run(t, "content", env, "migrate", "--phase=expand")
	if got.Code != 1 || !strings.Contains(got.Termination, "certificate") || strings.Contains(got.Termination, env["PGPASSWORD"]) {
		t.Errorf("got %+v", got)
	}
}

func TestWrongRequestsGetProblems(t *testing.T) {
	b := newBlog(t, postgres.Shared(t))
	content, user, comment := b.processes["content"].App, b.processes["user"].App, b.processes["comment"].App
	for url, want := range map[string]problem.Document{
		content + "/v1/posts?limit=0":    {Status: 400, Detail: "limit must be a number from 1 to 100."},
		content + "/v1/posts?limit=many": {Status: 400, Detail: "limit is missing or has the wrong form; the API's document says what it takes."},
		content + "/v1/manuscripts":      {Status: 401, Detail: "Sign in first: this needs a token."},
		content + "/v1/posts/nothing":    {Status: 404, Detail: "There is no published post with this slug."},
		comment + "/v1/comments/-1":      {Status: 404, Detail: "There is no comment with this id, or it is not yours to see."},
		user + "/v1/people/1":            {Status: 404, Detail: "There is no person with this id."},
		user + "/v1/people/amara":        {Status: 400, Detail: "id is missing or has the wrong form; the API's document says what it takes."},
		user + "/v1/me":                  {Status: 401, Detail: "Sign in first."},
		comment + "/v2":                  {Status: 404, Detail: "There is nothing at this path."},
	} {
		var got problem.Document
		if err := json.Unmarshal([]byte(answers(t, url, want.Status)), &got); err != nil {
			t.Fatal(err)
		}
		if got.Status != want.Status || got.Detail != want.Detail || got.Type != "about:blank" {
			t.Errorf("%s: %+v", url, got)
		}
	}
	execute(t, b.user, `INSERT INTO "user".people (display_name) VALUES ('Amara Silva')`)
	if got := answers(t, user+"/v1/people/1", http.StatusOK); got != `{"displayName":"Amara Silva","id":1}`+"\n" {
		t.Errorf("a person: %s", got)
	}
	if got := answers(t, comment+"/v1/posts/99/comments", http.StatusOK); got != `{"comments":[]}`+"\n" {
		t.Errorf("no comments: %s", got)
	}
}

func TestALostDatabaseIsReportedHonestlyAndUsedAgainOnceItIsBack(t *testing.T) {
	server := postgres.New(t)
	b := newBlog(t, server)
	content := b.processes["content"]
	answers(t, b.frontend.App+"/", http.StatusOK)

	server.Crash(t)
	// Readers go on with what was read before.
	answers(t, b.frontend.App+"/", http.StatusOK)
	if page := answers(t, b.frontend.App+"/posts/the-quiet-release", http.StatusServiceUnavailable); !strings.Contains(page, "We cannot show this page right now") {
		t.Errorf("page: %s", page)
	}
	answers(t, content.App+"/v1/posts", http.StatusServiceUnavailable)
	if doc := answers(t, content.App+"/healthz/dependencies", http.StatusServiceUnavailable); !strings.Contains(doc, "The database does not answer.") {
		t.Errorf("dependencies: %s", doc)
	}
	if code, _, err := get(content.Admin + "/readyz"); code != http.StatusOK {
		t.Errorf("readiness speaks of the database: %d %v", code, err)
	}

	server.Restart(t)
	answers(t, b.frontend.App+"/posts/the-quiet-release", http.StatusOK)
	answers(t, content.App+"/healthz/dependencies", http.StatusOK)
}

func TestADataServiceIsReadyOnceItsDatabaseAnswered(t *testing.T) {
	server := postgres.New(t)
	env := settings(server.Database(t, "user"))
	server.Crash(t)
	p := serve(t, "user", env)
	answers(t, p.Admin+"/livez", http.StatusOK)
	if code, body, err := get(p.Admin + "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("ready without a database: %d %s %v", code, body, err)
	}
	server.Restart(t)
	ready(t, p)
}

func TestTheFrontendStartsWithoutAnyOtherService(t *testing.T) {
	nowhere := httptest.NewServer(nil)
	nowhere.Close()
	p := ready(t, serve(t, "frontend", frontendSettings(t, nowhere.URL, nowhere.URL, nowhere.URL)))
	if page := answers(t, p.App+"/", http.StatusServiceUnavailable); !strings.Contains(page, "Try again") {
		t.Errorf("page: %s", page)
	}
	answers(t, p.App+"/nothing", http.StatusNotFound)
}

func TestMetricsTellACanaryFromTheStableVersion(t *testing.T) {
	env := migrated(t, postgres.Shared(t), "content").with(settings{"USER_URL": "http://localhost:1", "RELEASE_VERSION": "v1.4.2", "POD_TEMPLATE_HASH": "7d9c5"})
	p := ready(t, serve(t, "content", env))
	answers(t, p.App+"/v1/posts?limit=3", http.StatusOK)
	answers(t, p.App+"/v1/posts/nothing", http.StatusNotFound)
	metrics := answers(t, p.Admin+"/metrics", http.StatusOK)
	for _, want := range []string{
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/v1/posts",pod_template_hash="7d9c5",service="content",version="v1.4.2"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="404",http_route="/v1/posts/{slug}",pod_template_hash="7d9c5",service="content",version="v1.4.2"} 1`,
		`http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="/v1/posts",pod_template_hash="7d9c5",service="content",version="v1.4.2",le="0.5"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if code, _, err := get(p.App + "/metrics"); code != http.StatusNotFound {
		t.Errorf("metrics on the application port: %d %v", code, err)
	}
}

func TestVerifyPassesForARunningBlogAndNamesWhatIsDown(t *testing.T) {
	b := newBlog(t, postgres.Shared(t))
	target, err := url.Parse(b.frontend.App)
	if err != nil {
		t.Fatal(err)
	}
	// Its certificate covers *.example.com, and no system knows its authority.
	gateway := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(target))
	defer gateway.Close()
	env := b.frontendEnv.with(settings{"GATEWAY_ADDRESS": gateway.Listener.Addr().String(), "VERIFY_TIMEOUT": "0s"})
	if got := mustRun(t, "frontend", env, "verify"); got.Termination != "" {
		t.Errorf("success left %s", got.Termination)
	}
	if err := b.processes["comment"].Stop(); err != nil {
		t.Fatal(err)
	}
	got := run(t, "frontend", env, "verify")
	if got.Code != 1 || !strings.HasPrefix(got.Termination, "comment: service unavailable") || strings.Contains(got.Termination, "content: ") {
		t.Errorf("got %+v", got)
	}
	if page := answers(t, b.frontend.App+"/posts/the-quiet-release", http.StatusOK); !strings.Contains(page, "Comments cannot be shown right now") {
		t.Error("the post does not say that its comments are missing")
	}
}

// blog is a whole blog: three migrated databases, seeded, and four processes.
type blog struct {
	user, content, comment settings
	frontendEnv            settings
	processes              map[string]*process.Process
	frontend               *process.Process
}

func newBlog(t *testing.T, server *postgres.Server) *blog {
	t.Helper()
	b := &blog{
		user: migrated(t, server, "user"), content: migrated(t, server, "content"), comment: migrated(t, server, "comment"),
		processes: map[string]*process.Process{},
	}
	mustRun(t, "content", b.content, "seed")
	b.processes["user"] = ready(t, serve(t, "user", b.user))
	for service, env := range map[string]settings{"content": b.content, "comment": b.comment} {
		b.processes[service] = ready(t, serve(t, service, env.with(settings{"USER_URL": b.processes["user"].App})))
	}
	b.frontendEnv = frontendSettings(t, b.processes["user"].App, b.processes["content"].App, b.processes["comment"].App)
	b.frontend = ready(t, serve(t, "frontend", b.frontendEnv))
	return b
}

func migrated(t *testing.T, server *postgres.Server, service string) settings {
	t.Helper()
	env := settings(server.Database(t, service))
	mustRun(t, service, env, "migrate", "--phase=expand")
	return env
}

func frontendSettings(t *testing.T, user, content, comment string) settings {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	return settings{
		"USER_URL": user, "CONTENT_URL": content, "COMMENT_URL": comment,
		"PUBLIC_URL": "https://blog.example.com", "COOKIE_KEY_FILE": key,
	}
}

// execute runs a statement as the service whose settings these are.
func execute(t *testing.T, env settings, statement string) {
	t.Helper()
	query(t, env, statement, func(pgx.Rows) error { return nil })
}

// count returns the number that a statement selects.
func count(t *testing.T, env settings, statement string) int {
	t.Helper()
	number := 0
	query(t, env, statement, func(rows pgx.Rows) error { return rows.Scan(&number) })
	return number
}

func query(t *testing.T, env settings, statement string, read func(pgx.Rows) error) {
	t.Helper()
	var dsn strings.Builder
	for name, keyword := range map[string]string{"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user", "PGPASSWORD": "password", "PGSSLMODE": "sslmode", "PGSSLROOTCERT": "sslrootcert"} {
		fmt.Fprintf(&dsn, "%s=%s ", keyword, env[name])
	}
	ctx, cancel := context.WithTimeout(t.Context(), timefactor.Scale(10*time.Second))
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	// Query's error comes back from the rows.
	rows, _ := conn.Query(ctx, statement)
	for rows.Next() {
		if err := read(rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
