package service

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/token"
	user "blogplatform.io/operator/services/user/client"
)

// town is a frontend whose services know sessions by the name of their role, and
// otherwise do what a test tells them.
type town struct {
	*site
	mu    sync.Mutex
	asked []string
	// answers are by method and path; a func() (int, any) has its say each time.
	answers map[string]func(r *http.Request) (int, any)
}

func ok(document any) func(*http.Request) (int, any) {
	return func(*http.Request) (int, any) { return http.StatusOK, document }
}

func refused(status int, field, detail string) func(*http.Request) (int, any) {
	return func(*http.Request) (int, any) {
		return status, problem.Document{Status: status, Field: field, Detail: detail}
	}
}

// tokenOf is the token of a session with that name.
func tokenOf(name string) string { return strings.ToUpper(name) + strings.Repeat("2", 26-len(name)) }

// sessionName is the name of the session with that token: a role, or in lower case.
func sessionName(token string) string {
	name := strings.ToLower(strings.TrimRight(token, "2"))
	for _, role := range []string{"Reader", "Editor", "Admin"} {
		if strings.EqualFold(name, role) {
			return role
		}
	}
	return name
}

func newTown(t testing.TB) *town {
	t.Helper()
	w := &town{answers: map[string]func(*http.Request) (int, any){
		"GET /v1/posts":     ok(content.PostList{Posts: []content.PostSummary{{ID: 7, Slug: "one", Title: "One"}}}),
		"GET /v1/posts/one": ok(content.Post{ID: 7, Slug: "one", Title: "One"}), "GET /v1/posts/7/comments": ok(comment.CommentList{Comments: []comment.Comment{}}),
		"GET /v1/tags": ok(content.TagList{Tags: []content.Tag{}}), "GET /v1/categories": ok(content.CategoryList{Categories: []content.Category{}}),
		"GET /v1/settings": ok(map[string]any{"name": "Field notes", "description": "d", "language": "en", "postsPerPage": 5, "policy": "open", "revision": 1}),
	}}
	w.answers["POST /v1/sessions/exchange"] = func(r *http.Request) (int, any) {
		var in user.SessionToken
		_ = json.NewDecoder(r.Body).Decode(&in)
		name := sessionName(in.Token)
		if role := token.Role(name); role.Valid() {
			return http.StatusOK, user.Exchange{
				Person: user.Person{ID: 3, DisplayName: "Rita Fernando"}, Role: user.Role(role),
				Tokens: user.Tokens{User: "for-user", Content: "for-content", Comment: "for-comment"},
			}
		}
		status := map[string]int{"locked": http.StatusForbidden, "unknown": http.StatusServiceUnavailable}[name]
		if status == 0 {
			status = http.StatusUnauthorized
		}
		return status, problem.Document{Status: status}
	}
	backend := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		what := r.Method + " " + r.URL.Path
		w.asked = append(w.asked, what+" "+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		answer, known := w.answers[what]
		status, document := http.StatusNotFound, any(problem.Document{Status: http.StatusNotFound})
		if known {
			status, document = answer(r)
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(status)
		_ = json.NewEncoder(rw).Encode(document)
	}))
	t.Cleanup(backend.Close)
	services := backends{user.New(backend.URL), content.New(backend.URL), comment.New(backend.URL)}
	var err error
	w.site, err = newSite(command.Identity{Service: "frontend"}, &url.URL{Scheme: "https", Host: "blog.example.com"}, services, signer{func() string { return strings.Repeat("k", 32) }}, true)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// count is how often the services were asked for something.
func (w *town) count(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, asked := range w.asked {
		if strings.HasPrefix(asked, what+" ") {
			n++
		}
	}
	return n
}

// as sends a request with a session, and with a form unless it is nil.
func (w *town) as(session, method, path string, form url.Values, headers ...string) *http.Response {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, path, body)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if session != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: tokenOf(session)})
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Content-Type" {
			r.Header.Del("Content-Type")
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	return send(w.handler(), r)
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// cookie returns what the answer does to a cookie: "-" for removing it, empty for nothing.
func cookie(resp *http.Response, name string) string {
	for _, c := range resp.Cookies() {
		if c.Name == name {
			if c.MaxAge < 0 {
				return "-"
			}
			return c.Value
		}
	}
	return ""
}

