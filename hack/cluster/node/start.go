package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/timefactor"
)

// The hidden subcommands under which this program runs itself again. The first two need the rights of root.
const (
	// CommandStart calls [StartAsRoot].
	CommandStart = "node-start"
	// CommandDiscard calls [DiscardAsRoot].
	CommandDiscard = "node-discard"
	// CommandInit is PID 1 of the cluster's PID namespace.
	CommandInit = "namespace-init"
	// CommandNode is its one child, the parent of everything else.
	CommandNode = "namespace-node"
)

// nodePath is where programs are looked for, on every Debian.
const nodePath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// StartCommand is the command line that starts the node in the background, to be run as root once [Settings.Configure] is done.
func (s Settings) StartCommand() []string { return s.startCommand(host.ControlGroups()) }

func (s Settings) startCommand(f host.Facts) []string {
	command := s.self(CommandStart)
	if inScope(f) {
		command = append([]string{
			"systemd-run", "--scope", "--quiet", "--collect", "--slice=" + sliceUnit, "--unit=" + s.scope(), "--property=Delegate=yes",
			"--property=TasksMax=infinity", "--description=Local cluster of " + s.State, "--",
		}, command...)
	}
	return withTimeFactor(command)
}

// DiscardCommand is the command line that ends the node and removes its state, to be run as root.
func (s Settings) DiscardCommand() []string { return withTimeFactor(s.self(CommandDiscard)) }

// LoadCommand is the command line that imports an image from an archive in the cache into the container runtime, to be run as root.
func (s Settings) LoadCommand(archive string) []string {
	return []string{
		"nsenter", "--target", strconv.Itoa(s.RunningInit()), "--mount", "--",
		"/usr/bin/ctr", "--address", s.ContainerdSocket(), "--namespace", "k8s.io", "images", "import", archive,
	}
}

// self is a command line of this program with the settings.
func (s Settings) self(subcommand string) []string {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0] // without /proc, where nothing else would work either
	}
	return []string{
		program, subcommand, "--root", s.Root, "--state", s.State, "--cache", s.Cache,
		"--https-port", strconv.Itoa(s.HTTPSPort), "--api-port", strconv.Itoa(s.APIPort),
	}
}

// withTimeFactor passes the factor for limits of time on: whoever runs the command as root empties its environment.
func withTimeFactor(command []string) []string {
	if factor := os.Getenv(timefactor.Variable); factor != "" {
		return append([]string{"env", timefactor.Variable + "=" + factor}, command...)
	}
	return command
}

// StartAsRoot unpacks the node's root, listens on the cluster's ports and starts the node in namespaces of its own.
// It returns while the node starts; [Settings.RunningInit] says whether it still runs.
func StartAsRoot(ctx context.Context, s Settings) error {
	f := host.ControlGroups()
	https, err := listen(s.HTTPSPort)
	if err != nil {
		return err
	}
	defer https.Close()
	api, err := listen(s.APIPort)
	if err != nil {
		return err
	}
	defer api.Close()
	if err := s.unpackRoot(ctx); err != nil {
		return err
	}
	if err := s.enterHostGroup(ctx, f); err != nil {
		return err
	}
	return s.startInit(f, https, api)
}

func listen(port int) (*os.File, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("listening on port %d of 127.0.0.1: %w; end what uses it or choose another port", port, err)
	}
	defer listener.Close()
	return listener.(*net.TCPListener).File()
}

// startInit starts the init of the namespaces, which inherits the sockets, and writes down its PID.
func (s Settings) startInit(f host.Facts, sockets ...*os.File) error {
	log, err := os.OpenFile(s.Path("log", "init.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := s.self(CommandInit)
	init := exec.Command(command[0], command[1:]...)
	init.Env = nodeEnvironment()
	init.ExtraFiles = sockets
	init.Stdout, init.Stderr, init.Dir = log, log, "/"
	init.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS, Setsid: true}
	if f.Cgroup.Version == "v2" {
		init.SysProcAttr.Cloneflags |= unix.CLONE_NEWCGROUP // its root is the group that this process is in
	}
	if err := init.Start(); err != nil {
		return fmt.Errorf("starting the cluster's namespaces: %w", err)
	}
	if err := s.recordInit(init.Process.Pid); err != nil {
		return errors.Join(err, init.Process.Kill())
	}
	return init.Process.Release()
}

// nodeEnvironment is the whole environment of everything in the namespaces. No proxy of the host can be reached from there.
func nodeEnvironment() []string {
	environment := []string{nodePath, "LANG=C.UTF-8"}
	if factor := os.Getenv(timefactor.Variable); factor != "" {
		environment = append(environment, timefactor.Variable+"="+factor)
	}
	return environment
}
