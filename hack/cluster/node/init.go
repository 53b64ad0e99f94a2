package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/timefactor"
)

// File descriptors that CommandInit and CommandNode inherit: sockets that the
// host listens on. A socket belongs to the network namespace in which it was
// opened, so these two reach the host, and nothing else in here does.
const (
	httpsListener = 3
	apiListener   = 4
)

// Init is PID 1: it starts the node and reaps what its descendants leave behind.
func Init(s Settings) error {
	command := s.self(CommandNode)
	node := exec.Command(command[0], command[1:]...)
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

// Run prepares mounts, control groups and network of the namespaces and runs control plane, container runtime and kubelet
// until one of them ends.
func Run(ctx context.Context, s Settings) error {
	f := host.ControlGroups()
	if err := s.enterRoot(f); err != nil {
		return err
	}
	if err := s.nodeGroups(ctx, f); err != nil {
		return fmt.Errorf("preparing control groups: %w", err)
	}
	if err := network(ctx); err != nil {
		return err
	}
	go forward(os.NewFile(httpsListener, "https"), net.JoinHostPort(nodeAddress.String(), strconv.Itoa(GatewayHTTPSPort)))
	go forward(os.NewFile(apiListener, "api"), net.JoinHostPort(nodeAddress.String(), strconv.Itoa(s.servers().APIPort)))
	return s.runProcesses(ctx)
}

// network gives the namespace an interface that carries the node's address. The default route leads to an interface on which nobody
// answers: without one, a process of the node could not even begin to connect to a Service, whose address iptables replaces later.
func network(ctx context.Context) error {
	for _, command := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", "node0", "type", "veth", "peer", "name", "nowhere"},
		{"ip", "address", "add", nodeAddress.String() + "/32", "dev", "node0"},
		{"ip", "link", "set", "node0", "up"},
		{"ip", "link", "set", "nowhere", "up"},
		{"ip", "route", "add", "default", "dev", "node0"},
	} {
		if err := run(ctx, command...); err != nil {
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
func (s Settings) runProcesses(ctx context.Context) error {
	servers := s.servers()
	ended := make(chan *controlplane.Process)
	for _, process := range []*controlplane.Process{
		servers.Etcd(), servers.APIServer(), servers.ControllerManager(), servers.Scheduler(), s.containerd(), s.kubelet(), s.kubeProxy(),
	} {
		if err := s.start(ctx, process, s.awaitStart); err != nil {
			return err
		}
		go func() { <-process.Exited(); ended <- process }()
	}
	return (<-ended).Err()
}

// starts is how often a process is started that ends before it is ready. On a slow machine kube-apiserver does: it gives some of its
// first checks a minute ("start-service-ip-repair-controllers"), whatever the time factor is. The next attempt finds more done already.
const starts = 3

// start starts a process and waits until it is ready.
func (s Settings) start(ctx context.Context, process *controlplane.Process, ready func(context.Context, *controlplane.Process) error) error {
	ctx, cancel := context.WithTimeout(ctx, timefactor.Scale(2*time.Minute))
	defer cancel()
	for attempt := 1; ; attempt++ {
		if err := process.Start(s.Path("log")); err != nil {
			return err
		}
		err := ready(ctx, process)
		if err == nil || attempt == starts || ctx.Err() != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "starting", process.Name, "once more:", err)
		process.Stop(time.Second)
	}
}

// awaitStart waits for a process that the next one can't start without.
func (s Settings) awaitStart(ctx context.Context, process *controlplane.Process) error {
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

// AwaitSocket waits until somebody listens on a socket. That an ordinary user may not connect to it is an answer, too: the socket is there.
func AwaitSocket(ctx context.Context, path string) error {
	return kube.Poll(ctx, "socket "+path, func(ctx context.Context) (bool, error) {
		connection, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err != nil {
			return errors.Is(err, fs.ErrPermission), nil // else not listening yet
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
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // a name may hold anything, parentheses too
	const state = 3                                                           // the first field after the name
	if len(fields) <= 22-state || fields[0] == "Z" {
		return "", fmt.Errorf("process %d has ended", pid)
	}
	return fields[22-state], nil
}
