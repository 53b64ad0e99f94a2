package scim

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	// schema is where WSO2 keeps accountLocked. Its attributes can only be read as a whole.
	schema      = "urn:scim:wso2:schema"
	schemaPatch = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	// maxAnswer bounds what is read of one answer, in bytes.
	maxAnswer = 256 << 10
	// maxRetryAfter bounds how long the provider can put us off.
	maxRetryAfter = 10 * time.Minute
)

// scopes that the application must be authorized for. Asgardeo drops the others
// without a word.
var scopes = []string{"internal_user_mgt_update", "internal_user_mgt_view", "internal_session_delete"}

// Error is an answer that is not the wanted one.
type Error struct {
	// What was asked for, without secrets.
	What string
	// Status is the HTTP status.
	Status int
	// Detail is what the provider said, empty when it said nothing.
	Detail string
	// RetryAfter is how long the provider wants to be left alone, 0 when it did not say.
	RetryAfter time.Duration
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: the provider answered %d", e.What, e.Status)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Final reports whether asking again cannot help before a person has changed something.
func Final(err error) bool {
	if errors.Is(err, ErrScope) || errors.Is(err, ErrNoID) {
		return true
	}
	var answer *Error
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusUnauthorized:
		return false
	}
	return answer.Status < http.StatusInternalServerError
}

// RetryAfter returns how long the provider wants to be left alone, 0 when it did not say.
func RetryAfter(err error) time.Duration {
	var answer *Error
	if errors.As(err, &answer) {
		return answer.RetryAfter
	}
	return 0
}

// ErrScope says that the application is not authorized for what it needs.
var ErrScope = errors.New("authorize the application at the provider for the scopes " + strings.Join(scopes, ", "))

// ErrNoID says that a subject holds no SCIM id.
var ErrNoID = errors.New("the person's subject holds no SCIM id: the provider cannot be told of them")

// Config says where the provider is and who we are there.
type Config struct {
	// BaseURL ends in /scim2.
	BaseURL string
	// TokenURL returns the token endpoint; it may have to be discovered first.
	TokenURL func(context.Context) (string, error)
	ClientID string
	// ClientSecret returns the secret at hand: it may be replaced.
	ClientSecret func() string
	HTTP         *http.Client
}

// Client talks to the provider. It is safe for concurrent use.
type Client struct {
	config Config
	// sessions is the base of Asgardeo's session API, beside SCIM's.
	sessions string
	// binding keeps the tokens of two replicas from revoking each other.
	binding string

	mu    sync.Mutex
	token *oauth2.Token
}

// New returns a client. It asks for nothing yet.
func New(config Config) (*Client, error) {
	base, found := strings.CutSuffix(strings.TrimSuffix(config.BaseURL, "/"), "/scim2")
	if !found {
		return nil, fmt.Errorf("SCIM base URL %q: write one that ends in /scim2", config.BaseURL)
	}
	return &Client{config: config, sessions: base + "/api/users/v1", binding: rand.Text()}, nil
}

