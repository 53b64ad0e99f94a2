package node

import (
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/kube"
)

// Program is kubelet and kube-proxy, which are one program with two names.
var Program = build.Go{
	Name: "node", Module: "hack/cluster/kubernetes", Sources: []string{"hack/cluster/kubernetes/node"},
	Packages: map[string]string{"node": "./node"}, LDFlags: controlplane.VersionFlags,
}

// Programs are the programs in Program by their names. dir is its folder.
func Programs(dir string) map[string]string {
	return map[string]string{"kubelet": filepath.Join(dir, "node"), "kube-proxy": filepath.Join(dir, "node")}
}

// PauseProgram is the program of PauseImage.
var PauseProgram = build.Go{
	Name: "pause", Module: ".", Sources: []string{"hack/cluster/pause"},
	Packages: map[string]string{"pause": "./hack/cluster/pause"},
}

// PauseImage is the image of the container that holds a pod together. program is the folder of PauseProgram.
func PauseImage(program string) build.Image {
	return build.Image{
		Name: "blogplatform.local/pause", Files: map[string]string{"/pause": filepath.Join(program, "pause")},
		User: "65535:65535", Entrypoint: []string{"/pause"},
	}
}

// Configure makes the state folder and writes the configuration of everything that runs on the node.
// programs are the paths of etcd and of Kubernetes' programs by their names, root is the tar file of Root.
func (s Settings) Configure(programs map[string]string, root string) error {
	if err := s.MakeState(); err != nil {
		return err
	}
	if err := controlplane.Link(s.Path("bin"), programs); err != nil {
		return err
	}
	if err := os.Symlink(root, s.rootTar()); err != nil {
		return err
	}
	servers := s.servers()
	if err := servers.Prepare(); err != nil {
		return err
	}
	pki := servers.PKI()
	for _, client := range []struct{ name, user, group string }{
		{"kubelet", "system:node:" + Name, "system:nodes"},
		{"kube-proxy", "system:kube-proxy", "system:node-proxier"},
	} {
		if err := pki.Client(client.name, client.user, client.group); err != nil {
			return err
		}
		if err := pki.Kubeconfig(s.Path(client.name+".kubeconfig"), client.name, servers.URL()); err != nil {
			return err
		}
	}
	if err := pki.Kubeconfig(s.Kubeconfig(), "admin", fmt.Sprintf("https://127.0.0.1:%d", s.APIPort)); err != nil {
		return err
	}
	return s.writeConfigurations()
}

// files are the configuration files of the node; a $NAME in them is filled in.
//
//go:embed files
var files embed.FS

func (s Settings) writeConfigurations() error {
	for _, dir := range []string{"log", "cni/net.d", "kubelet", "volumes"} {
		if err := os.MkdirAll(s.Path(dir), 0o755); err != nil {
			return err
		}
	}
	// The link leads somewhere only inside the node's root. istio-cni writes its plugin through it.
	if err := os.Symlink("/usr/lib/cni", s.Path("cni/bin")); err != nil {
		return err
	}
	for _, file := range []struct{ path, template string }{
		{"containerd.toml", "containerd.toml"}, {"kubelet.yaml", "kubelet.yaml"}, {"kube-proxy.yaml", "kube-proxy.yaml"},
		{"resolv.conf", "resolv.conf"}, {"cni/net.d/10-ptp.conflist", "cni.conflist"},
	} {
		content, err := kube.Fill(files, "files/"+file.template, "$STATE", s.State, "$SOCKET", s.ContainerdSocket(), "$NODE_ADDRESS", nodeAddress.String(),
			"$CGROUP", s.cgroupName(), "$POD_RANGE", podRange, "$DNS", DNSAddress)
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.Path(file.path), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s Settings) containerd() *controlplane.Process {
	return &controlplane.Process{Name: "containerd", Path: "/usr/bin/containerd", Args: []string{"--config", s.Path("containerd.toml")}}
}

func (s Settings) kubelet() *controlplane.Process {
	return &controlplane.Process{Name: "kubelet", Path: s.Path("bin", "kubelet"), Args: []string{
		"--config=" + s.Path("kubelet.yaml"), "--kubeconfig=" + s.Path("kubelet.kubeconfig"), "--root-dir=" + s.Path("kubelet"),
		"--cert-dir=" + s.Path("kubelet", "pki"), "--hostname-override=" + Name, "--node-ip=" + nodeAddress.String(),
	}}
}

func (s Settings) kubeProxy() *controlplane.Process {
	return &controlplane.Process{Name: "kube-proxy", Path: s.Path("bin", "kube-proxy"), Args: []string{
		"--config=" + s.Path("kube-proxy.yaml"), "--hostname-override=" + Name,
	}}
}

// awaitNode waits until the kubelet has registered the node with its address.
func (s Settings) awaitNode(ctx context.Context, process *controlplane.Process) error {
	config, err := clientcmd.BuildConfigFromFlags("", s.Path("admin.kubeconfig"))
	if err != nil {
		return err
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return kube.Poll(ctx, "node registered", func(ctx context.Context) (bool, error) {
		select {
		case <-process.Exited():
			return false, process.Err()
		default:
		}
		node, err := clientset.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
		if err != nil {
			return false, nil // not registered yet
		}
		for _, address := range node.Status.Addresses {
			if address.Type == corev1.NodeInternalIP && address.Address == nodeAddress.String() {
				return true, nil
			}
		}
		return false, nil
	})
}
