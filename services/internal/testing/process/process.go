package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	comment "blogplatform.io/operator/services/comment/service"
	content "blogplatform.io/operator/services/content/service"
	frontend "blogplatform.io/operator/services/frontend/service"
	user "blogplatform.io/operator/services/user/service"
)

// serviceEnv makes a binary that calls [Become] a service; its value is the
// service's name.
const serviceEnv = "BLOG_PROCESS_SERVICE"

// Become must be the first call of main or TestMain. In a process that this
// package started it is the service, and does not return.
func Become() {
	services := map[string]func() int{"user": user.Main, "content": content.Main, "comment": comment.Main, "frontend": frontend.Main}
	if run, found := services[os.Getenv(serviceEnv)]; found {
		os.Exit(run())
	}
}

// command is this binary as a service. Signals of a terminal do not reach it:
// who started it decides when it ends, and if that process is killed, it ends, too.
func command(ctx context.Context, service string, env map[string]string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	// Under the race detector a process otherwise waits a second before it ends.
	cmd.Env = append(os.Environ(), serviceEnv+"="+service, "GORACE=atexit_sleep_ms=0")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return cmd
}

// Outcome is how a subcommand ended.
type Outcome struct {
	// Code is the exit code.
	Code int
	// Stderr is its log.
	Stderr string
	// Termination is the termination message that it left for Kubernetes.
	Termination string
}

// Run runs a subcommand of a service to its end. An exit code other than 0 is no error.
func Run(ctx context.Context, service string, env map[string]string, args ...string) (Outcome, error) {
	termination, err := os.CreateTemp("", "blog-termination-")
	if err != nil {
		return Outcome{}, fmt.Errorf("make a file for the termination message: %w", err)
	}
	defer os.Remove(termination.Name())
	defer termination.Close()
	cmd := command(ctx, service, env, args)
	cmd.Env = append(cmd.Env, "TERMINATION_LOG="+termination.Name())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		return Outcome{}, fmt.Errorf("run %s %v: %w", service, args, err)
	}
	message, err := io.ReadAll(termination)
	if err != nil {
		return Outcome{}, fmt.Errorf("read the termination message of %s: %w", service, err)
	}
	return Outcome{cmd.ProcessState.ExitCode(), stderr.String(), string(message)}, nil
}

// Process is a service that serves.
type Process struct {
	// Service is its name.
	Service string
	// App and Admin are the URLs of its two ports.
	App, Admin string

	cmd    *exec.Cmd
	ended  chan struct{}
	err    error
	killed atomic.Bool
}

// Start starts a service and returns once it listens; where env does not say
// where, it is on free ports. Lines of its log are written to logs, each with one
// call of Write, after the first one that says where it listens, too.
func Start(service string, env map[string]string, logs io.Writer) (*Process, error) {
	defaults := map[string]string{"APP_ADDRESS": "127.0.0.1:0", "ADMIN_ADDRESS": "127.0.0.1:0", "DRAIN_DELAY": "0s"}
	maps.Copy(defaults, env)
	p := &Process{Service: service, cmd: command(context.Background(), service, defaults, []string{"serve"}), ended: make(chan struct{})}
	log := &log{to: logs, serving: make(chan addresses, 1)}
	p.cmd.Stderr = log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", service, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	select {
	case at := <-log.serving:
		p.App, p.Admin = "http://"+at.App, "http://"+at.Admin
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("%s did not start: %w: %s", service, p.err, log.start())
	}
}

// Stop asks the process to stop and waits until it has. It returns an error if
// it did not end well; one that was killed owes nothing.
func (p *Process) Stop() error {
	if p.killed.Load() {
		return nil
	}
	select {
	case <-p.ended:
	default:
		// It fails where the process has ended meanwhile.
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		<-p.ended
	}
	return p.err
}

// Kill ends the process as a lost machine would, and waits until it has. It
// returns an error if it had ended before.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", p.Service, err)
	}
	p.killed.Store(true)
	<-p.ended
	return nil
}

// Ended is closed when the process has ended, for whatever reason.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Ready waits until the process says that it is ready, or ctx ends.
func (p *Process) Ready(ctx context.Context) error {
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		err := p.askReady(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended before it was ready: %w", p.Service, p.err)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", p.Service, err)
		case <-retry.C:
		}
	}
}

func (p *Process) askReady(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Admin+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answered %s", resp.Status)
	}
	return nil
}

// addresses are what a service logs when it serves.
type addresses struct{ Msg, App, Admin string }

// log takes the log of a process apart into lines.
type log struct {
	to      io.Writer
	serving chan addresses

	mu      sync.Mutex
	partial []byte
	// first is what was logged before the process served.
	first  bytes.Buffer
	serves bool
}

// Write implements io.Writer.
func (l *log) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, data...)
	for {
		end := bytes.IndexByte(l.partial, '\n') + 1
		if end == 0 {
			return len(data), nil
		}
		if err := l.line(l.partial[:end]); err != nil {
			return 0, err
		}
		l.partial = l.partial[end:]
	}
}

func (l *log) line(line []byte) error {
	if !l.serves {
		l.first.Write(line)
		var at addresses
		if json.Unmarshal(line, &at) == nil && at.Msg == "serving" {
			l.serves = true
			l.serving <- at
		}
	}
	_, err := l.to.Write(line)
	return err
}

func (l *log) start() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first.String()
}