// SetLocked locks or unlocks a person. Doing so twice does no harm.
func (c *Client) SetLocked(ctx context.Context, subject string, locked bool) error {
	what := "unlock the account"
	if locked {
		what = "lock the account"
	}
	body, err := json.Marshal(map[string]any{
		"schemas":    []string{schemaPatch},
		"Operations": []any{map[string]any{"op": "replace", "path": schema + ":accountLocked", "value": locked}},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	address, err := c.user(subject)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return c.ask(ctx, what, http.MethodPatch, address, body, nil)
}

// Locked reports whether a person is locked or disabled, which is a lock that
// only the provider's console opens.
func (c *Client) Locked(ctx context.Context, subject string) (bool, error) {
	const what = "read the account's state"
	address, err := c.user(subject)
	if err != nil {
		return false, fmt.Errorf("%s: %w", what, err)
	}
	var user map[string]json.RawMessage
	if err := c.ask(ctx, what, http.MethodGet, address+"?attributes="+url.QueryEscape(schema), nil, &user); err != nil {
		return false, err
	}
	var attributes struct{ AccountLocked, AccountDisabled lenientBool }
	// A user who never was locked may lack the schema.
	if raw, ok := user[schema]; ok {
		if err := json.Unmarshal(raw, &attributes); err != nil {
			return false, fmt.Errorf("%s: %w", what, err)
		}
	}
	return bool(attributes.AccountLocked || attributes.AccountDisabled), nil
}

// EndSessions ends all sessions of a person at the provider.
func (c *Client) EndSessions(ctx context.Context, subject string) error {
	const what = "end the provider's sessions"
	name, err := segment(subject)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return c.ask(ctx, what, http.MethodDelete, c.sessions+"/"+name+"/sessions", nil, nil)
}

func (c *Client) user(subject string) (string, error) {
	name, err := segment(subject)
	return strings.TrimSuffix(c.config.BaseURL, "/") + "/Users/" + name, err
}

// segment is the SCIM id in a subject as one segment of a path: Asgardeo's
// subject is the id itself, or id@organization. [ErrNoID] says that it would be
// none: such an address is that of something else than the person.
func segment(subject string) (string, error) {
	id, _, _ := strings.Cut(subject, "@")
	if id == "" || id == "." || id == ".." {
		return "", ErrNoID
	}
	return url.PathEscape(id), nil
}

// ask asks, once more with a new token if the provider does not know ours any longer.
func (c *Client) ask(ctx context.Context, what, method, address string, body []byte, out any) error {
	err := c.askOnce(ctx, what, method, address, body, out)
	var answer *Error
	if errors.As(err, &answer) && answer.Status == http.StatusUnauthorized {
		c.forget()
		err = c.askOnce(ctx, what, method, address, body, out)
	}
	return err
}

func (c *Client) askOnce(ctx context.Context, what, method, address string, body []byte, out any) error {
	token, err := c.authorize(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	token.SetAuthHeader(req)
	req.Header.Set("Accept", "application/scim+json, application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	resp, err := c.config.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer resp.Body.Close()
	document, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: read the answer: %w", what, err)
	}
	if resp.StatusCode/100 != 2 {
		return refused(what, resp, document)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(document, out); err != nil {
		return fmt.Errorf("%s: read the answer: %w", what, err)
	}
	return nil
}

func refused(what string, resp *http.Response, document []byte) error {
	answer := &Error{What: what, Status: resp.StatusCode}
	var said struct{ Detail string }
	if json.Unmarshal(document, &said) == nil {
		answer.Detail = printable(said.Detail)
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		answer.RetryAfter = min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	return answer
}

// printable is what can be shown and kept of a text that the provider wrote: 200
// bytes at most, and no half characters.
func printable(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), 200)], "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// authorize returns a token that holds for a while yet.
func (c *Client) authorize(ctx context.Context) (*oauth2.Token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token.Valid() {
		return c.token, nil
	}
	endpoint, err := c.config.TokenURL(ctx)
	if err != nil {
		return nil, err
	}
	config := clientcredentials.Config{
		ClientID: c.config.ClientID, ClientSecret: c.config.ClientSecret(), TokenURL: endpoint, Scopes: scopes,
		AuthStyle: oauth2.AuthStyleInHeader, EndpointParams: url.Values{"tokenBindingId": {c.binding}},
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, c.config.HTTP))
	if err != nil {
		return nil, tokenError(err)
	}
	granted, told := token.Extra("scope").(string)
	for _, scope := range scopes {
		if told && !slices.Contains(strings.Fields(granted), scope) {
			return nil, ErrScope
		}
	}
	c.token = token
	return token, nil
}

func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = nil
}

// tokenError keeps the answer's body, which may hold anything, out of the message.
func tokenError(err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) || answer.Response == nil {
		return fmt.Errorf("get a token: %w", err)
	}
	refusal := &Error{What: "get a token", Status: answer.Response.StatusCode, Detail: printable(answer.ErrorCode)}
	if seconds, err := strconv.Atoi(answer.Response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		refusal.RetryAfter = min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	return refusal
}

// lenientBool is a boolean that WSO2 writes as one or as a string.
type lenientBool bool

// UnmarshalJSON implements json.Unmarshaler.
func (b *lenientBool) UnmarshalJSON(data []byte) error {
	value, err := strconv.ParseBool(strings.ToLower(strings.Trim(string(data), `"`)))
	if err != nil {
		return fmt.Errorf("%.20q instead of a boolean", data)
	}
	*b = lenientBool(value)
	return nil
}
