package client

import (
	"context"
	"fmt"

	"blogplatform.io/operator/services/internal/rest"
)

// Person is what everyone may know about a user of the blog.
type Person struct {
	ID          int64  `json:"id"`
	DisplayName string `json:"displayName"`
}

// Client asks the user service. Errors wrap [rest.ErrNotFound] or
// [rest.ErrUnavailable] where they apply.
type Client struct{ *rest.Client }

// New returns a client for the user service at base.
func New(base string) *Client { return &Client{rest.New(base)} }

// Person returns the person with that id.
func (c *Client) Person(ctx context.Context, id int64) (Person, error) {
	var person Person
	if err := c.Get(ctx, fmt.Sprintf("/v1/people/%d", id), &person); err != nil {
		return Person{}, fmt.Errorf("get person %d: %w", id, err)
	}
	return person, nil
}
