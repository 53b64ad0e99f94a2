package client

import (
	"context"
	"fmt"

	"blogplatform.io/operator/services/internal/rest"
)

// Client asks the content service. Its own methods return errors that wrap
// [rest.ErrNotFound] or [rest.ErrUnavailable] where they apply; for those with
// Response in their name, [rest.Result] does that.
type Client struct {
	*rest.Client
	*ClientWithResponses
}

// New returns a client for the content service at base.
func New(base string) *Client {
	transport := rest.New(base)
	// It fails only on options that fail, and this one does not.
	requests, _ := NewClientWithResponses(base, WithHTTPClient(transport))
	return &Client{transport, requests}
}

// Posts returns the newest published posts, at most limit (1 to 100).
func (c *Client) Posts(ctx context.Context, limit int) ([]PostSummary, error) {
	answer, err := c.ListPostsWithResponse(ctx, &ListPostsParams{Limit: &limit})
	if err != nil {
		return nil, fmt.Errorf("list posts: %w", err)
	}
	list, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return nil, fmt.Errorf("list posts: %w", err)
	}
	return list.Posts, nil
}

// Post returns the published post with that slug, or, after its slug has
// changed, that had it: the answer's Slug is the present one.
func (c *Client) Post(ctx context.Context, slug string) (Post, error) {
	answer, err := c.GetPostWithResponse(ctx, slug, nil)
	if err != nil {
		return Post{}, fmt.Errorf("get post %q: %w", slug, err)
	}
	post, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return Post{}, fmt.Errorf("get post %q: %w", slug, err)
	}
	return post, nil
}
