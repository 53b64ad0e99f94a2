package service

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/server"
	user "blogplatform.io/operator/services/user/client"
)

func TestHomeShowsTheNewestPostFirst(t *testing.T) {
	body := page(t, blog(t, map[string]any{"/v1/posts": content.PostList{Posts: []content.PostSummary{
		{Title: "Newest & best", Slug: "newest", Summary: "<b>bold</b>", ReadingMinutes: 3, PublishedAt: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)},
		{Title: "Older", Slug: "older"},
	}}}), "/", http.StatusOK)
	for _, want := range []string{"Newest &amp; best", `href="/posts/newest"`, "2 November 2026", "3 min read", "&lt;b&gt;bold", `href="/posts/older"`} {
		if !strings.Contains(body, want) {
			t.Errorf("missing %q", want)
		}
	}
	if strings.Index(body, "Newest") > strings.Index(body, "Older") {
		t.Error("the newest post is not first")
	}
}

func TestABlogWithoutPostsExplainsItself(t *testing.T) {
	if body := page(t, blog(t, map[string]any{"/v1/posts": content.PostList{}}), "/", http.StatusOK); !strings.Contains(body, "Nothing is published yet") {
		t.Error(body)
	}
}

func TestAPostShowsItsParagraphsAndComments(t *testing.T) {
	body := page(t, blog(t, map[string]any{
		"/v1/posts/one":        content.Post{ID: 7, Slug: "one", Title: "One", Summary: "First", HTML: "<p>First paragraph.</p>\n<p>Second &lt;script&gt;.</p>"},
		"/v1/posts/7/comments": comment.CommentList{Comments: []comment.Comment{{Author: comment.Author{Name: "Amara"}, Body: "Well said."}, {Depth: 1}}},
	}), "/posts/one", http.StatusOK)
	for _, want := range []string{"<p>First paragraph.</p>", "<p>Second &lt;script&gt;.</p>", "Amara", "Well said.", `data-depth="1"`, "Removed", "<title>One · Marginalia</title>"} {
		if !strings.Contains(body, want) {
			t.Errorf("missing %q", want)
		}
	}
}

func TestACommentOfThePostsAuthorIsMarked(t *testing.T) {
	said := func(id *int64, text string) comment.Comment {
		return comment.Comment{Author: comment.Author{ID: id, Name: "Amara"}, Body: text, State: comment.StateApproved}
	}
	body := page(t, blog(t, map[string]any{
		"/v1/posts/one": content.Post{ID: 7, Slug: "one", Author: content.Author{ID: new(int64(2)), Name: "Amara"}},
		"/v1/posts/7/comments": comment.CommentList{Comments: []comment.Comment{
			said(new(int64(2)), "I did."), said(new(int64(9)), "So did I."), said(nil, "Me too."),
		}},
	}), "/posts/one", http.StatusOK)
	if strings.Count(body, "Wrote this post") != 1 || strings.Index(body, "Wrote this post") > strings.Index(body, "I did.") {
		t.Errorf("who is marked: %s", body)
	}
}

func TestAPostThatHasMovedSendsReadersOn(t *testing.T) {
	s := blog(t, map[string]any{"/v1/posts/old": content.Post{Slug: "new"}})
	resp := send(s.handler(), httptest.NewRequest(http.MethodGet, "/posts/old", nil))
	if resp.StatusCode != http.StatusMovedPermanently || resp.Header.Get("Location") != "/posts/new" || resp.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%d to %q, %v", resp.StatusCode, resp.Header.Get("Location"), resp.Header)
	}
}

