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
	"blogplatform.io/operator/services/internal/trace"
)

const (
	timeout = 3 * time.Second
	// maxAnswer bounds what is read of one answer, in bytes: a text of 200,000
	// characters and its HTML, as JSON writes them.
	maxAnswer = 8 << 20
)

var (
	// ErrNotFound says that the service answered 404.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable says that the service could not be reached, did not answer
	// in time or answered 5xx: trying again later can help.
	ErrUnavailable = errors.New("service unavailable")
	// ErrTooLong says that an answer is longer than this package reads: asking
	// again does not help.
	ErrTooLong = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
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
	return &Client{base: strings.TrimSuffix(base, "/"), http: &http.Client{Transport: trace.Transport(transport), Timeout: timeout}}
}

// Get reads the JSON document at path (with query, if any) into out. Errors
// wrap [ErrNotFound] or [ErrUnavailable] where they apply.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if errors.Is(err, ErrTooLong) {
		return fmt.Errorf("read the answer of %s: %w", req.URL, err)
	}
	if err != nil {
		return fmt.Errorf("%w: read the answer of %s: %w", ErrUnavailable, req.URL, err)
	}
	if resp.StatusCode != http.StatusOK {
		return statusError(req, resp.StatusCode, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%w: read the answer of %s: %w", ErrUnavailable, req.URL, err)
	}
	return nil
}

// Do sends a request as a generated client made it. The answer's body is
// bounded: reading more than that is [ErrTooLong]. Errors wrap [ErrUnavailable].
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{&bounded{resp.Body, maxAnswer}, resp.Body}
	return resp, nil
}

// bounded reads at most left bytes; that there are more is an error.
type bounded struct {
	reader io.Reader
	left   int
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.reader.Read(p[:min(len(p), b.left+1)])
	if n > b.left {
		return b.left, ErrTooLong
	}
	b.left -= n
	return n, err
}

// Result is what a generated client returned as a value or an error: value is
// the parsed document of the expected status, nil when the service answered with
// another. Errors are as those of [Client.Get], and carry the status as [*StatusError].
func Result[T any](value *T, resp *http.Response, body []byte) (T, error) {
	if value != nil {
		return *value, nil
	}
	var none T
	return none, statusError(resp.Request, resp.StatusCode, body)
}

// StatusError is an answer other than the expected one.
type StatusError struct {
	// Status is the HTTP status.
	Status int
	// Problem is the problem document that came with it, empty for none.
	Problem problem.Document
	url     string
}

// Error implements error.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s answered %d", e.url, e.Status)
	if e.Problem.Detail != "" {
		text += ": " + e.Problem.Detail
	}
	return text
}

// statusError says what the service answered, with its problem document where
// there is one.
func statusError(req *http.Request, status int, body []byte) error {
	err := &StatusError{Status: status, url: req.URL.Redacted()}
	if json.Unmarshal(body, &err.Problem) != nil {
		err.Problem = problem.Document{}
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
