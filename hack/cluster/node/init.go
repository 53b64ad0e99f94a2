package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/tools/clientcmd"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/kube"
)

// The hidden subcommands under which this program runs itself again.
const (
	// CommandInit is PID 1 of the cluster's PID namespace.
	CommandInit = "namespace-init"
	// CommandNode is its one child, the parent of everything else.
	CommandNode = "namespace-node"
)

// File descriptors that CommandInit and CommandNode inherit: sockets that the
// host listens on. A socket belongs to the network namespace in which it was
// opened, so these two reach the host, and nothing else in here does.
const (
	httpsListener = 3
	apiListener   = 4
)

// StartNamespaces starts the cluster's init in namespaces of its own and leaves it running.
func (s Settings) StartNamespaces() error {
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
	log, err := os.OpenFile(s.Path("log", "init.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	init := exec.Command(self, CommandInit, "--state", s.State, "--root", s.Root)
	init.ExtraFiles = []*os.File{https, api}
	init.Stdout, init.Stderr, init.Dir = log, log, "/"
	init.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS, Setsid: true}
	if err := init.Start(); err != nil {
		return fmt.Errorf("starting the cluster's namespaces: %w", err)
	}
	if err := s.recordInit(init.Process.Pid); err != nil {
		return errors.Join(err, init.Process.Kill())
	}
	return init.Process.Release()
}

func listen(port int) (*os.File, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("listening on port %d of 127.0.0.1: %w; end what uses it or choose another port", port, err)
	}
	defer listener.Close()
	return listener.(*net.TCPListener).File()
}

// Init is PID 1: it starts the node and reaps what its descendants leave behind.
func Init(s Settings) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	node := exec.Command(self, CommandNode, "--state", s.State, "--root", s.Root)
	node.ExtraFiles = []*os.File{os.NewFile(httpsListener, "https"), os.NewFile(apiListener, "api")}
	node.Stdout, node.Stderr = os.Stdout, os.Stderr
	if err := node.Start(); err != nil {
		return err
	}
	for {
		pid, err := syscall.Wait4(-1, nil, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid == node.Process.Pid {
			return errors.Join(errors.New("the node ended"), err)
		}
	}
}

// Run prepares mounts and network of the namespaces and runs control plane, container runtime and kubelet until one of them ends.
func Run(s Settings) error {
	for _, prepare := range []func() error{s.mounts, s.network, s.cgroups} {
		if err := prepare(); err != nil {
			return err
		}
	}
	go forward(os.NewFile(httpsListener, "https"), net.JoinHostPort(nodeAddress.String(), strconv.Itoa(GatewayHTTPSPort)))
	go forward(os.NewFile(apiListener, "api"), net.JoinHostPort(nodeAddress.String(), strconv.Itoa(s.servers().APIPort)))
	return s.runProcesses()
}

// mounts cuts the mount namespace off from the host's and gives it its own /proc, /run and /var/log.
func (s Settings) mounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	// Volumes that the kubelet mounts must be seen by containers.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("making mounts shared within the namespace: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mounting /run: %w", err)
	}
	for _, dir := range []string{"/run/lock", "/run/netns"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.Path("var-log"), 0o755); err != nil {
		return err
	}
	if err := unix.Mount(s.Path("var-log"), "/var/log", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting /var/log: %w", err)
	}
	return unix.Sethostname([]byte(Name))
}

// network gives the namespace a bridge that carries the node's address.
func (s Settings) network() error {
	commands := [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", bridge, "type", "bridge"},
		{"ip", "address", "add", nodeAddress.String() + "/24", "dev", bridge},
		{"ip", "link", "set", bridge, "up"},
		{"ip", "route", "add", "default", "dev", bridge},
	}
	for _, command := range commands {
		if err := run(context.Background(), command...); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// forward passes connections on from a listener of the host to an address in here.
func forward(file *os.File, address string) {
	listener, err := net.FileListener(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, "forwarding to", address, err)
		return
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "forwarding to", address, err)
			return
		}
		go pipe(connection, address)
	}
}

func pipe(from net.Conn, address string) {
	defer from.Close()
	to, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return // the client sees the connection closed
	}
	defer to.Close()
	go func() {
		_, _ = io.Copy(to, from) // either side may end the connection
		_ = to.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(from, to)
}

// runProcesses starts the node's processes in order and waits until one of them ends.
func (s Settings) runProcesses() error {
	servers := s.servers()
	ended := make(chan *controlplane.Process)
	for _, process := range []*controlplane.Process{
		servers.Etcd(), servers.APIServer(), servers.ControllerManager(), servers.Scheduler(), s.containerd(), s.kubelet(), s.kubeProxy(),
	} {
		if err := process.Start(s.Path("log")); err != nil {
			return err
		}
		go func() { <-process.Exited(); ended <- process }()
		if err := s.awaitStart(process); err != nil {
			return err
		}
	}
	return (<-ended).Err()
}

// awaitStart waits for a process that the next one can't start without.
func (s Settings) awaitStart(process *controlplane.Process) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	switch process.Name {
	case "kube-apiserver":
		config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(s.State, "admin.kubeconfig"))
		if err != nil {
			return err
		}
		return controlplane.WaitReady(ctx, config, process)
	case "containerd":
		return AwaitSocket(ctx, s.ContainerdSocket())
	case "kubelet":
		return s.awaitNode(ctx, process) // kube-proxy ends itself when the node's addresses change
	}
	return nil
}

// AwaitSocket waits until somebody listens on a socket.
func AwaitSocket(ctx context.Context, path string) error {
	return kube.Poll(ctx, "socket "+path, func(ctx context.Context) (bool, error) {
		connection, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err != nil {
			return false, nil // not listening yet
		}
		return true, connection.Close()
	})
}

// recordInit writes down the init's PID together with its start time, so that
// a PID that was given to somebody else is never ended.
func (s Settings) recordInit(pid int) error {
	started, err := startTime(pid)
	if err != nil {
		return err
	}
	return os.WriteFile(s.Path("init.pid"), fmt.Appendf(nil, "%d %s\n", pid, started), 0o644)
}

// RunningInit answers the PID of the cluster's init, or 0 if it does not run.
func (s Settings) RunningInit() int {
	content, err := os.ReadFile(s.Path("init.pid"))
	if err != nil {
		return 0
	}
	var pid int
	var recorded string
	if _, err := fmt.Sscan(string(content), &pid, &recorded); err != nil {
		return 0
	}
	if started, err := startTime(pid); err != nil || started != recorded {
		return 0
	}
	return pid
}

// startTime is field 22 of /proc/<pid>/stat, see proc(5).
func startTime(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	_, afterName, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(afterName)
	const state = 3 // the first field after the name
	if len(fields) <= 22-state || fields[0] == "Z" {
		return "", fmt.Errorf("process %d has ended", pid)
	}
	return fields[22-state], nil
}
