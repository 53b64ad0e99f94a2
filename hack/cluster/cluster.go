package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

// Settings are what differs between two clusters on one machine.
type Settings struct {
	// Root is the checkout.
	Root string
	// State is the folder of everything that goes with the cluster.
	State string
	// HTTPSPort and APIPort are the ports on 127.0.0.1 for browsers and kubectl.
	HTTPSPort, APIPort int
}

// Cluster is a local cluster that is being brought up.
type Cluster struct {
	Settings
	Cache *build.Cache
	// Client writes and reads any object as cluster administrator.
	Client client.Client
	// Clientset has what Client lacks: logs, exec, raw paths.
	Clientset *kubernetes.Clientset
	Config    *rest.Config

	progress *progress
}

// Addresses inside the cluster's own network namespace. They can't collide with the host's.
const (
	nodeName     = "node"
	podRange     = "10.244.0.0/24"
	serviceRange = "10.96.0.0/16"
	dnsAddress   = "10.96.0.10"
	bridge       = "node0"
	// Ports of the node that the ingress gateway listens on.
	gatewayHTTPNodePort, gatewayHTTPSNodePort = 30080, 30443
)

var nodeAddress = net.IPv4(10, 89, 0, 1)

// servers are the settings of the control plane.
func (s Settings) servers() controlplane.Servers {
	return controlplane.Servers{
		Dir: s.State, Bin: s.path("bin"), Address: nodeAddress, APIPort: 6443, EtcdPort: 2379, EtcdPeerPort: 2380,
		ServiceRange: serviceRange, PodRange: podRange, Node: true,
	}
}

func (s Settings) path(elements ...string) string {
	return filepath.Join(append([]string{s.State}, elements...)...)
}

// Kubeconfig is the file that kubectl on the host uses.
func (s Settings) Kubeconfig() string { return s.path("kubeconfig") }

// connect opens the clients.
func (c *Cluster) connect() (err error) {
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig()); err != nil {
		return err
	}
	c.Config.QPS = -1
	c.Config.WarningHandler = rest.NoWarnings{}
	if c.Clientset, err = kubernetes.NewForConfig(c.Config); err != nil {
		return err
	}
	c.Client, err = client.New(c.Config, client.Options{Scheme: runtime.NewScheme()})
	return err
}

// containerdSocket is where the container runtime listens. It lies in the state
// folder, which host and namespaces share.
func (s Settings) containerdSocket() string { return s.path("containerd.sock") }

// checkStateDir refuses a folder whose socket path would be too long for the kernel.
func (s Settings) checkStateDir() error {
	const limit = 107 // sun_path of unix(7), without the final zero
	if path := s.containerdSocket(); len(path) > limit {
		return fmt.Errorf("the state folder %s is too deep: the path of a socket in it has %d characters, %d are allowed", s.State, len(path), limit)
	}
	return os.MkdirAll(s.State, 0o755)
}

// load imports an image into the container runtime.
func (c *Cluster) load(ctx context.Context, image build.BuiltImage) error {
	return run(ctx, "ctr", "--address", c.containerdSocket(), "--namespace", "k8s.io", "images", "import", image.Archive)
}
