package controlplane

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Process is a child process that writes to a log file and dies with its parent.
type Process struct {
	Name    string
	Path    string
	Args    []string
	Env     []string
	command *exec.Cmd
	exited  chan struct{}
	err     error
	logFile string
}

// Start starts the process. Its output goes to <logs>/<name>.log.
func (p *Process) Start(logs string) error {
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	p.logFile = filepath.Join(logs, p.Name+".log")
	output, err := os.Create(p.logFile)
	if err != nil {
		return err
	}
	defer output.Close()
	p.command = exec.Command(p.Path, p.Args...)
	p.command.Env = append(os.Environ(), p.Env...)
	p.command.Stdout, p.command.Stderr = output, output
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	p.exited = make(chan struct{})
	started := make(chan error)
	go func() {
		// The death signal comes when the thread that forked ends, so that thread is kept until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			p.err = p.command.Wait()
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	return nil
}

// PID is the number of the process, which was started.
func (p *Process) PID() int { return p.command.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Err tells why the process ended, and where to read more.
func (p *Process) Err() error {
	return fmt.Errorf("%s ended (%w); its log is %s", p.Name, errorOrExit(p.err), p.logFile)
}

func errorOrExit(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// Stop asks the process to end, and ends it if it has not after the grace period.
func (p *Process) Stop(grace time.Duration) {
	if p.exited == nil {
		return
	}
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.exited:
	case <-time.After(grace):
		_ = p.command.Process.Kill()
		<-p.exited
	}
}
