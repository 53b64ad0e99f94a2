package client

import (
	"context"
	"fmt"
	"time"

	"blogplatform.io/operator/services/internal/rest"
)

// Comment is a reader's comment. Body is plain text.
type Comment struct {
	ID        int64     `json:"id"`
	Author    string    `json:"author"`
	Body      string    `json:"body"`
	CreatedAt time.Time `json:"createdAt"`
}

// CommentList is the answer to GET /v1/posts/{id}/comments, oldest first.
type CommentList struct {
	Comments []Comment `json:"comments"`
}

// Client asks the comment service. Errors wrap [rest.ErrUnavailable] where it applies.
type Client struct{ *rest.Client }

// New returns a client for the comment service at base.
func New(base string) *Client { return &Client{rest.New(base)} }

// Comments returns the comments on the post with that id, oldest first.
func (c *Client) Comments(ctx context.Context, postID int64) ([]Comment, error) {
	var list CommentList
	if err := c.Get(ctx, fmt.Sprintf("/v1/posts/%d/comments", postID), &list); err != nil {
		return nil, fmt.Errorf("list comments on post %d: %w", postID, err)
	}
	return list.Comments, nil
}