func TestSigningInLeadsToTheProviderAndBackToThePage(t *testing.T) {
	w := newTown(t)
	var beginning user.SignInBeginning
	w.answers["POST /v1/sign-ins"] = func(r *http.Request) (int, any) {
		_ = json.NewDecoder(r.Body).Decode(&beginning)
		return http.StatusCreated, user.SignIn{AuthorizationURL: "https://id.example.com/authorize?state=s", Transaction: "t1"}
	}
	var completion user.SignInCompletion
	w.answers["POST /v1/sign-ins/complete"] = func(r *http.Request) (int, any) {
		_ = json.NewDecoder(r.Body).Decode(&completion)
		return http.StatusCreated, user.Session{Token: "new", ExpiresAt: time.Now().Add(time.Hour), ReturnTo: "/posts/one"}
	}
	page := read(t, w.as("", "GET", "/auth/sign-in?return=/posts/one%3Fcomments%3Dx", nil))
	if !strings.Contains(page, `href="/auth/begin?return=%2fposts%2fone%3fcomments%3dx"`) {
		t.Errorf("the page: %s", page)
	}
	began := w.as("", "GET", "/auth/begin?return=/posts/one%3Fcomments%3Dx", nil)
	transaction := cookie(began, transactionCookie("s"))
	if began.StatusCode != http.StatusSeeOther || began.Header.Get("Location") != "https://id.example.com/authorize?state=s" || transaction == "" {
		t.Fatalf("%d to %s", began.StatusCode, began.Header.Get("Location"))
	}
	back := w.as("Reader", "GET", "/auth/callback?state=s&code=c", nil, "Cookie", transactionCookie("s")+"="+transaction)
	if back.StatusCode != http.StatusSeeOther || back.Header.Get("Location") != "/posts/one" || cookie(back, sessionCookie) != "new" || cookie(back, transactionCookie("s")) != "-" {
		t.Errorf("%d to %s with %v", back.StatusCode, back.Header.Get("Location"), back.Cookies())
	}
	if diff := cmp.Diff(user.SignInBeginning{ReturnTo: "/posts/one?comments=x"}, beginning); diff != "" {
		t.Error(diff)
	}
	want := user.SignInCompletion{Transaction: "t1", State: "s", Code: new("c"), PreviousSession: new(tokenOf("Reader")), UserAgent: new("A browser that we do not know")}
	if diff := cmp.Diff(want, completion); diff != "" {
		t.Error(diff)
	}
	onlyServersRead(t, back)
}

// TestALockIsNotOutrunByABodyThatHesitates sends a body of which the last byte
// follows after the person was locked, or demoted.
func TestALockIsNotOutrunByABodyThatHesitates(t *testing.T) {
	for _, path := range []string{"/posts/one/comments", "/write/5/edit", "/write/5", "/review/5", "/comments/1/like"} {
		t.Run(path, func(t *testing.T) {
			w := newTown(t)
			server := httptest.NewServer(w.handler())
			defer server.Close()
			reading := make(chan struct{})
			trace := &httptrace.ClientTrace{Got100Continue: func() { close(reading) }}
			body, rest := io.Pipe()
			r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, server.URL+path, body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("Expect", "100-continue")
			r.AddCookie(&http.Cookie{Name: sessionCookie, Value: tokenOf("Editor")})
			transport := &http.Transport{ExpectContinueTimeout: time.Minute}
			defer transport.CloseIdleConnections()
			go func() {
				// The server asks for the body when it begins to read it.
				<-reading
				w.mu.Lock()
				w.answers["POST /v1/sessions/exchange"] = refused(http.StatusForbidden, "", "")
				w.mu.Unlock()
				_, _ = rest.Write([]byte("base=1&body=x&action=publish&liked=true"))
				_ = rest.Close()
			}()
			resp, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden || cookie(resp, sessionCookie) != "-" {
				t.Errorf("answered %d", resp.StatusCode)
			}
			if changed := w.changes(); len(changed) > 0 {
				t.Errorf("asked for %v", changed)
			}
		})
	}
}

func TestAFormOfAnotherTypeIsNotTakenForAnEmptyOne(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/comments/1"] = ok(comment.Comment{ID: 1, PostID: 7})
	for _, contentType := range []string{"multipart/form-data; boundary=x", "application/json", "text/plain", ""} {
		resp := w.as("Reader", "POST", "/comments/1/like", url.Values{"liked": {"true"}}, "Content-Type", contentType)
		if resp.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%q: answered %d", contentType, resp.StatusCode)
		}
	}
	if changed := w.changes(); len(changed) > 0 {
		t.Errorf("asked for %v", changed)
	}
}

