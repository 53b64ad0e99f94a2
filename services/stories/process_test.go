package stories

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/testing/process"
)

func TestMain(m *testing.M) {
	process.Become()
	os.Exit(postgres.Main(m))
}

// settings are environment variables of a service.
type settings map[string]string

// with returns settings with more set.
func (s settings) with(more settings) settings {
	all := settings{}
	for _, part := range []settings{s, more} {
		for name, value := range part {
			all[name] = value
		}
	}
	return all
}

// run runs a subcommand to its end.
func run(t *testing.T, service string, env settings, args ...string) process.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timefactor.Scale(time.Minute))
	defer cancel()
	got, err := process.Run(ctx, service, env, args...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func mustRun(t *testing.T, service string, env settings, args ...string) process.Outcome {
	t.Helper()
	got := run(t, service, env, args...)
	if got.Code != 0 {
		t.Fatalf("%s %v ended with %d: %s", service, args, got.Code, got.Stderr)
	}
	return got
}

// serve starts a service and returns once it listens. At the end of the test it
// must stop when asked, without error: a data race is one.
func serve(t *testing.T, service string, env settings) *process.Process {
	t.Helper()
	p, err := process.Start(service, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("%s did not stop well: %v", service, err)
		}
	})
	return p
}

// ready waits until the process says that it is.
func ready(t *testing.T, p *process.Process) *process.Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timefactor.Scale(30*time.Second))
	defer cancel()
	if err := p.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

// answers waits until the address answers with the status, and returns the body.
func answers(t *testing.T, url string, status int) string {
	t.Helper()
	var body string
	await.Nil(t, func() error {
		code, text, err := get(url)
		if err == nil && code != status {
			err = fmt.Errorf("%s answered %d instead of %d: %s", url, code, status, text)
		}
		body = text
		return err
	})
	return body
}

// shows waits until the page at the address has the text, as it must within the
// five seconds that a page is kept, and returns it.
func shows(t *testing.T, url, text string) string {
	t.Helper()
	var body string
	await.Nil(t, func() error {
		code, page, err := get(url)
		if err == nil && (code != http.StatusOK || !strings.Contains(page, text)) {
			err = fmt.Errorf("%s answered %d without %q: %s", url, code, text, page)
		}
		body = page
		return err
	})
	return body
}

func get(url string) (int, string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}
