package asgardeo

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// Browser signs people in as a browser would: it keeps cookies, and stops at the
// application's door.
type Browser struct {
	http *http.Client
	base string
}

// NewBrowser returns a browser without cookies. transport is for the fake.
func (f *Fake) NewBrowser(transport http.RoundTripper) *Browser {
	// It fails only on options that fail, and there are none.
	jar, _ := cookiejar.New(nil)
	b := &Browser{base: f.config.BaseURL}
	b.http = &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(req.URL.String(), f.config.BaseURL) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

// SignIn opens an authorization URL, signs in where it is asked to, and returns
// the address that the application is then called at.
func (b *Browser) SignIn(authorizationURL, userName, password string) (*url.URL, error) {
	resp, err := b.http.Get(authorizationURL)
	if err != nil {
		return nil, fmt.Errorf("open the sign-in: %w", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusOK && strings.HasSuffix(resp.Request.URL.Path, "/login") {
		form := url.Values{"request": {resp.Request.URL.Query().Get("request")}, "username": {userName}, "password": {password}}
		if resp, err = b.http.PostForm(b.base+"/login", form); err != nil {
			return nil, fmt.Errorf("sign in: %w", err)
		}
		_ = resp.Body.Close()
	}
	return leaving(resp)
}

// Open opens an address of the provider and returns where it sends the browser.
func (b *Browser) Open(address string) (*url.URL, error) {
	resp, err := b.http.Get(address)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", address, err)
	}
	_ = resp.Body.Close()
	return leaving(resp)
}

func leaving(resp *http.Response) (*url.URL, error) {
	to, err := resp.Location()
	if errors.Is(err, http.ErrNoLocation) {
		return nil, fmt.Errorf("the provider answered %s at %s", resp.Status, resp.Request.URL.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("read where the provider sends the browser: %w", err)
	}
	return to, nil
}
