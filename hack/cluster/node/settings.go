// Package node runs the one node of a local cluster: a Debian root of its own, namespaces, mounts, network
// and control groups, and in them the control plane, the container runtime and the kubelet.
//
// Its rule: everything lives in namespaces of its own (init.go) and runs the programs of its own root (root.go),
// so that ending one process ends all of it, and neither the host's network and mounts nor its container runtime are touched.
//
// Two processes share the work. The one that an ordinary user calls builds and configures ([Settings.Configure]), and waits.
// What needs root is a command line of this program that somebody runs as root: [Settings.StartCommand],
// [Settings.DiscardCommand] and [Settings.LoadCommand].
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
	"slices"
	"strings"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/privileged"
)

// Settings are what differs between two clusters on one machine.
type Settings struct {
	// Root is the checkout.
	Root string
	// State is the folder of everything that goes with the cluster.
	State string
	// Cache is the folder of what was built; the node reads it under the same path.
	Cache string
	// HTTPSPort and APIPort are the ports on 127.0.0.1 for browsers and kubectl.
	HTTPSPort, APIPort int
}

// Addresses inside the cluster's own network namespace. They can't collide with the host's.
const (
	// Name is the name of the node.
	Name     = "node"
	podRange = "10.244.0.0/24"
	// ServiceRange is the network of the addresses of Services.
	ServiceRange = "10.96.0.0/16"
	// DNSAddress is the address of the Service that pods ask for names.
	DNSAddress = "10.96.0.10"
	// GatewayHTTPPort is the node's port for plain HTTP to the ingress gateway.
	GatewayHTTPPort = 30080
	// GatewayHTTPSPort is the node's port for HTTPS to the ingress gateway.
	GatewayHTTPSPort = 30443
)

var nodeAddress = net.IPv4(10, 89, 0, 1)

// servers are the settings of the control plane.
func (s Settings) servers() controlplane.Servers {
	return controlplane.Servers{
		Dir: s.State, Bin: s.Path("bin"), Address: nodeAddress, APIPort: 6443, EtcdPort: 2379, EtcdPeerPort: 2380,
		ServiceRange: ServiceRange, PodRange: podRange, Node: true,
	}
}

// Path is a file or folder of the state folder.
func (s Settings) Path(elements ...string) string {
	return filepath.Join(append([]string{s.State}, elements...)...)
}

// Kubeconfig is the file that kubectl on the host uses.
func (s Settings) Kubeconfig() string { return s.Path("kubeconfig") }

// ContainerdSocket is where the container runtime listens. It lies in the state
// folder, which host and namespaces share.
func (s Settings) ContainerdSocket() string { return s.Path("containerd.sock") }

// MakeState makes the state folder. It refuses a folder whose socket path would be too long for the kernel, and one that holds
// anything else: the end of the cluster removes the folder.
func (s Settings) MakeState() error {
	const limit = 107 // sun_path of unix(7), without the final zero
	if path := s.ContainerdSocket(); len(path) > limit {
		return fmt.Errorf("the state folder %s is too deep: the path of a socket in it has %d characters, %d are allowed", s.State, len(path), limit)
	}
	if err := s.checkOwn(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.State, 0o755); err != nil {
		return err
	}
	return os.WriteFile(s.Path(stateMark), []byte("The end of this local cluster removes this folder.\n"), 0o644)
}

// stateMark is the file by which a state folder is known.
const stateMark = "local-cluster"

// checkOwn refuses a folder that is not empty and no state folder.
func (s Settings) checkOwn() error {
	entries, err := os.ReadDir(s.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	own := func(entry os.DirEntry) bool { return entry.Name() == stateMark }
	if len(entries) > 0 && !slices.ContainsFunc(entries, own) {
		return fmt.Errorf("%s is not the state folder of a cluster and not empty; nothing in it was touched. Choose another folder (--state), or empty it", s.State)
	}
	return nil
}

// Load has root import an image into the container runtime.
func (s Settings) Load(ctx context.Context, root privileged.Executor, image build.BuiltImage) error {
	if s.RunningInit() == 0 {
		return fmt.Errorf("loading image %s: the cluster is down (make up)", image.Tagged)
	}
	_, err := root.Run(ctx, privileged.Command{Args: s.LoadCommand(image.Archive)})
	return err
}

// Kubectl runs the cluster's own kubectl.
func (s Settings) Kubectl(ctx context.Context, out io.Writer, args ...string) error {
	command := exec.CommandContext(ctx, s.Path("bin", "kubectl"), append([]string{"--kubeconfig", s.Kubeconfig()}, args...)...)
	command.Stdout, command.Stderr = out, os.Stderr
	return command.Run()
}

// run runs a command and answers what it said if it failed.
func run(ctx context.Context, command ...string) error {
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