func TestAddressesAsOthersWriteThemLeadToThePage(t *testing.T) {
	s := blog(t, nil)
	for path, want := range map[string]string{
		"/posts/one/": "/posts/one", "/posts/One": "/posts/one", "/topics/": "/topics", "/tags/go/": "/tags/go",
	} {
		resp := send(s.handler(), httptest.NewRequest(http.MethodGet, path, nil))
		if resp.StatusCode != http.StatusMovedPermanently || resp.Header.Get("Location") != want {
			t.Errorf("%s: %d to %q", path, resp.StatusCode, resp.Header.Get("Location"))
		}
	}
	for _, path := range []string{"//evil.example/", "/%2fevil.example/", "/%5cevil.example/", "/\\evil.example/"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path, r.URL.RawPath = path, ""
		if to := send(s.handler(), r).Header.Get("Location"); strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\") || strings.Contains(to, "://") {
			t.Errorf("%s leads to %s", path, to)
		}
	}
}

func TestAPostIsShownWithoutCommentsWhenTheirServiceIsDown(t *testing.T) {
	body := page(t, blog(t, map[string]any{"/v1/posts/one": content.Post{Slug: "one", HTML: "<p>Text.</p>"}}), "/posts/one", http.StatusOK)
	if !strings.Contains(body, "Text.") || !strings.Contains(body, "Comments cannot be shown right now") {
		t.Error(body)
	}
}

func TestErrorsLookLikeTheRestOfTheBlog(t *testing.T) {
	cases := map[string]struct {
		path   string
		status int
		want   string
	}{
		"an unknown path":              {"/nothing", http.StatusNotFound, "There is no such page"},
		"an unknown post":              {"/posts/nothing", http.StatusNotFound, "There is no such page"},
		"posts that cannot be reached": {"/", http.StatusServiceUnavailable, "We cannot show this page right now"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			body := page(t, blog(t, nil), c.path, c.status)
			for _, want := range []string{c.want, "Marginalia</a>", "site.css", "<footer"} {
				if !strings.Contains(body, want) {
					t.Errorf("missing %q", want)
				}
			}
			if strings.Contains(body, "canonical") {
				t.Error("an error names a canonical address")
			}
		})
	}
}

func TestAnAddressThatAsksTooMuchIsAskedToWait(t *testing.T) {
	s := blog(t, map[string]any{"/v1/posts": content.PostList{}})
	handler := s.limitAddresses(server.NewAddressLimit(2, time.Hour, 1), server.NewAddressLimit(2, time.Hour, 1), s.handler())
	ask := func(path, address string) *http.Response {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("X-Forwarded-For", address)
		return send(handler, r)
	}
	for range 2 {
		if resp := ask("/", "198.51.100.7"); resp.StatusCode != http.StatusOK {
			t.Fatalf("answered %d", resp.StatusCode)
		}
	}
	resp := ask("/", "203.0.113.1, 198.51.100.7")
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "1800" || !strings.Contains(string(body), "That was a lot at once") {
		t.Errorf("answered %d, Retry-After %s, %v: %s", resp.StatusCode, resp.Header.Get("Retry-After"), err, body)
	}
	for _, name := range []string{"Strict-Transport-Security", "Permissions-Policy"} {
		if resp.Header.Get(name) == "" {
			t.Errorf("without %s", name)
		}
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "style-src 'self'") {
		t.Errorf("the page's style sheet is blocked: %s", policy)
	}
	for path, address := range map[string]string{"/": "198.51.100.8", s.assets.path("site.css"): "198.51.100.7"} {
		if resp := ask(path, address); resp.StatusCode != http.StatusOK {
			t.Errorf("%s for %s: %d", path, address, resp.StatusCode)
		}
	}
	for _, path := range []string{"/assets/", "/assets/x", "/assets/x/y", "/assets/x/", "/assets/x/fonts", "/assets/../", "//assets/x/site.css"} {
		if resp := ask(path, "198.51.100.7"); resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s is not counted: %d", path, resp.StatusCode)
		}
	}
	post := httptest.NewRequest(http.MethodPost, s.assets.path("site.css"), nil)
	post.Header.Set("X-Forwarded-For", "198.51.100.7")
	if resp := send(handler, post); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("POST of an asset is not counted: %d", resp.StatusCode)
	}
}

