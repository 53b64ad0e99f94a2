package service

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/token"
)

// headingsForContents is from how many headings on a post begins with its contents.
const headingsForContents = 4

type postPage struct {
	Post content.Post
	// Language is that of the text.
	Language string
	// Contents are the headings that the post begins with, none for a short one.
	Contents []contentsEntry
	Thread   thread
	// MayEdit says that the visitor can write on.
	MayEdit bool
}

// contentsEntry is a heading of the upper two levels.
type contentsEntry struct {
	content.Heading
	// Below is set for those of the second.
	Below bool
}

// contents returns what a long post begins with, nil for a short one.
func contents(headings []content.Heading) []contentsEntry {
	top := math.MaxInt
	for _, heading := range headings {
		top = min(top, heading.Level)
	}
	var entries []contentsEntry
	for _, heading := range headings {
		if heading.Level <= top+1 {
			entries = append(entries, contentsEntry{heading, heading.Level > top})
		}
	}
	if len(entries) < headingsForContents {
		return nil
	}
	return entries
}

// meta describes a post to those who link to it.
type meta struct {
	PublishedAt, UpdatedAt time.Time
	Section                string
	Tags                   []string
	JSONLD                 blogPosting
}

// post serves GET /posts/{slug}.
func (s *site) post(w http.ResponseWriter, r *http.Request) error {
	if slug := strings.ToLower(r.PathValue("slug")); slug != r.PathValue("slug") {
		moved(w, r, &url.URL{Path: "/posts/" + slug})
		return nil
	}
	post, err := s.findPost(r.Context(), r.PathValue("slug"), viewsOf(r.Context()))
	if err != nil {
		return err
	}
	if post.Slug != r.PathValue("slug") {
		moved(w, r, &url.URL{Path: "/posts/" + post.Slug})
		return nil
	}
	thread := s.readThread(r.Context(), post, r.URL.Query().Get("comments"))
	if thread.NoSuchPage {
		return &problem.Error{Status: http.StatusNotFound}
	}
	if thread.Missing {
		incomplete(r.Context())
	}
	s.showPost(w, r, http.StatusOK, post, thread)
	return nil
}

// moved sends the browser to where a page is now. It must not keep that for good: a
// post can go back to a former address.
func moved(w http.ResponseWriter, r *http.Request, to *url.URL) {
	w.Header().Set("Cache-Control", "no-cache")
	http.Redirect(w, r, to.String(), http.StatusMovedPermanently)
}

func (s *site) showPost(w http.ResponseWriter, r *http.Request, status int, post content.Post, thread thread) {
	s.nameCache.rename(r.Context(), signature{post.Author.ID, &post.Author.Name})
	page := postPage{Post: post, Language: s.blog.get(r.Context()).Language, Contents: contents(post.Headings), Thread: thread}
	if v := visitorOf(r.Context()); v.May(token.Editor) {
		page.MayEdit = v.May(token.Admin) || post.Author.ID != nil && *post.Author.ID == v.ID
	}
	s.render(w, r, status, document{
		Template: "post", Title: post.Title, Description: post.Summary, Canonical: "/posts/" + post.Slug, Script: true,
		Meta: s.describe(r.Context(), post), Page: page,
	})
}

// findPost returns a published post. views is how many readers that stands for,
// nil for one.
func (s *site) findPost(ctx context.Context, slug string, views *int32) (content.Post, error) {
	answer, err := s.backends.content.GetPostWithResponse(ctx, slug, &content.GetPostParams{BlogViews: views}, visitorOf(ctx).asContent)
	if err != nil {
		return content.Post{}, fmt.Errorf("get post %q: %w", slug, err)
	}
	post, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return content.Post{}, fmt.Errorf("get post %q: %w", slug, err)
	}
	return post, nil
}

// blogPosting is a BlogPosting as search engines read it (schema.org, JSON-LD).
type blogPosting struct {
	Context     string     `json:"@context"`
	Type        string     `json:"@type"`
	Headline    string     `json:"headline"`
	Description string     `json:"description"`
	Language    string     `json:"inLanguage"`
	Keywords    []string   `json:"keywords"`
	Published   time.Time  `json:"datePublished"`
	Modified    time.Time  `json:"dateModified"`
	Author      namedThing `json:"author"`
	URL         string     `json:"url"`
	MainEntity  string     `json:"mainEntityOfPage"`
	IsPartOf    namedThing `json:"isPartOf"`
}

// namedThing is a Person or a Blog.
type namedThing struct {
	Type string `json:"@type"`
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

// describe tells search engines and those who preview links what the post is.
func (s *site) describe(ctx context.Context, post content.Post) *meta {
	blog, address := s.blog.get(ctx), s.address("/posts/"+post.Slug)
	m := &meta{PublishedAt: post.PublishedAt, UpdatedAt: post.UpdatedAt}
	for _, tag := range post.Tags {
		m.Tags = append(m.Tags, tag.Name)
	}
	if post.Category != nil {
		m.Section = post.Category.Name
	}
	author := namedThing{Type: "Person", Name: post.Author.Name}
	if post.Author.ID != nil {
		author.URL = s.address(fmt.Sprintf("/authors/%d", *post.Author.ID))
	}
	m.JSONLD = blogPosting{
		Context: "https://schema.org", Type: "BlogPosting",
		Headline: post.Title, Description: post.Summary, Language: blog.Language, Keywords: m.Tags,
		Published: post.PublishedAt.Truncate(time.Second), Modified: post.UpdatedAt.Truncate(time.Second),
		Author: author, URL: address, MainEntity: address,
		IsPartOf: namedThing{Type: "Blog", Name: blog.Name, URL: s.address("/")},
	}
	return m
}
