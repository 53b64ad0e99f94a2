package privileged

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Subcommand is the argument with which a program serves commands on its standard input and output, as root.
const Subcommand = "run-as-root"

// variable holds the number of the descriptor that leads to the process of root, in a program that RunAs has started.
const variable = "BLOGPLATFORM_ROOT_DESCRIPTOR"

// Needed is true where Open starts sudo: this process is not root's, and no process of root has started it.
func Needed() bool {
	return os.Geteuid() != 0 && os.Getenv(variable) == ""
}

// Open makes a Runner: of this process, if it is root's; of the process of root that started this one; or of one that it starts by sudo,
// which may ask for the user's password on the terminal.
func Open() (*Runner, error) {
	if os.Geteuid() == 0 {
		return Direct(), nil
	}
	if number, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return connect(os.NewFile(uintptr(number), "root"), noWait), nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return open(exec.Command("sudo", "--", self, Subcommand))
}

// noWait is the end of a process of root that outlives its Runner: it is the one that started this program.
func noWait() error { return nil }

// pipes are the standard input and output of a process.
type pipes struct {
	io.Reader
	io.WriteCloser
}

// open starts a process that serves commands, and waits until it does so.
func open(command *exec.Cmd) (*Runner, error) {
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("getting the rights of root: %w", err)
	}
	r := connect(pipes{Reader: out, WriteCloser: in}, command.Wait)
	if _, err := r.Run(context.Background(), Command{Args: []string{"true"}}); err != nil {
		return nil, errors.Join(errors.New("sudo gave no rights of root, which the node needs; call again, or ask whoever administers this machine"), r.Close())
	}
	return r, nil
}

// ServeStandard is what Subcommand does. It outlives Ctrl-C: its caller decides what ends.
func ServeStandard(ctx context.Context) error {
	leaveSignals()
	return Serve(ctx, struct {
		io.Reader
		io.Writer
	}{os.Stdin, os.Stdout})
}

// leaveSignals makes this process outlive Ctrl-C and the end of the terminal. Signals that are ignored would be ignored by its commands, too.
func leaveSignals() { signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGHUP) }

// Behind is the user behind sudo, or nil where this process is not root's, or root's own.
func Behind() *user.User {
	name := os.Getenv("SUDO_USER")
	if os.Geteuid() != 0 || name == "" || name == "root" {
		return nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		return nil
	}
	return found
}

// RunAs runs this program again, with the same arguments, as a user, and serves its commands. It returns the exit code of the program.
// goPath is the path of the user's go command, which root's PATH may not lead to; empty if there is none.
func RunAs(ctx context.Context, u *user.User, goPath string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 1, err
	}
	command := exec.Command(self, os.Args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Env = environmentOf(u, os.Environ(), goPath)
	if command.SysProcAttr, err = credentials(u); err != nil {
		return 1, err
	}
	return serveChild(ctx, command)
}

// serveChild starts a program and serves its commands until it ends.
func serveChild(ctx context.Context, command *exec.Cmd) (exitCode int, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 1, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "caller"), os.NewFile(uintptr(fds[1]), "root")
	defer ours.Close()
	command.ExtraFiles, command.Env = []*os.File{theirs}, append(command.Env, variable+"=3") // descriptor 3 is the first of ExtraFiles
	leaveSignals()
	err = command.Start()
	_ = theirs.Close() // the program's copy is what counts
	if err != nil {
		return 1, err
	}
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, ours) }()
	_ = command.Wait() // the exit code says all
	return command.ProcessState.ExitCode(), <-served
}

// environmentOf is an environment of root made one of the user behind sudo.
func environmentOf(u *user.User, root []string, goPath string) []string {
	var env []string
	for _, entry := range root {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case name == "PATH" && goPath != "":
			env = append(env, "PATH="+value+":"+filepath.Dir(goPath))
		case strings.HasPrefix(name, "SUDO_"), name == "HOME", name == "USER", name == "LOGNAME", name == "MAIL", name == variable:
		default:
			env = append(env, entry)
		}
	}
	return append(env, "HOME="+u.HomeDir, "USER="+u.Username, "LOGNAME="+u.Username)
}

// credentials are those of a user with all groups.
func credentials(u *user.User) (*syscall.SysProcAttr, error) {
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("finding the groups of %s: %w", u.Username, err)
	}
	credential := &syscall.Credential{Uid: number(u.Uid), Gid: number(u.Gid)}
	for _, id := range ids {
		credential.Groups = append(credential.Groups, number(id))
	}
	return &syscall.SysProcAttr{Credential: credential}, nil
}

// number is a user's or group's; they are numbers on every Unix.
func number(id string) uint32 {
	n, _ := strconv.ParseUint(id, 10, 32)
	return uint32(n)
}