func TestAPageOfCommentsThatIsNotThereIsNotAnOutage(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/posts/7/comments"] = refused(http.StatusBadRequest, "after", "after must be the next of the page before.")
	for _, who := range []string{"", "Reader"} {
		if resp := w.as(who, "GET", "/posts/one?comments=x", nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%q: answered %d", who, resp.StatusCode)
		}
	}
}

// onlyServersRead checks every cookie that an answer sets.
func onlyServersRead(t *testing.T, resp *http.Response) {
	t.Helper()
	for _, c := range resp.Cookies() {
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || !strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("cookie %v", c)
		}
	}
}

func TestTwoTabsSignInBesideEachOther(t *testing.T) {
	w := newTown(t)
	state := ""
	w.answers["POST /v1/sign-ins"] = func(*http.Request) (int, any) {
		return http.StatusCreated, user.SignIn{AuthorizationURL: "https://id.example.com/authorize?state=" + state, Transaction: "transaction of " + state}
	}
	var completed []string
	w.answers["POST /v1/sign-ins/complete"] = func(r *http.Request) (int, any) {
		var in user.SignInCompletion
		_ = json.NewDecoder(r.Body).Decode(&in)
		completed = append(completed, in.State+": "+in.Transaction)
		return http.StatusCreated, user.Session{Token: "new", ExpiresAt: time.Now().Add(time.Hour), ReturnTo: "/"}
	}
	var cookies []string
	begin := func(name string) *http.Response {
		state = name
		resp := w.as("", "GET", "/auth/begin", nil, "Cookie", strings.Join(cookies, "; "))
		cookies = append(cookies, transactionCookie(name)+"="+cookie(resp, transactionCookie(name)))
		return resp
	}
	begin("one")
	begin("two")
	for _, name := range []string{"one", "two"} {
		resp := w.as("", "GET", "/auth/callback?code=c&state="+name, nil, "Cookie", strings.Join(cookies, "; "))
		if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 2 {
			t.Errorf("%s: %d, %v", name, resp.StatusCode, resp.Cookies())
		}
	}
	if diff := cmp.Diff([]string{"one: transaction of one", "two: transaction of two"}, completed); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"three", "four", "five"} {
		if resp := begin(name); len(resp.Cookies()) != 1 {
			t.Errorf("%s: %v", name, resp.Cookies())
		}
	}
	if resp := begin("six"); len(resp.Cookies()) != maxTransactions+1 || cookie(resp, transactionCookie("one")) != "-" {
		t.Errorf("a browser keeps %v", resp.Cookies())
	}
}

func TestGoingBackToTheCallbackIsNoError(t *testing.T) {
	w := newTown(t)
	leads(t, w.as("Reader", "GET", "/auth/callback?state=s&code=c", nil), "/")
	w.answers["POST /v1/sign-ins/complete"] = refused(http.StatusBadRequest, "", "over")
	leads(t, w.as("Reader", "GET", "/auth/callback?state=s&code=c", nil, "Cookie", transactionCookie("s")+"="+w.signer.sign(transactionCookie("s"), "t1")), "/")
}

func TestSigningInLeadsBackToThePartOfAList(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/posts/7/comments"] = ok(comment.CommentList{Comments: []comment.Comment{}})
	for path, want := range map[string]string{
		"/?after=k%2B1&utm=x":     "/auth/sign-in?return=%2f%3fafter%3dk%252B1",
		"/posts/one?comments=p+2": "/auth/sign-in?return=%2fposts%2fone%3fcomments%3dp%2b2",
		"/topics?x=y":             "/auth/sign-in?return=%2ftopics",
	} {
		page := read(t, w.as("", "GET", path, nil))
		if strings.Contains(page, "utm") || strings.Count(page, `"`+want+`"`) != 1+strings.Count(path, "comments") {
			t.Errorf("%s: %s", path, page)
		}
	}
}

