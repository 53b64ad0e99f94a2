//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a reader waits for a page.
const patience = 2 * time.Second

// request is what one visit asks for.
type request struct {
	who    *http.Client
	method string
	url    string
	form   url.Values
	want   int
}

// load makes requests at a fixed rate, whether or not those before were answered
// (open loop), until it is ended. Then it answers how many there were, and what failed.
// Without people it visits the home page; each of them reads and likes, too.
func load(t testing.TB, env environment, perSecond int, people ...*person) (end func() (requests int, failures []string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var pending sync.WaitGroup
	count, failures := 0, []string(nil)
	anonymous := browser()
	pending.Go(func() {
		ticker := time.NewTicker(time.Second / time.Duration(perSecond))
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			next := request{who: anonymous, method: http.MethodGet, url: env.url("/"), want: http.StatusOK}
			if len(people) > 0 {
				next = people[n/tenth%len(people)].next(n%tenth, next)
			}
			count++
			pending.Go(func() {
				// Requests under way are answered before the load has ended.
				if problem := next.failure(context.WithoutCancel(ctx)); problem != "" {
					mu.Lock()
					defer mu.Unlock()
					failures = append(failures, problem+" at "+time.Now().Format(time.TimeOnly))
				}
			})
		}
	})
	return func() (int, []string) { cancel(); pending.Wait(); return count, failures }
}

// noFailures ends a load and fails the test if a request of it has failed.
func noFailures(t testing.TB, where string, end func() (int, []string)) {
	t.Helper()
	requests, failures := end()
	t.Logf("%s: %d requests, %d failed", where, requests, len(failures))
	if len(failures) > 0 {
		t.Errorf("%s: of %d requests %d failed: %v", where, requests, len(failures), failures[:min(10, len(failures))])
	}
}

// tenth of the requests of a load with people are writes.
const tenth = 10

// failure of a request, or nothing.
func (r request) failure(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	what := r.method + " " + r.url
	q, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.form.Encode()))
	if err != nil {
		return err.Error()
	}
	if r.form != nil {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := r.who.Do(q)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return what + ": " + err.Error()
	}
	if response.StatusCode != r.want {
		return what + ": " + response.Status
	}
	return ""
}

func (e environment) url(path string) string { return "https://" + e.host + ":" + httpsPort + path }

// person is somebody who has signed in.
type person struct {
	env     environment
	browser *http.Client
	// post and comment are what this person reads and likes.
	post, comment string
}

// next is what this person, or somebody beside, asks for as number n of ten.
func (p *person) next(n int, home request) request {
	switch n {
	case 0:
		return request{
			who: p.browser, method: http.MethodPost, url: p.env.url("/comments/" + p.comment + "/like"),
			form: url.Values{"liked": {strconv.FormatBool(time.Now().Unix()%2 == 0)}}, want: http.StatusSeeOther,
		}
	case 1, 2:
		// Pages for people are made anew each time: they cross every service.
		return request{who: p.browser, method: http.MethodGet, url: p.env.url("/posts/" + p.post), want: http.StatusOK}
	case 3, 4, 5:
		return request{who: home.who, method: http.MethodGet, url: p.env.url("/posts/" + p.post), want: http.StatusOK}
	}
	return home
}

// signIn has the people of the fake Asgardeo sign in. The first, an Admin, says
// something that they can like.
func signIn(t testing.TB, env environment) []*person {
	t.Helper()
	var people []*person
	for _, name := range []string{"admin", "editor", "reader", "reader2", "reader3", "reader4"} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		p := &person{env: env, browser: browser()}
		p.browser.Jar = jar
		transport, _ := p.browser.Transport.(*http.Transport)
		transport.DisableKeepAlives = false
		if err := p.signIn(t.Context(), name+"@example.com", strings.TrimRight(name, "234")); err != nil {
			t.Fatalf("signing %s in at %s: %v", name, env.host, err)
		}
		people = append(people, p)
	}
	_, home := visit(t, env.url("/"))
	_, rest, found := strings.Cut(home, `href="/posts/`)
	post, _, _ := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("the home page links to no post: %.500s", home)
	}
	comment, err := people[0].say(t.Context(), post)
	if err != nil {
		t.Fatalf("commenting on %s: %v", post, err)
	}
	for _, p := range people {
		p.post, p.comment = post, comment
	}
	return people
}

// signIn goes where the blog sends the browser, and fills in the form of the provider.
func (p *person) signIn(ctx context.Context, name, password string) error {
	at, err := p.follow(ctx, http.MethodGet, p.env.url("/auth/begin?return=/me"), nil)
	if err != nil {
		return err
	}
	if path.Base(at.Path) != "login" {
		return fmt.Errorf("the blog sent the browser to %s, want the provider's form", at)
	}
	form := url.Values{"request": {at.Query().Get("request")}, "username": {name}, "password": {password}}
	if at, err = p.follow(ctx, http.MethodPost, at.JoinPath("..", "login").String(), form); err != nil {
		return err
	}
	if at.Path != "/me" {
		return fmt.Errorf("the provider sent the browser to %s, want %s", at, p.env.url("/me"))
	}
	return nil
}

// say comments on a post and answers the id of the comment.
func (p *person) say(ctx context.Context, post string) (string, error) {
	at, err := p.follow(ctx, http.MethodPost, p.env.url("/posts/"+post+"/comments"), url.Values{"body": {"Said at " + time.Now().Format(time.RFC3339Nano)}})
	if err != nil {
		return "", err
	}
	id, found := strings.CutPrefix(at.Fragment, "comment-")
	if !found {
		return "", fmt.Errorf("the blog sent the browser to %s, want a comment", at)
	}
	return id, nil
}

// follow makes a request and goes where it is sent, up to ten times.
func (p *person) follow(ctx context.Context, method, address string, form url.Values) (*url.URL, error) {
	at, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	for range 10 {
		r, err := http.NewRequestWithContext(ctx, method, at.String(), strings.NewReader(form.Encode()))
		if err != nil {
			return nil, err
		}
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		response, err := p.browser.Do(r)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return nil, err
		}
		location, err := response.Location()
		switch {
		case errors.Is(err, http.ErrNoLocation) && response.StatusCode == http.StatusOK:
			return at, nil
		case err != nil:
			return nil, fmt.Errorf("%s answered %s: %.300s", at, response.Status, text)
		}
		location.Fragment = cmp.Or(location.Fragment, at.Fragment)
		at, method, form = location, http.MethodGet, nil
	}
	return nil, fmt.Errorf("%s sends the browser round and round", address)
}
