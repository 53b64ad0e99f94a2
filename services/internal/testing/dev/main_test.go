package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/testing/process"
)

// devEnv makes the test binary the command.
const devEnv = "BLOG_TEST_DEV"

func TestMain(m *testing.M) {
	process.Become()
	postgres.Become()
	if os.Getenv(devEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestADeveloperReadsTheBlogAndCtrlCLeavesNothing(t *testing.T) {
	for _, run := range []string{"first", "second"} {
		d := startDev(t, "0")
		d.waitReady(t)
		if got := len(d.processes(t)); got < 7 {
			t.Errorf("%s run: %d processes are no services, keeper and PostgreSQL", run, got)
		}
		home := d.get(t, "/", http.StatusOK)
		if !strings.Contains(home, "The quiet release") {
			t.Errorf("%s run: the home page lacks the demo posts: %s", run, home)
		}
		if post := d.get(t, "/posts/the-quiet-release", http.StatusOK); !strings.Contains(post, "We still have the calendar entry.") {
			t.Errorf("%s run: the post lacks its comments: %s", run, post)
		}
		d.ctrlC(t)
		if code := d.exit(); code != 0 {
			t.Errorf("%s run: exit code %d: %s", run, code, d.stderr)
		}
		d.nothingIsLeft(t)
		if log := d.stderr.String(); strings.Contains(log, "{") || !regexp.MustCompile(`(?m)^frontend  \d\d:\d\d:\d\d drained$`).MatchString(log) {
			t.Errorf("%s run: nobody can read this log: %s", run, log)
		}
	}
}

func TestAPortInUseIsSaidPlainly(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, port, _ := net.SplitHostPort(other.Addr().String())
	d := startDev(t, port)
	if code := d.exit(); code != 1 || !strings.HasPrefix(d.stderr.String(), "port "+port+" is in use") {
		t.Errorf("exit code %d: %s", code, d.stderr)
	}
	d.nothingIsLeft(t)
}

func TestCtrlCBeforeItIsReadyLeavesNothing(t *testing.T) {
	d := startDev(t, "0")
	await.Nil(t, func() error {
		if len(d.processes(t)) < 2 {
			return fmt.Errorf("nothing started")
		}
		return nil
	})
	d.ctrlC(t)
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d: %s", code, d.stderr)
	}
	d.nothingIsLeft(t)
}

func TestAServiceThatEndsEndsTheRest(t *testing.T) {
	d := startDev(t, "0")
	d.waitReady(t)
	for pid, environment := range d.processes(t) {
		if strings.Contains(environment, "BLOG_PROCESS_SERVICE=content\x00") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if code := d.exit(); code != 1 || !strings.Contains(d.stderr.String(), "content has ended by itself") {
		t.Errorf("exit code %d: %s", code, d.stderr)
	}
	d.nothingIsLeft(t)
}

func TestWhoIsKilledTakesEverybodyAlong(t *testing.T) {
	d := startDev(t, "0")
	d.waitReady(t)
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	d.exit()
	d.noProcessIsLeft(t)
}

func TestACertificateIsKeptUntilItIsOld(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dev")
	if err := writeCertificates(dir, []string{domain}); err != nil {
		t.Fatal(err)
	}
	if _, err := readCertificates(dir, []string{domain}); err != nil {
		t.Errorf("a new certificate is refused: %v", err)
	}
	if _, err := readCertificates(dir, []string{domain, "id." + domain}); err == nil {
		t.Error("a certificate without one of the names is kept")
	}
	// The authority is for what is below its domain only.
	if err := writeCertificates(dir, []string{domain, "bank.example.com"}); err != nil {
		t.Fatal(err)
	}
	if _, err := readCertificates(dir, []string{"bank.example.com"}); err == nil {
		t.Error("whoever trusts the authority trusts it with foreign names")
	}
}

func TestLogLinesBecomeReadable(t *testing.T) {
	for line, want := range map[string]string{
		`{"time":"2026-11-26T10:00:00Z","level":"INFO","msg":"serving","service":"content","version":"dev","app":"127.0.0.1:1","n":3}`: "content   " + clock("2026-11-26T10:00:00Z") + " serving app=127.0.0.1:1 n=3\n",
		`{"time":"2026-11-26T10:00:00Z","level":"WARN","msg":"slow","error":"a \"quoted\" word"}`:                                      "content   " + clock("2026-11-26T10:00:00Z") + " WARN slow error=\"a \\\"quoted\\\" word\"\n",
		"panic: everything\n": "content   panic: everything\n",
		"7\n":                 "content   7\n",
	} {
		var out bytes.Buffer
		if _, err := newLogs(&out).of("content").Write([]byte(line)); err != nil || out.String() != want {
			t.Errorf("%s became %q, %v", line, out.String(), err)
		}
	}
}

// dev is a running command with a temporary folder of its own.
type dev struct {
	cmd    *exec.Cmd
	tmp    string
	stdout *bufio.Reader
	stderr *buffer
	url    string
	client *http.Client
}

func startDev(t *testing.T, port string) *dev {
	t.Helper()
	// PostgreSQL's user has to get in.
	tmp, err := os.MkdirTemp("", "blog-dev-test-")
	if err == nil {
		err = os.Chmod(tmp, 0o777|os.ModeSticky)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := &dev{cmd: exec.Command("/proc/self/exe", "-port", port), tmp: tmp, stderr: &buffer{}}
	d.cmd.Env = append(os.Environ(), devEnv+"=1", "TMPDIR="+tmp, "GORACE=atexit_sleep_ms=0")
	d.cmd.Stderr = d.stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.stdout = bufio.NewReader(stdout)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		d.noProcessIsLeft(t)
		if err := os.RemoveAll(tmp); err != nil {
			t.Error(err)
		}
	})
	return d
}

var (
	printedURL       = regexp.MustCompile(`https://dev\.blog\.localhost:\d+`)
	printedAuthority = regexp.MustCompile(`/\S+/ca\.crt`)
)

// waitReady reads what the command prints, up to its last line.
func (d *dev) waitReady(t *testing.T) {
	t.Helper()
	var text strings.Builder
	for !strings.Contains(text.String(), "Ctrl-C") {
		line, err := d.stdout.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			t.Fatalf("it ended after %q: %s", text.String(), d.stderr)
		}
	}
	for _, want := range []string{"admin@example.com", "editor@example.com", "reader@example.com"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say that %s can sign in: %s", want, text.String())
		}
	}
	d.url = printedURL.FindString(text.String())
	authority, err := os.ReadFile(printedAuthority.FindString(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	address := "127.0.0.1" + d.url[strings.LastIndex(d.url, ":"):]
	d.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}
}

