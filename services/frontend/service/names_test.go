package service

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	user "blogplatform.io/operator/services/user/client"
)

// newStreet is a town with a post and comments by people who have changed their names.
func newStreet(t *testing.T) (w *town, answers func(status int, people ...user.Named)) {
	t.Helper()
	w = newTown(t)
	w.answers["GET /v1/posts"] = ok(content.PostList{Posts: []content.PostSummary{{ID: 7, Slug: "one", Title: "One", Author: content.Author{ID: new(int64(1)), Name: "Former Author"}}}})
	w.answers["GET /v1/posts/one"] = ok(content.Post{ID: 7, Slug: "one", Title: "One", Author: content.Author{ID: new(int64(1)), Name: "Former Author"}})
	said := func(id int64, name string) comment.Comment {
		return comment.Comment{Author: comment.Author{ID: &id, Name: name}, Body: "x", State: comment.StateApproved}
	}
	w.answers["GET /v1/posts/7/comments"] = ok(comment.CommentList{Comments: []comment.Comment{said(1, "Former Author"), said(2, "Former Editor"), said(3, "Nuwan Perera")}})
	return w, func(status int, people ...user.Named) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.answers["GET /v1/people"] = func(*http.Request) (int, any) { return status, user.Names{People: people} }
	}
}

func TestANewNameIsShownEverywhereAndStaffIsMarked(t *testing.T) {
	w, answers := newStreet(t)
	answers(http.StatusOK, user.Named{ID: 1, DisplayName: "Present Author", Staff: true}, user.Named{ID: 2, DisplayName: "Present Editor", Staff: true}, user.Named{ID: 3, DisplayName: "Present Reader"})
	post := read(t, w.as("", "GET", "/posts/one", nil))
	has(t, post, "Present Author", "Present Editor", "Present Reader", "Wrote this post", "Writes for this blog")
	if strings.Contains(post, "Former") || strings.Count(post, "Writes for this blog") != 1 || strings.Count(post, "Wrote this post") != 1 {
		t.Errorf("the post: %s", post)
	}
	for _, path := range []string{"/", "/tags/x", "/authors/1"} {
		w.answers["GET /v1/people/1"] = ok(user.Person{ID: 1, DisplayName: "Present Author"})
		if page := read(t, w.as("", "GET", path, nil)); strings.Contains(page, "Former") || !strings.Contains(page, "Present Author") {
			t.Errorf("%s: %s", path, page)
		}
	}
	if n := w.count("GET /v1/people"); n != 1 {
		t.Errorf("asked %d times for the same people", n)
	}
}

func TestNamesOfWhenItWasWrittenStandWhileNobodyCanTell(t *testing.T) {
	w, answers := newStreet(t)
	clock := time.Unix(1e9, 0)
	w.nameCache.now = func() time.Time { return clock }
	answers(http.StatusServiceUnavailable)
	ids := []int64{1, 2}
	get := func() map[int64]user.Named { return w.nameCache.get(t.Context(), ids...) }
	for range 2 {
		if got := get(); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	}
	if n := w.count("GET /v1/people"); n != 1 {
		t.Errorf("a service that fails was asked %d times", n)
	}
	has(t, read(t, w.as("", "GET", "/posts/one", nil)), "Former Author", "Former Editor", "Wrote this post")

	clock = clock.Add(namesFresh)
	answers(http.StatusOK, user.Named{ID: 1, DisplayName: "One"})
	if got := get(); len(got) != 1 || got[1].DisplayName != "One" {
		t.Errorf("got %v", got)
	}
	// Who has left is asked for as rarely as the others.
	get()
	if n := w.count("GET /v1/people"); n != 2 {
		t.Errorf("asked %d times", n)
	}
	// A name is better than none, however old.
	clock = clock.Add(namesFresh)
	answers(http.StatusServiceUnavailable)
	if got := get(); got[1].DisplayName != "One" {
		t.Errorf("got %v", got)
	}
}

func TestManyPeopleAreAskedForInParts(t *testing.T) {
	w, answers := newStreet(t)
	answers(http.StatusOK)
	ids := make([]int64, 0, maxNames+1)
	for i := range cap(ids) {
		ids = append(ids, int64(i))
	}
	w.nameCache.get(context.WithoutCancel(t.Context()), ids...)
	if n, want := w.count("GET /v1/people"), (maxNames+namesAtOnce-1)/namesAtOnce; n != want {
		t.Errorf("asked %d times instead of %d", n, want)
	}
	if len(w.nameCache.known) > maxNames {
		t.Errorf("%d are remembered", len(w.nameCache.known))
	}
}
