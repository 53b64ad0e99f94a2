package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"blogplatform.io/operator/services/internal/problem"
)

const (
	timeout = 3 * time.Second
	// maxAnswer bounds what is read of one answer, in bytes.
	maxAnswer = 4 << 20
)

var (
	// ErrNotFound says that the service answered 404.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable says that the service could not be reached, did not answer
	// in time or answered 5xx: trying again later can help.
	ErrUnavailable = errors.New("service unavailable")
)

// Client reads from one service.
type Client struct {
	base string
	http *http.Client
}

// New returns a client for the service at base, such as http://blog-content:8080.
func New(base string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// All requests go to one host.
	transport.MaxIdleConnsPerHost = 64
	return &Client{base: strings.TrimSuffix(base, "/"), http: &http.Client{Transport: transport, Timeout: timeout}}
}

// Get reads the JSON document at path (with query, if any) into out. Errors
// wrap [ErrNotFound] or [ErrUnavailable] where they apply.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, maxAnswer)
	if resp.StatusCode != http.StatusOK {
		return statusError(req, resp.StatusCode, body)
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("%w: read the answer of %s: %w", ErrUnavailable, req.URL, err)
	}
	return nil
}

// statusError says what the service answered, with the detail of its problem
// document where there is one.
func statusError(req *http.Request, status int, body io.Reader) error {
	err := fmt.Errorf("%s answered %d", req.URL, status)
	var doc problem.Document
	if json.NewDecoder(body).Decode(&doc) == nil && doc.Detail != "" {
		err = fmt.Errorf("%w: %s", err, doc.Detail)
	}
	switch {
	case status == http.StatusNotFound:
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case status >= http.StatusInternalServerError:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// Dependencies asks the service whether everything behind it answers.
func (c *Client) Dependencies(ctx context.Context) error {
	return c.Get(ctx, "/healthz/dependencies", &struct{}{})
}