func (d *dev) get(t *testing.T, path string, status int) string {
	t.Helper()
	resp, err := d.client.Get(d.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		t.Fatalf("%s answered %d: %s %v", path, resp.StatusCode, body, err)
	}
	return string(body)
}

// ctrlC is what a terminal does: the signal reaches the whole group.
func (d *dev) ctrlC(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(-d.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code.
func (d *dev) exit() int {
	_ = d.cmd.Wait()
	return d.cmd.ProcessState.ExitCode()
}

func (d *dev) nothingIsLeft(t *testing.T) {
	t.Helper()
	for pid := range d.processes(t) {
		t.Errorf("process %d is left", pid)
	}
	files, err := os.ReadDir(d.tmp)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Errorf("%s is left", file.Name())
	}
}

// noProcessIsLeft waits: nobody is there to end them in order.
func (d *dev) noProcessIsLeft(t *testing.T) {
	t.Helper()
	await.Nil(t, func() error {
		if left := d.processes(t); len(left) > 0 {
			return fmt.Errorf("%d processes are left", len(left))
		}
		return nil
	})
}

// processes are those that the command started, with their environments. All
// have its temporary folder in their environment or, as PostgreSQL, in their arguments.
func (d *dev) processes(t *testing.T) map[int]string {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, entry := range entries {
		environment, _ := os.ReadFile(filepath.Join(entry, "environ"))
		arguments, _ := os.ReadFile(filepath.Join(entry, "cmdline"))
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(entry), "%d", &pid); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(append(environment, arguments...), []byte(d.tmp)) {
			found[pid] = string(environment)
		}
	}
	return found
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (b *buffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(data)
}

// String implements fmt.Stringer.
func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
