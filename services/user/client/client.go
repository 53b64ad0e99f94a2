package client

import (
	"context"
	"fmt"

	"blogplatform.io/operator/services/internal/rest"
)

// Client asks the user service. Its own methods return errors that wrap
// [rest.ErrNotFound] or [rest.ErrUnavailable] where they apply; for those with
// Response in their name, [rest.Result] does that.
type Client struct {
	*rest.Client
	*ClientWithResponses
}

// New returns a client for the user service at base.
func New(base string) *Client {
	transport := rest.New(base)
	// It fails only on options that fail, and this one does not.
	requests, _ := NewClientWithResponses(base, WithHTTPClient(transport))
	return &Client{transport, requests}
}

// Person returns the person with that id.
func (c *Client) Person(ctx context.Context, id int64) (Person, error) {
	answer, err := c.GetPersonWithResponse(ctx, id)
	if err != nil {
		return Person{}, fmt.Errorf("get person %d: %w", id, err)
	}
	person, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return Person{}, fmt.Errorf("get person %d: %w", id, err)
	}
	return person, nil
}