func TestEveryPageRendersWithNothingToShow(t *testing.T) {
	s := blog(t, nil)
	for name, data := range map[string]any{
		"home": homePage{}, "post": postPage{}, "error": errorPage{}, "sign-in": signInPage{}, "sign-out": signOutPage{},
		"list": listPage{}, "topics": topicsPage{},
	} {
		w := httptest.NewRecorder()
		s.render(w, httptest.NewRequest(http.MethodGet, "/", nil), http.StatusOK, document{Template: name, Page: data})
		if w.Code != http.StatusOK || !strings.HasSuffix(w.Body.String(), "</html>\n") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestABrowserThatHasThePageGetsNoSecondCopy(t *testing.T) {
	handler := blog(t, map[string]any{"/v1/posts": content.PostList{}}).handler()
	first := send(handler, httptest.NewRequest(http.MethodGet, "/", nil))
	again := httptest.NewRequest(http.MethodGet, "/", nil)
	again.Header.Set("If-None-Match", first.Header.Get("ETag"))
	if second := send(handler, again); first.Header.Get("ETag") == "" || second.StatusCode != http.StatusNotModified {
		t.Errorf("ETag %q, then %d", first.Header.Get("ETag"), second.StatusCode)
	}
}

func TestAssetsAreKeptForGoodOnlyUnderTheirOwnVersion(t *testing.T) {
	s := blog(t, nil)
	for path, want := range map[string]struct {
		status int
		cache  string
	}{
		s.assets.path("site.css"):                    {200, "public, max-age=31536000, immutable"},
		s.assets.path("fonts/inter.woff2"):           {200, "public, max-age=31536000, immutable"},
		"/assets/ofanother/site.css":                 {200, "no-cache"},
		s.assets.path("fonts"):                       {404, "no-store"},
		s.assets.path("nothing.js"):                  {404, "no-store"},
		s.assets.path("..%2f..%2fservice%2fsite.go"): {404, "no-store"},
	} {
		resp := send(s.handler(), httptest.NewRequest(http.MethodGet, path, nil))
		if resp.StatusCode != want.status || resp.Header.Get("Cache-Control") != want.cache {
			t.Errorf("%s: %d %q", path, resp.StatusCode, resp.Header.Get("Cache-Control"))
		}
	}
}

func TestPagesStayWithinTheirBudget(t *testing.T) {
	size := func(name string) int64 {
		info, err := os.Stat(filepath.Join("assets", name))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for _, sheet := range []string{"site.css", "work.css"} {
		if css := size(sheet); css > 20<<10 {
			t.Errorf("%s has %d bytes", sheet, css)
		}
	}
	if fonts := size("fonts/inter.woff2") + size("fonts/source-serif-4.woff2"); fonts > 120<<10 {
		t.Errorf("the fonts have %d bytes", fonts)
	}
}

func TestPagesAllowNothingFromElsewhereAndNoInlineCode(t *testing.T) {
	resp := send(blog(t, nil).handler(), httptest.NewRequest(http.MethodGet, "/", nil))
	policy := resp.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("policy: %s", policy)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []string{" style=", "<style", "<script", " onclick="} {
		if strings.Contains(string(body), forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
}

func TestAStagingBlogSaysSo(t *testing.T) {
	s := blog(t, map[string]any{"/v1/posts": content.PostList{}})
	s.identity.Environment = "Staging"
	if !strings.Contains(page(t, s, "/", http.StatusOK), "Staging") {
		t.Error("staging looks like production")
	}
	s.identity.Environment = command.Production
	if strings.Contains(page(t, s, "/", http.StatusOK), command.Production) {
		t.Error("production names itself")
	}
}

func TestABlogWithoutAnIdentityProviderIsForReadingOnly(t *testing.T) {
	s := blog(t, map[string]any{
		"/v1/posts":            content.PostList{},
		"/v1/posts/one":        content.Post{ID: 7, Slug: "one", Title: "One", HTML: "<p>Text.</p>"},
		"/v1/posts/7/comments": comment.CommentList{Comments: []comment.Comment{{Author: comment.Author{Name: "Amara"}, Body: "Well said.", State: comment.StateApproved}}},
	})
	paths := []string{"/", "/posts/one", "/nothing"}
	for _, path := range paths {
		if _, body := as(t, s, http.MethodGet, path); !strings.Contains(body, "/auth/") {
			t.Errorf("with a provider %s does not lead to it", path)
		}
	}
	s.signIn = false
	s.keeper = newKeeper()
	for _, path := range paths {
		if _, body := as(t, s, http.MethodGet, path); strings.Contains(body, "/auth/") || strings.Contains(strings.ToLower(body), "sign in") {
			t.Errorf("%s speaks of signing in: %s", path, body)
		}
	}
	if _, body := as(t, s, http.MethodGet, "/posts/one"); !strings.Contains(body, "Well said.") {
		t.Errorf("the comments are gone: %s", body)
	}
	for _, route := range s.memberRoutes() {
		method, path, _ := strings.Cut(strings.NewReplacer("{slug}", "one", "{id}", "7").Replace(route.pattern), " ")
		if status, _ := as(t, s, method, path); status != http.StatusNotFound {
			t.Errorf("%s answers %d", route.pattern, status)
		}
	}
}

// as sends a request with a session that nobody can judge, and returns status and page.
func as(t *testing.T, s *site, method, path string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Cookie", sessionCookie+"="+tokenOf("anybody"))
	resp := send(s.handler(), r)
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestAThemeIsStoredInASignedCookieThatOnlyServersRead(t *testing.T) {
	s := blog(t, map[string]any{"/v1/posts": content.PostList{}})
	resp := chooseTheme(s, url.Values{"theme": {"dark"}, "back": {"/posts/one?x=1#y"}}, "same-origin")
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/posts/one" {
		t.Errorf("%d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	cookie := resp.Cookies()[0]
	got := []any{cookie.Name, cookie.Path, cookie.Domain, cookie.Secure, cookie.HttpOnly, cookie.SameSite}
	if diff := cmp.Diff([]any{"__Host-theme", "/", "", true, true, http.SameSiteLaxMode}, got); diff != "" {
		t.Error(diff)
	}
	if theme := themeOf(t, s, cookie.Value); theme != "dark" {
		t.Errorf("the next page is %q", theme)
	}
	resp = chooseTheme(s, url.Values{"theme": {"system"}}, "same-origin")
	if forgotten := resp.Cookies()[0]; forgotten.MaxAge >= 0 || forgotten.Value != "" {
		t.Errorf("the choice is kept: %v", forgotten)
	}
}

func TestACookieThatWeDidNotSignIsIgnored(t *testing.T) {
	s := blog(t, map[string]any{"/v1/posts": content.PostList{}})
	ours := s.signer.sign(themeCookie, "dark")
	for name, value := range map[string]string{
		"another value":                     strings.Replace(ours, "dark", "light", 1),
		"another key":                       signer{func() string { return strings.Repeat("y", 32) }}.sign(themeCookie, "dark"),
		"a signature for another cookie":    s.signer.sign("__Host-other", "dark"),
		"a changed signature":               ours[:len(ours)-2] + "AA",
		"no signature":                      "dark",
		"an empty signature":                "dark.",
		"our signature on what is no theme": s.signer.sign(themeCookie, `"><script>`),
		"bytes that are no base64":          "dark.%%%",
	} {
		if theme := themeOf(t, s, value); theme != "" {
			t.Errorf("%s: theme %q", name, theme)
		}
	}
}

func TestTheThemeFormServesOnlyThisSite(t *testing.T) {
	s := blog(t, nil)
	if resp := chooseTheme(s, url.Values{"theme": {"dark"}}, "cross-site"); resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 {
		t.Errorf("from another site: %d", resp.StatusCode)
	}
	if resp := chooseTheme(s, url.Values{"theme": {"plaid"}}, "same-origin"); resp.StatusCode != http.StatusBadRequest || len(resp.Cookies()) > 0 {
		t.Errorf("a theme that is none: %d", resp.StatusCode)
	}
	for _, back := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, `\\evil.example`, "javascript:alert(1)", "", "%zz", "/%2f/evil.example", "posts"} {
		resp := chooseTheme(s, url.Values{"theme": {"dark"}, "back": {back}}, "same-origin")
		target := resp.Header.Get("Location")
		if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") || strings.Contains(target, `\`) {
			t.Errorf("back to %q leads to %q", back, target)
		}
	}
}

func TestAMissingOrWeakSettingIsNamed(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	good := map[string]string{
		"USER_URL": "http://u", "CONTENT_URL": "http://c", "COMMENT_URL": "http://m",
		"PUBLIC_URL": "https://blog.example.com", "COOKIE_KEY_FILE": key,
	}
	cases := map[string]struct{ name, value, want string }{
		"no content service":    {"CONTENT_URL", "", "CONTENT_URL is not set"},
		"no public address":     {"PUBLIC_URL", "", "PUBLIC_URL is not set"},
		"an insecure address":   {"PUBLIC_URL", "http://blog.example.com", "https://blog.example.com"},
		"an address with path":  {"PUBLIC_URL", "https://blog.example.com/blog", "PUBLIC_URL"},
		"no key":                {"COOKIE_KEY_FILE", "", "COOKIE_KEY_FILE is not set"},
		"a key that is missing": {"COOKIE_KEY_FILE", key + ".gone", "no such file"},
		"a short key":           {"key", "hunter2", "has 7 bytes, it needs at least 32"},
		"a malformed duration":  {"DRAIN_DELAY", "soon", "DRAIN_DELAY"},
		"a malformed number":    {"TRUSTED_HOPS", "-1", "TRUSTED_HOPS"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			secret := strings.Repeat("k", 32)
			if c.name == "key" {
				secret = c.value
			}
			if err := os.WriteFile(key, []byte(secret), 0o600); err != nil {
				t.Fatal(err)
			}
			for name, value := range good {
				t.Setenv(name, value)
			}
			t.Setenv(c.name, c.value)
			err := serve(t.Context(), command.Identity{}, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// blog returns a frontend whose data services answer with the given documents:
// other posts are 404, everything else is 503.
func blog(t *testing.T, answers map[string]any) *site {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.Path]
		switch {
		case known:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer)
		case strings.HasPrefix(r.URL.Path, "/v1/posts/") && !strings.HasSuffix(r.URL.Path, "/comments"):
			problem.Write(w, r, http.StatusNotFound, "No such post.")
		default:
			problem.Write(w, r, http.StatusServiceUnavailable, "The database does not answer.")
		}
	}))
	t.Cleanup(backend.Close)
	public := &url.URL{Scheme: "https", Host: "blog.example.com"}
	services := backends{user.New(backend.URL), content.New(backend.URL), comment.New(backend.URL)}
	s, err := newSite(command.Identity{Service: "frontend", Version: "v1"}, public, services, signer{func() string { return strings.Repeat("k", 32) }}, true)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func page(t *testing.T, s *site, path string, status int) string {
	t.Helper()
	resp := send(s.handler(), httptest.NewRequest(http.MethodGet, path, nil))
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%s answered %d: %s", path, resp.StatusCode, body)
	}
	return string(body)
}

func send(handler http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	return w.Result()
}

func chooseTheme(s *site, form url.Values, from string) *http.Response {
	r := httptest.NewRequest(http.MethodPost, "/theme", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", from)
	return send(s.handler(), r)
}

// themeOf returns the theme of the home page for a reader with that cookie.
func themeOf(t *testing.T, s *site, cookie string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", themeCookie+"="+cookie)
	body, err := io.ReadAll(send(s.handler(), r).Body)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(body), `<html lang="en" data-theme="`)
	if !found {
		return ""
	}
	theme, _, _ := strings.Cut(after, `"`)
	return theme
}