func TestASignInThatFailsSaysWhatToDo(t *testing.T) {
	w := newTown(t)
	ours := transactionCookie("s") + "=" + w.signer.sign(transactionCookie("s"), "t1")
	for name, c := range map[string]struct {
		cookie string
		answer func(*http.Request) (int, any)
		status int
		want   string
	}{
		"no transaction":            {"", nil, http.StatusBadRequest, "begin once more"},
		"somebody else's signature": {transactionCookie("s") + "=t1.AAAA", nil, http.StatusBadRequest, "begin once more"},
		"canceled there":            {ours, refused(http.StatusBadRequest, "body.error", "denied"), http.StatusBadRequest, "You canceled there"},
		"over":                      {ours, refused(http.StatusBadRequest, "", "over"), http.StatusBadRequest, "begin once more"},
		"locked":                    {ours, refused(http.StatusForbidden, "", "locked"), http.StatusForbidden, "This account is locked"},
		"provider down":             {ours, refused(http.StatusServiceUnavailable, "", "away"), http.StatusServiceUnavailable, "Nobody can sign in right now"},
	} {
		w.answers["POST /v1/sign-ins/complete"] = c.answer
		query := "?state=s&code=c"
		if name == "canceled there" {
			query = "?state=s&error=access_denied"
		}
		resp := w.as("", "GET", "/auth/callback"+query, nil, "Cookie", c.cookie)
		if body := read(t, resp); resp.StatusCode != c.status || !strings.Contains(body, c.want) || cookie(resp, sessionCookie) == "new" {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
}

func TestABlogWithoutProviderSaysSo(t *testing.T) {
	w := newTown(t)
	w.answers["POST /v1/sign-ins"] = refused(http.StatusServiceUnavailable, "", "This blog has no identity provider.")
	if resp := w.as("", "GET", "/auth/begin", nil); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(read(t, resp), "Nobody can sign in right now") {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestSigningOutEndsTheSessionHereFirst(t *testing.T) {
	w := newTown(t)
	there := "https://id.example.com/logout?id_token_hint=x"
	w.answers["POST /v1/sessions/end"] = ok(user.SignOut{EndSessionURL: &there})
	resp := w.as("Reader", "POST", "/auth/sign-out", url.Values{})
	body := read(t, resp)
	if resp.StatusCode != http.StatusOK || cookie(resp, sessionCookie) != "-" || !strings.Contains(body, `href="https://id.example.com/logout?id_token_hint=x"`) || strings.Contains(body, "Rita") {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Cookies(), body)
	}
	w.answers["POST /v1/sessions/end"] = ok(user.SignOut{})
	if resp := w.as("Reader", "POST", "/auth/sign-out", url.Values{}); resp.StatusCode != http.StatusSeeOther || cookie(resp, sessionCookie) != "-" {
		t.Errorf("with the provider away: %d", resp.StatusCode)
	}
}

func TestAnotherSiteChangesNothing(t *testing.T) {
	w := newTown(t)
	for _, route := range w.routes() {
		method, path, _ := strings.Cut(route.pattern, " ")
		if method != http.MethodPost {
			continue
		}
		r := httptest.NewRequest(method, strings.NewReplacer("{slug}", "one", "{id}", "6").Replace(path), strings.NewReader(""))
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: tokenOf("Admin")})
		if resp := send(w.handler(), r); resp.StatusCode != http.StatusForbidden || len(w.asked) > 1 {
			t.Errorf("%s: %d, then the services were asked %v", route.pattern, resp.StatusCode, w.asked)
		}
	}
}

func TestASessionIsAskedAboutOnceInTwoSeconds(t *testing.T) {
	w := newTown(t)
	clock := time.Unix(1e9, 0)
	w.exchanges.now = func() time.Time { return clock }
	for range 3 {
		w.as("Reader", "GET", "/", nil)
	}
	if n := w.count("POST /v1/sessions/exchange"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	clock = clock.Add(exchangeReuse)
	w.as("Reader", "GET", "/", nil)
	if n := w.count("POST /v1/sessions/exchange"); n != 2 {
		t.Errorf("then %d times", n)
	}
	for range 2 {
		w.as("over", "GET", "/", nil)
	}
	if n := w.count("POST /v1/sessions/exchange"); n != 3 {
		t.Errorf("that a session is over is asked each time: %d", n)
	}
}

func TestExchangesAreBounded(t *testing.T) {
	e := newExchanges(nil)
	for i := range 2*maxExchanges + 1 {
		e.remember([32]byte{byte(i), byte(i >> 8)}, exchanged{until: time.Now().Add(time.Hour)}, 0)
	}
	if len(e.known) != maxExchanges {
		t.Errorf("%d are kept", len(e.known))
	}
}

func TestAnAnswerFromBeforeAChangeIsNotRemembered(t *testing.T) {
	w := newTown(t)
	exchange := w.answers["POST /v1/sessions/exchange"]
	w.answers["POST /v1/sessions/exchange"] = func(r *http.Request) (int, any) {
		// The person signs out while the answer is under way.
		w.exchanges.forget(tokenOf("Reader"))
		return exchange(r)
	}
	for range 2 {
		w.as("Reader", "GET", "/", nil)
	}
	if n := w.count("POST /v1/sessions/exchange"); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// TestWhoInventsCookiesGetsTheCachedPage: what is sent costs no service anything.
func TestWhoInventsCookiesGetsTheCachedPage(t *testing.T) {
	w := newTown(t)
	w.as("", "GET", "/", nil)
	before := len(w.asked)
	for name, header := range map[string][]string{
		"a short session":              {"Cookie", sessionCookie + "=junk"},
		"a session in lower case":      {"Cookie", sessionCookie + "=" + strings.Repeat("a", 26)},
		"an empty session":             {"Cookie", sessionCookie + "="},
		"a notice without a signature": {"Cookie", noticeCookie + "=x"},
		"a notice of somebody else":    {"Cookie", noticeCookie + "=x." + strings.Repeat("A", 43)},
		"an authorization":             {"Authorization", "Bearer x"},
	} {
		resp := w.as("", "GET", "/", nil, header...)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d, %v", name, resp.StatusCode, resp.Header)
		}
	}
	if after := len(w.asked); after != before {
		t.Errorf("the services were asked %v", w.asked[before:])
	}
}

func TestASessionThatIsOfNoUse(t *testing.T) {
	w := newTown(t)
	for session, c := range map[string]struct {
		path, cookie string
		status       int
		want         string
	}{
		"over":    {"/", "-", http.StatusOK, "Sign in"},
		"locked":  {"/", "-", http.StatusForbidden, "This account is locked"},
		"unknown": {"/", "", http.StatusOK, "We cannot check who you are right now"},
	} {
		resp := w.as(session, "GET", c.path, nil)
		if body := read(t, resp); resp.StatusCode != c.status || cookie(resp, sessionCookie) != c.cookie || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d, cookie %q: %s", session, resp.StatusCode, cookie(resp, sessionCookie), body)
		}
	}
	if resp := w.as("unknown", "GET", "/me", nil); resp.StatusCode != http.StatusServiceUnavailable || cookie(resp, sessionCookie) != "" {
		t.Errorf("a private page while nobody knows: %d", resp.StatusCode)
	}
	resp := w.as("over", "GET", "/me?x=1", nil)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/auth/sign-in?return=%2Fme%3Fx%3D1" {
		t.Errorf("a private page after the session: %d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
}

// The mesh's proxies refuse with a 403 of their own.
func TestAProxysRefusalIsNobodysLock(t *testing.T) {
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "RBAC: access denied", http.StatusForbidden)
	}))
	defer denied.Close()
	if _, err := newExchanges(user.New(denied.URL)).visitor(t.Context(), "Reader"); err == nil || errors.Is(err, errLocked) {
		t.Errorf("got %v", err)
	}
}

