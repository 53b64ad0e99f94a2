package privileged

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Command is a command of root.
type Command struct {
	// Args are the program, by its path or by its name in root's PATH, and its arguments.
	Args []string `json:"args"`
	// Env is added to the environment, in the form NAME=VALUE. Nothing else of the caller's environment reaches a command.
	Env []string `json:"env,omitempty"`
	// Interrupt is the signal that asks the command to end; 0 is SIGTERM.
	Interrupt syscall.Signal `json:"interrupt,omitempty"`
}

// Result is what a command did.
type Result struct {
	// Output is what it printed, on both outputs.
	Output []byte `json:"output"`
	// Processor is the processor time that it and its children took.
	Processor time.Duration `json:"processor"`
}

// path is root's PATH on Debian, in Debian's order (login.defs, ENV_SUPATH).
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Proxies are the settings of the caller that a command needs for downloads, as Command.Env takes them.
func Proxies() []string {
	var env []string
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value, found := os.LookupEnv(name); found {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// environment is what every command starts with.
var environment = []string{"PATH=" + path, "HOME=/root", "LANG=C.UTF-8"}

// execute runs a command with the rights of this process and says what it did. When ctx is canceled the command is
// asked to end, and its end is awaited: a package manager must not be killed. It has a process group of its own, so that Ctrl-C on a
// terminal does not reach it or its children.
func execute(ctx context.Context, c Command) (Result, error) {
	command := exec.CommandContext(ctx, find(c.Args[0]), c.Args[1:]...)
	command.Env, command.Dir = append(append([]string{}, environment...), c.Env...), "/"
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return command.Process.Signal(cmp.Or(c.Interrupt, syscall.SIGTERM)) }
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	r := Result{Output: out.Bytes()}
	if state := command.ProcessState; state != nil {
		r.Processor = state.UserTime() + state.SystemTime()
	}
	return r, err
}

// find is the path of a program in root's PATH. A name that is not there stays as it is, and fails to start.
func find(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	for _, dir := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found
		}
	}
	return name
}
