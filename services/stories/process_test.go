package stories

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	comment "blogplatform.io/operator/services/comment/service"
	content "blogplatform.io/operator/services/content/service"
	frontend "blogplatform.io/operator/services/frontend/service"
	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
	user "blogplatform.io/operator/services/user/service"
)

// serviceEnv makes the test binary a service; its value is the service's name.
const serviceEnv = "BLOG_TEST_SERVICE"

func TestMain(m *testing.M) {
	services := map[string]func() int{"user": user.Main, "content": content.Main, "comment": comment.Main, "frontend": frontend.Main}
	if run, found := services[os.Getenv(serviceEnv)]; found {
		os.Exit(run())
	}
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

func prepare(ctx context.Context, service string, env settings, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	// Under the race detector a process otherwise waits a second before it ends.
	cmd.Env = append(os.Environ(), serviceEnv+"="+service, "GORACE=atexit_sleep_ms=0")
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// outcome is how a subcommand ended.
type outcome struct {
	code        int
	stderr      string
	termination string
}

// run runs a subcommand to its end.
func run(t *testing.T, service string, env settings, args ...string) outcome {
	t.Helper()
	termination := filepath.Join(t.TempDir(), "termination-log")
	if err := os.WriteFile(termination, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := prepare(ctx, service, env.with(settings{"TERMINATION_LOG": termination}), args)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	message, err := os.ReadFile(termination)
	if err != nil {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stderr.String(), string(message)}
}

func mustRun(t *testing.T, service string, env settings, args ...string) outcome {
	t.Helper()
	got := run(t, service, env, args...)
	if got.code != 0 {
		t.Fatalf("%s %v ended with %d: %s", service, args, got.code, got.stderr)
	}
	return got
}

// process is a service that serves.
type process struct {
	app, admin string
	cmd        *exec.Cmd
	once       sync.Once
	ended      error
}

// serve starts a service and returns once it listens. At the end of the test it
// must stop when asked, without error: a data race is one.
func serve(t *testing.T, service string, env settings) *process {
	t.Helper()
	env = settings{"APP_ADDRESS": "127.0.0.1:0", "ADMIN_ADDRESS": "127.0.0.1:0", "DRAIN_DELAY": "0s"}.with(env)
	p := &process{cmd: prepare(context.Background(), service, env, []string{"serve"})}
	logs, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("%s did not stop well: %v", service, err)
		}
	})
	lines := bufio.NewReader(logs)
	if p.app, p.admin, err = addresses(lines); err != nil {
		t.Fatalf("%s did not start: %v", service, err)
	}
	// Nobody reads on, but a full pipe would stop the service.
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return p
}

// addresses reads the log until the service says where it listens.
func addresses(log *bufio.Reader) (app, admin string, err error) {
	var read strings.Builder
	for {
		text, err := log.ReadString('\n')
		read.WriteString(text)
		if err != nil {
			return "", "", fmt.Errorf("%w after: %s", err, read.String())
		}
		var line struct{ Msg, App, Admin string }
		if json.Unmarshal([]byte(text), &line) == nil && line.Msg == "serving" {
			return "http://" + line.App, "http://" + line.Admin, nil
		}
	}
}

// stop asks the process to stop and waits until it has.
func (p *process) stop() error {
	p.once.Do(func() {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			p.ended = err
			return
		}
		p.ended = p.cmd.Wait()
	})
	return p.ended
}

// ready waits until the process says that it is.
func (p *process) ready(t *testing.T) *process {
	t.Helper()
	answers(t, p.admin+"/readyz", http.StatusOK)
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

func get(url string) (int, string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}
