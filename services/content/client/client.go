package client

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"blogplatform.io/operator/services/internal/rest"
)

// PostSummary is a published post as lists show it.
type PostSummary struct {
	ID             int64     `json:"id"`
	Title          string    `json:"title"`
	Slug           string    `json:"slug"`
	Summary        string    `json:"summary"`
	ReadingMinutes int       `json:"readingMinutes"`
	PublishedAt    time.Time `json:"publishedAt"`
}

// Post is a published post. Body is plain text, paragraphs are separated by an
// empty line.
type Post struct {
	PostSummary
	Body string `json:"body"`
}

// PostList is the answer to GET /v1/posts, newest first.
type PostList struct {
	Posts []PostSummary `json:"posts"`
}

// Client asks the content service. Errors wrap [rest.ErrNotFound] or
// [rest.ErrUnavailable] where they apply.
type Client struct{ *rest.Client }

// New returns a client for the content service at base.
func New(base string) *Client { return &Client{rest.New(base)} }

// Posts returns the newest published posts, at most limit (1 to 100).
func (c *Client) Posts(ctx context.Context, limit int) ([]PostSummary, error) {
	var list PostList
	if err := c.Get(ctx, fmt.Sprintf("/v1/posts?limit=%d", limit), &list); err != nil {
		return nil, fmt.Errorf("list posts: %w", err)
	}
	return list.Posts, nil
}

// Post returns the published post with that slug.
func (c *Client) Post(ctx context.Context, slug string) (Post, error) {
	var post Post
	if err := c.Get(ctx, "/v1/posts/"+url.PathEscape(slug), &post); err != nil {
		return Post{}, fmt.Errorf("get post %q: %w", slug, err)
	}
	return post, nil
}