func TestNoCacheKeepsWhatAPersonSees(t *testing.T) {
	w := newTown(t)
	mine := w.as("Reader", "GET", "/", nil)
	if mine.Header.Get("Cache-Control") != "private, no-store" || mine.Header.Get("ETag") != "" || !strings.Contains(read(t, mine), "Rita Fernando") {
		t.Errorf("to Rita: %v", mine.Header)
	}
	anybody := w.as("", "GET", "/", nil)
	if anybody.Header.Get("Cache-Control") != "no-cache" || anybody.Header.Get("ETag") == "" || strings.Contains(read(t, anybody), "Rita") {
		t.Errorf("to anybody: %v", anybody.Header)
	}
}

func TestScriptsRunOnlyForPeopleAndFromHere(t *testing.T) {
	w := newTown(t)
	if policy := w.as("", "GET", "/posts/one", nil).Header.Get("Content-Security-Policy"); strings.Contains(policy, "script-src") {
		t.Errorf("to anybody: %s", policy)
	}
	resp := w.as("Reader", "GET", "/posts/one", nil)
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("to Rita: %s", policy)
	}
	if !strings.Contains(read(t, resp), "htmx.min.js") {
		t.Error("htmx is not loaded")
	}
}

// Every address by every role: what the least role says holds, and a new address
// has to be thought about here.
func TestWhoMayOpenWhat(t *testing.T) {
	w := newTown(t)
	people := []string{"", "Reader", "Editor", "Admin"}
	for _, route := range w.routes() {
		method, path, _ := strings.Cut(route.pattern, " ")
		path = strings.NewReplacer("{$}", "", "{slug}", "one", "{id}", "6").Replace(path)
		for _, person := range people {
			form := url.Values(nil)
			if method == http.MethodPost {
				form = url.Values{}
			}
			resp := w.as(person, method, path, form)
			let := slices.Index(people, person) >= slices.Index(people, string(route.least))
			kept := resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusUnauthorized ||
				strings.HasPrefix(resp.Header.Get("Location"), "/auth/sign-in?return=")
			if let == kept {
				t.Errorf("%s for %q: %d to %q", route.pattern, person, resp.StatusCode, resp.Header.Get("Location"))
			}
		}
	}
}

