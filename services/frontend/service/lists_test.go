package service

import (
	"net/http"
	"strings"
	"testing"

	content "blogplatform.io/operator/services/content/client"
	user "blogplatform.io/operator/services/user/client"
)

func TestListsLeadToOlderPostsAndBack(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/posts"] = func(r *http.Request) (int, any) {
		if got := r.URL.Query().Get("limit"); got != "5" {
			t.Errorf("asked for %s posts, the settings say 5", got)
		}
		list := content.PostList{Posts: []content.PostSummary{{Slug: "first", Title: "First of page " + r.URL.Query().Get("after")}}}
		if r.URL.Query().Get("after") == "" {
			list.Next = new("k+1")
		}
		return http.StatusOK, list
	}
	first := read(t, w.as("", "GET", "/", nil))
	if !strings.Contains(first, `class="lead"`) || !strings.Contains(first, `href="/?after=k%2B1"`) || strings.Contains(first, "Back to the newest") {
		t.Errorf("the first page: %s", first)
	}
	last := read(t, w.as("", "GET", "/?after=k%2B1", nil))
	if !strings.Contains(last, "First of page k&#43;1") || strings.Contains(last, `class="lead"`) || strings.Contains(last, "Older posts") || !strings.Contains(last, "Back to the newest") {
		t.Errorf("the last page: %s", last)
	}
}

func TestPostsAreListedByWhatTheyHaveInCommon(t *testing.T) {
	w := newTown(t)
	asked := ""
	w.answers["GET /v1/posts"] = func(r *http.Request) (int, any) {
		asked = r.URL.Query().Encode()
		return http.StatusOK, content.PostList{Posts: []content.PostSummary{{
			Slug: "one", Title: "One", Tags: []content.Tag{{Slug: "go", Name: "Go & friends"}},
		}}}
	}
	w.answers["GET /v1/categories"] = ok(content.CategoryList{Categories: []content.Category{
		{ID: 1, Slug: "craft", Name: "Craft"}, {ID: 2, ParentID: new(int64(1)), Slug: "tools", Name: "Tools", Depth: 1},
	}})
	w.answers["GET /v1/people/3"] = ok(user.Person{ID: 3, DisplayName: "Amara Silva"})
	for path, want := range map[string]struct{ asked, title, also string }{
		"/tags/go":          {"limit=5&tag=go", "<title>Go &amp; friends · Field notes</title>", "One"},
		"/categories/craft": {"category=craft&limit=5", "<title>Craft · Field notes</title>", `href="/categories/tools"`},
		"/authors/3":        {"author=3&limit=5", "<title>Amara Silva · Field notes</title>", "AS</span>"},
		"/topics":           {"", "<title>Topics · Field notes</title>", `data-depth="1"`},
	} {
		asked = ""
		body := read(t, w.as("", "GET", path, nil))
		if asked != want.asked || !strings.Contains(body, want.title) || !strings.Contains(body, want.also) ||
			!strings.Contains(body, `<link rel="canonical" href="https://blog.example.com`+path+`">`) {
			t.Errorf("%s asked %q and shows %s", path, asked, body)
		}
	}
	for _, path := range []string{"/authors/x", "/authors/03", "/authors/4"} {
		if resp := w.as("", "GET", path, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

func TestNobodyLearnsTheNamesOfPeopleWhoPublishedNothing(t *testing.T) {
	w := newTown(t)
	w.answers["GET /v1/posts"] = ok(content.PostList{Posts: []content.PostSummary{}})
	w.answers["GET /v1/people/3"] = ok(user.Person{ID: 3, DisplayName: "Rita Fernando"})
	w.answers["GET /v1/people/4"] = ok(user.Person{ID: 4, DisplayName: "Nuwan Perera"})
	for _, who := range []string{"", "Reader", "Admin"} {
		resp := w.as(who, "GET", "/authors/4", nil)
		if body := read(t, resp); resp.StatusCode != http.StatusNotFound || strings.Contains(body, "Nuwan") {
			t.Errorf("%q: %d, %s", who, resp.StatusCode, body)
		}
	}
	// One's own page is there before the first post.
	has(t, read(t, w.as("Editor", "GET", "/authors/3", nil)), "<title>Rita Fernando")
}
