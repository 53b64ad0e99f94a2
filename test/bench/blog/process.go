package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	// patience is how long a process may take to start or to stop.
	patience = 30 * time.Second
	// glance is how often a process that starts is looked at.
	glance = time.Millisecond
)

// process is a program that runs until it is stopped.
type process struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{}
	err   error
}

// start starts a program, which logs to a file in dir. Who started it decides
// when it ends, and if that process is killed, it ends, too.
func start(dir, name, program string, env map[string]string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{name: name, cmd: command(context.Background(), program, env, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func command(ctx context.Context, program string, env map[string]string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = os.Environ()
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return cmd
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks the process to end, and ends it if it does not.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// await waits until the process is as it should be.
func (p *process) await(ctx context.Context, is func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := is()
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %w", p.name, p.err)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", p.name, err)
		case <-time.After(glance):
		}
	}
}

// answers waits until the URL is answered with 200.
func (p *process) answers(ctx context.Context, url string) error {
	return p.await(ctx, func() error {
		_, err := fetch(ctx, url)
		return err
	})
}

// listens waits until the process listens.
func (p *process) listens(ctx context.Context, address string) error {
	return p.await(ctx, func() error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// fetch returns an answer with status 200.
func fetch(ctx context.Context, url string) (document, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return document{}, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return document{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %.200s", url, answer.Status, body)
	}
	return document{answer.Header, body}, err
}

// finish runs a subcommand of a service to its end and returns its termination message.
func finish(ctx context.Context, dir, program string, env map[string]string, args ...string) ([]byte, error) {
	message := filepath.Join(dir, "termination")
	if err := os.WriteFile(message, nil, 0o600); err != nil {
		return nil, err
	}
	cmd := command(ctx, program, env, args...)
	cmd.Env = append(cmd.Env, "TERMINATION_LOG="+message)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s %v: %w: %s", filepath.Base(program), args, err, out)
	}
	return os.ReadFile(message)
}

// database is a PostgreSQL server.
type database struct {
	cmd    *exec.Cmd
	orders io.Closer
	// settings are PG* variables, by service.
	settings map[string]map[string]string
}

func startDatabase(program string, services ...string) (*database, error) {
	d := &database{cmd: exec.Command(program, services...)}
	d.cmd.Stderr = os.Stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if d.orders, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &d.settings)
	}
	if err != nil {
		d.stop()
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return d, nil
}

func (d *database) stop() {
	_ = d.orders.Close()
	_ = d.cmd.Wait()
}