func TestTheNavigationShowsWhatARoleCanDo(t *testing.T) {
	for role, want := range map[token.Role]int{token.Reader: 0, token.Editor: 3, token.Admin: 5} {
		if got := navigationFor(&visitor{Role: role}, "/review"); len(got) != want {
			t.Errorf("%s: %v", role, got)
		}
	}
	if items := navigationFor(&visitor{Role: token.Editor}, "/review/7"); !items[1].Current || items[0].Current {
		t.Errorf("where one is: %v", items)
	}
	if items := navigationFor(nil, "/"); items != nil {
		t.Errorf("to strangers: %v", items)
	}
}

func TestACommentIsSaidInTheNameOfWhoSaysIt(t *testing.T) {
	w := newTown(t)
	w.answers["POST /v1/posts/7/comments"] = func(r *http.Request) (int, any) {
		var in comment.CommentInput
		_ = json.NewDecoder(r.Body).Decode(&in)
		if r.Header.Get("Authorization") != "Bearer for-comment" || in.Body != "Two\nlines" || *in.ParentID != 5 {
			t.Errorf("said %+v with %s", in, r.Header.Get("Authorization"))
		}
		return http.StatusCreated, comment.Comment{ID: 9, State: comment.StateHeld}
	}
	resp := w.as("Reader", "POST", "/posts/one/comments", url.Values{"parent": {"5"}, "body-5": {"Two\r\nlines"}})
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/posts/one#comment-9" {
		t.Fatalf("%d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	notice := cookie(resp, noticeCookie)
	next := w.as("Reader", "GET", "/posts/one", nil, "Cookie", noticeCookie+"="+notice)
	if body := read(t, next); !strings.Contains(body, "A moderator will look at your comment") || cookie(next, noticeCookie) != "-" {
		t.Errorf("the next page: %s", body)
	}
}

func TestWhatIsRefusedStaysInTheForm(t *testing.T) {
	w := newTown(t)
	w.answers["POST /v1/posts/7/comments"] = refused(http.StatusBadRequest, "body.body", "must not be empty.")
	for name, headers := range map[string][]string{"page": nil, "part": {"HX-Request", "true"}} {
		resp := w.as("Reader", "POST", "/posts/one/comments", url.Values{"body": {"typed <b>"}}, headers...)
		body := read(t, resp)
		for _, want := range []string{"typed &lt;b&gt;", "Must not be empty.", `aria-invalid="true"`, `aria-describedby="body-problem"`} {
			if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, want) {
				t.Errorf("%s: %d lacks %q: %s", name, resp.StatusCode, want, body)
			}
		}
		if whole := strings.Contains(body, "<html"); whole != (name == "page") {
			t.Errorf("%s is the whole page: %v", name, whole)
		}
	}
}

