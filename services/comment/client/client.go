package client

import (
	"context"
	"fmt"

	"blogplatform.io/operator/services/internal/rest"
)

// threadsShown is how many threads Comments returns.
const threadsShown = 100

// Client asks the comment service. Its own methods return errors that wrap
// [rest.ErrNotFound] or [rest.ErrUnavailable] where they apply; for those with
// Response in their name, [rest.Result] does that.
type Client struct {
	*rest.Client
	*ClientWithResponses
}

// New returns a client for the comment service at base.
func New(base string) *Client {
	transport := rest.New(base)
	// It fails only on options that fail, and this one does not.
	requests, _ := NewClientWithResponses(base, WithHTTPClient(transport))
	return &Client{transport, requests}
}

// Comments returns the first 100 threads under the post with that id, oldest
// first; each comment comes before its replies.
func (c *Client) Comments(ctx context.Context, postID int64) ([]Comment, error) {
	answer, err := c.ListCommentsWithResponse(ctx, postID, &ListCommentsParams{Limit: new(threadsShown)})
	if err != nil {
		return nil, fmt.Errorf("list comments on post %d: %w", postID, err)
	}
	list, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return nil, fmt.Errorf("list comments on post %d: %w", postID, err)
	}
	return list.Comments, nil
}
