package service

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/rest"
)

type postPage struct {
	Post     content.Post
	Language string
	Comments []comment.Comment
	// CommentsMissing says that the comment service did not answer.
	CommentsMissing bool
}

// meta describes a post to those who link to it.
type meta struct {
	PublishedAt, UpdatedAt time.Time
	Author, Section        string
	Tags                   []string
	JSONLD                 any
}

// post serves GET /posts/{slug}.
func (s *site) post(w http.ResponseWriter, r *http.Request) error {
	post, err := s.findPost(r.Context(), r.PathValue("slug"))
	if err != nil {
		return err
	}
	if post.Slug != r.PathValue("slug") {
		http.Redirect(w, r, "/posts/"+url.PathEscape(post.Slug), http.StatusMovedPermanently)
		return nil
	}
	page := postPage{Post: post, Language: s.blog.get(r.Context()).Language}
	page.Comments, err = s.backends.comment.Comments(r.Context(), post.ID)
	if err != nil {
		slog.WarnContext(r.Context(), "post shown without comments", "error", err)
		page.CommentsMissing = true
		incomplete(r.Context())
	}
	s.render(w, r, http.StatusOK, document{
		Template: "post", Title: post.Title, Description: post.Summary, Canonical: "/posts/" + post.Slug, Script: true, Page: page,
	})
	return nil
}

// findPost returns a published post for the readers that the request stands for.
func (s *site) findPost(ctx context.Context, slug string) (content.Post, error) {
	answer, err := s.backends.content.GetPostWithResponse(ctx, slug, &content.GetPostParams{BlogViews: viewsOf(ctx)}, visitorOf(ctx).asContent)
	if err != nil {
		return content.Post{}, fmt.Errorf("get post %q: %w", slug, err)
	}
	post, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return content.Post{}, fmt.Errorf("get post %q: %w", slug, err)
	}
	return post, nil
}