func TestALikeLeavesWhatIsTypedBesideIt(t *testing.T) {
	w := newTown(t)
	c := comment.Comment{ID: 6, PostID: 7, State: comment.StateApproved, Author: comment.Author{Name: "Noah"}, Body: "So."}
	w.answers["GET /v1/comments/6"] = ok(c)
	c.Likes, c.Liked = 1, true
	w.answers["PUT /v1/comments/6/like"] = ok(c)
	body := read(t, w.as("Reader", "POST", "/comments/6/like", url.Values{"liked": {"true"}}, "HX-Request", "true"))
	if !strings.HasPrefix(body, `<form method="post" action="/comments/6/like"`) || !strings.Contains(body, `aria-pressed="true"`) || strings.Contains(body, "textarea") {
		t.Errorf("the part: %s", body)
	}
	resp := w.as("Reader", "POST", "/comments/6/like", url.Values{"liked": {"true"}, "page": {"p+2"}})
	if to := resp.Header.Get("Location"); to != "/posts/one?comments=p%2B2#comment-6" {
		t.Errorf("without htmx it leads to %s", to)
	}
}

func TestErrorsOfServicesSayWhatToDo(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/comments/6"] = ok(comment.Comment{ID: 6, PostID: 7, Mine: true, Body: "Mine"})
	for status, want := range map[int]string{
		http.StatusUnauthorized: `href="/auth/sign-in"`, http.StatusForbidden: "This is not open to you", http.StatusNotFound: "There is no such page",
		http.StatusConflict: "Somebody was faster", http.StatusTooManyRequests: "That was a lot at once", http.StatusInternalServerError: "Try again",
		http.StatusTeapot: "Try again",
	} {
		w.answers["PUT /v1/comments/6/like"] = refused(status, "", "Because of <that>.")
		resp := w.as("Reader", "POST", "/comments/6/like", url.Values{"liked": {"true"}})
		body := read(t, resp)
		if expected := map[int]int{http.StatusInternalServerError: 503, http.StatusTeapot: 503}[status]; expected != 0 {
			status = expected
		}
		if resp.StatusCode != status || !strings.Contains(body, want) || strings.Contains(body, "<that>") {
			t.Errorf("%d became %d: %s", status, resp.StatusCode, body)
		}
		part := w.as("Reader", "POST", "/comments/6/like", url.Values{"liked": {"true"}}, "HX-Request", "true")
		if body := read(t, part); part.Header.Get("HX-Retarget") != "#notices" || strings.Contains(body, "<html") || !strings.Contains(body, "notice danger") {
			t.Errorf("to htmx %d: %v %s", status, part.Header, body)
		}
	}
}

func TestAPostDescribesItself(t *testing.T) {
	w := newTown(t)
	id := int64(3)
	w.answers["GET /v1/posts/one"] = ok(content.Post{
		ID: 7, Slug: "one", Title: `Quote " and </script>`, Summary: "S", Author: content.Author{ID: &id, Name: "Amara"},
		Tags: []content.Tag{{Slug: "x", Name: "X"}}, PublishedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	})
	body := read(t, w.as("", "GET", "/posts/one", nil))
	for _, want := range []string{
		`<link rel="canonical" href="https://blog.example.com/posts/one">`, `<meta property="og:type" content="article">`,
		`<meta property="article:published_time" content="2026-01-02T03:04:05Z">`, `<meta property="article:tag" content="X">`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("missing %s in %s", want, body)
		}
	}
	_, rest, _ := strings.Cut(body, `<script type="application/ld+json">`)
	document, _, _ := strings.Cut(rest, "</script>")
	var posting map[string]any
	if err := json.Unmarshal([]byte(document), &posting); err != nil || posting["headline"] != `Quote " and </script>` || posting["@type"] != "BlogPosting" {
		t.Errorf("%v: %s", err, document)
	}
}

func TestABackChannelLogoutPassesAsItCame(t *testing.T) {
	w := newTown(t)
	w.answers["POST /v1/logouts"] = func(r *http.Request) (int, any) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != "logout_token=a.b.c" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("got %s as %s", body, r.Header.Get("Content-Type"))
		}
		return http.StatusOK, nil
	}
	r := httptest.NewRequest(http.MethodPost, "/hooks/back-channel-logout", strings.NewReader("logout_token=a.b.c"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if resp := send(w.handler(), r); resp.StatusCode != http.StatusOK {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestWhatIsTooLongIsRefusedAndNotTakenForEmpty(t *testing.T) {
	w := newTown(t)
	long := strings.Repeat("x", 70<<10)
	if resp := w.as("Reader", "POST", "/posts/one/comments", url.Values{"body": {strings.Repeat("x", commentBody)}}); resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(read(t, resp), "That is too long") {
		t.Errorf("a comment: %d", resp.StatusCode)
	}
	r := httptest.NewRequest(http.MethodPost, "/hooks/back-channel-logout", strings.NewReader("logout_token="+long))
	if resp := send(w.handler(), r); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a logout token: %d", resp.StatusCode)
	}
	broken := httptest.NewRequest(http.MethodPost, "/theme", strings.NewReader("theme=%zz"))
	broken.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if resp := send(w.handler(), broken); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a broken form: %d", resp.StatusCode)
	}
}

func TestTheBlogIsCalledWhatItsSettingsSay(t *testing.T) {
	w := newTown(t)
	clock := time.Unix(1e9, 0)
	w.blog.now = func() time.Time { return clock }
	if body := read(t, w.as("Reader", "GET", "/", nil)); !strings.Contains(body, "<title>Field notes</title>") || !strings.Contains(body, "Field notes</a>") {
		t.Error(body)
	}
	w.answers["GET /v1/settings"] = refused(http.StatusServiceUnavailable, "", "away")
	clock = clock.Add(settingsFresh)
	if body := read(t, w.as("Reader", "GET", "/", nil)); !strings.Contains(body, "Field notes</a>") {
		t.Error("the name is forgotten while it cannot be asked for")
	}
	w.answers["GET /v1/settings"] = ok(content.Settings{Name: "New notes", PostsPerPage: 5})
	w.blog.forget()
	if body := read(t, w.as("Reader", "GET", "/", nil)); !strings.Contains(body, "New notes</a>") {
		t.Error("after a change the old name is shown")
	}
	if n := w.count("GET /v1/settings"); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestALongPostBeginsWithItsContents(t *testing.T) {
	headings := []content.Heading{{Level: 3, Text: "A"}, {Level: 4, Text: "B"}, {Level: 5, Text: "C"}, {Level: 3, Text: "D"}, {Level: 3, Text: "E"}}
	var got []string
	for _, entry := range contents(headings) {
		got = append(got, map[bool]string{true: "  "}[entry.Below]+entry.Text)
	}
	if diff := cmp.Diff([]string{"A", "  B", "D", "E"}, got); diff != "" {
		t.Error(diff)
	}
	if short := contents(headings[:4]); short != nil {
		t.Errorf("a short one: %v", short)
	}
}

func TestWhatScrollsCanBeReachedByKeyboard(t *testing.T) {
	got := newTown(t).prose(`<pre><code>&lt;pre&gt;</code></pre><table><tr><td>1</td></tr></table>`)
	want := `<pre tabindex="0"><code>&lt;pre&gt;</code></pre><div class="scroll" tabindex="0" role="group" aria-label="Table"><table><tr><td>1</td></tr></table></div>`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// Whatever a browser sends as cookies, it gets a page.
func FuzzCookies(f *testing.F) {
	w := newTown(f)
	f.Add("__Host-theme=" + w.signer.sign(themeCookie, "dark"))
	f.Add("__Host-notice=" + w.signer.sign(noticeCookie, "eyJrZXkiOiJub3RpY2Uuc2F2ZWQiLCJhcmdzIjpbIiVkIl19"))
	f.Add("__Host-notice=" + w.signer.sign(noticeCookie, "bm90IGpzb24") + "; __Host-session=; __Host-session=" + tokenOf("Reader"))
	f.Add("__Host-theme=.;;=;\x00")
	handler := w.handler()
	f.Fuzz(func(t *testing.T, cookies string) {
		r := httptest.NewRequest(http.MethodGet, "/topics", nil)
		r.Header["Cookie"] = []string{cookies}
		if resp := send(handler, r); resp.StatusCode >= http.StatusInternalServerError {
			t.Errorf("%q: %d", cookies, resp.StatusCode)
		}
	})
}

func TestInitialsAndBrowsers(t *testing.T) {
	for name, want := range map[string]string{"Amara Silva": "AS", "amara": "A", "": "?", "Åke von Öst": "ÅÖ"} {
		if got := initials(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
	s := newTown(t)
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36":                 "Chrome on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36 Edg/156.0": "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1":                 "Safari on iPhone",
		"curl/8": "A browser that we do not know",
	} {
		if got := s.browser(agent); got != want {
			t.Errorf("%q: %q", agent, got)
		}
	}
}
