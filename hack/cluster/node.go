package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

// nodePackages are the Debian packages that the node needs on the host.
var nodePackages = []string{
	"containerd", "runc", "containernetworking-plugins", "iptables", "iproute2", "conntrack", "socat", "ipset", "ebtables", "mmdebstrap", "python3-pip", "gcc", "libc6-dev",
}

var nodeProgram = build.Go{
	Name: "node", Module: "hack/cluster/kubernetes", Sources: []string{"hack/cluster/kubernetes/node"},
	Packages: map[string]string{"node": "./node"}, LDFlags: controlplane.VersionFlags,
}

var pauseProgram = build.Go{
	Name: "pause", Module: ".", Sources: []string{"hack/cluster/pause"},
	Packages: map[string]string{"pause": "./hack/cluster/pause"},
}

func pauseImage(ctx context.Context, c *build.Cache) (build.BuiltImage, error) {
	dir, err := pauseProgram.Build(ctx, c)
	if err != nil {
		return build.BuiltImage{}, err
	}
	return build.Image{
		Name: "blogplatform.local/pause", Files: map[string]string{"/pause": filepath.Join(dir, "pause")},
		User: "65535:65535", Entrypoint: []string{"/pause"},
	}.Build(ctx, c)
}

// configureNode writes the configuration of everything that runs on the node.
func (c *Cluster) configureNode(ctx context.Context) error {
	program, err := controlplane.Binaries(ctx, c.Cache)
	if err != nil {
		return err
	}
	if err := controlplane.Link(c.path("bin"), filepath.Join(program, "controlplane"),
		"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"); err != nil {
		return err
	}
	if program, err = nodeProgram.Build(ctx, c.Cache); err != nil {
		return err
	}
	if err := controlplane.Link(c.path("bin"), filepath.Join(program, "node"), "kubelet", "kube-proxy"); err != nil {
		return err
	}
	servers := c.servers()
	if err := servers.Prepare(); err != nil {
		return err
	}
	pki := servers.PKI()
	for _, client := range []struct{ name, user, group string }{
		{"kubelet", "system:node:" + nodeName, "system:nodes"},
		{"kube-proxy", "system:kube-proxy", "system:node-proxier"},
	} {
		if err := pki.Client(client.name, client.user, client.group); err != nil {
			return err
		}
		if err := pki.Kubeconfig(c.path(client.name+".kubeconfig"), client.name, servers.URL()); err != nil {
			return err
		}
	}
	if err := pki.Kubeconfig(c.Kubeconfig(), "admin", fmt.Sprintf("https://127.0.0.1:%d", c.APIPort)); err != nil {
		return err
	}
	if err := build.ChownToInvoker(c.Kubeconfig()); err != nil {
		return err
	}
	return c.writeConfigurations()
}

func (c *Cluster) writeConfigurations() error {
	for _, dir := range []string{"log", "cni/bin", "cni/net.d", "kubelet", "volumes"} {
		if err := os.MkdirAll(c.path(dir), 0o755); err != nil {
			return err
		}
	}
	for _, plugin := range []string{"bridge", "host-local", "loopback", "portmap"} {
		// istio-cni writes its own plugin beside these, so they are copies.
		content, err := os.ReadFile(filepath.Join("/usr/lib/cni", plugin))
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.path("cni/bin", plugin), content, 0o755); err != nil {
			return err
		}
	}
	replace := strings.NewReplacer("$STATE", c.State, "$SOCKET", c.containerdSocket(), "$NODE_ADDRESS", nodeAddress.String(), "$CGROUP", c.cgroupName(),
		"$POD_RANGE", podRange, "$DNS", dnsAddress)
	for file, content := range map[string]string{
		"containerd.toml": containerdConfig, "kubelet.yaml": kubeletConfig, "kube-proxy.yaml": kubeProxyConfig,
		"resolv.conf": "nameserver " + dnsAddress + "\n", "cni/net.d/10-bridge.conflist": cniConfig,
	} {
		if err := os.WriteFile(c.path(file), []byte(replace.Replace(content)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const containerdConfig = `version = 2
root = "$STATE/containerd/root"
state = "/run/containerd"
[grpc]
  address = "$SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "blogplatform.local/pause:dev"
  # Without CAP_SYS_RESOURCE runc can't lower an oom_score_adj.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$STATE/cni/bin"
    conf_dir = "$STATE/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_ADDRESS
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $STATE/pki/ca.crt}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: $CGROUP
clusterDNS: [$DNS]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$SOCKET
enforceNodeAllocatable: []
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
failCgroupV1: false
failSwapOn: false
imageGCHighThresholdPercent: 100
podLogsDir: $STATE/pods
resolvConf: $STATE/resolv.conf
`

const kubeProxyConfig = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: $NODE_ADDRESS
clientConnection: {kubeconfig: $STATE/kube-proxy.kubeconfig}
clusterCIDR: $POD_RANGE
conntrack: {maxPerCore: 0, min: 0}
mode: iptables
nodePortAddresses: [$NODE_ADDRESS/32]
`

const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": "bridge",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
      "ipam": {"type": "host-local", "dataDir": "$STATE/cni/addresses", "ranges": [[{"subnet": "$POD_RANGE"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`

func (s Settings) containerd() *controlplane.Process {
	return &controlplane.Process{Name: "containerd", Path: "/usr/bin/containerd", Args: []string{"--config", s.path("containerd.toml")}}
}

func (s Settings) kubelet() *controlplane.Process {
	return &controlplane.Process{Name: "kubelet", Path: s.path("bin", "kubelet"), Args: []string{
		"--config=" + s.path("kubelet.yaml"), "--kubeconfig=" + s.path("kubelet.kubeconfig"), "--root-dir=" + s.path("kubelet"),
		"--cert-dir=" + s.path("kubelet", "pki"), "--hostname-override=" + nodeName, "--node-ip=" + nodeAddress.String(),
	}}
}

func (s Settings) kubeProxy() *controlplane.Process {
	return &controlplane.Process{Name: "kube-proxy", Path: s.path("bin", "kube-proxy"), Args: []string{
		"--config=" + s.path("kube-proxy.yaml"), "--hostname-override=" + nodeName,
	}}
}

// awaitNode waits until the kubelet has registered the node with its address.
func (s Settings) awaitNode(ctx context.Context, process *controlplane.Process) error {
	config, err := clientcmd.BuildConfigFromFlags("", s.path("admin.kubeconfig"))
	if err != nil {
		return err
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return poll(ctx, "node registered", func(ctx context.Context) (bool, error) {
		select {
		case <-process.Exited():
			return false, process.Err()
		default:
		}
		node, err := clientset.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
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

const cgroupFS = "/sys/fs/cgroup"

// cgroupName names the group below which all pods of this cluster live. Two clusters have two.
func (s Settings) cgroupName() string {
	return "/blogplatform-" + strings.Trim(strings.NewReplacer("/", "-", ".", "").Replace(s.State), "-")
}

// cgroups makes the pods' group in every hierarchy. Version 1's cpuset takes no
// process before it was told which processors and memory it has.
func (s Settings) cgroups() error {
	for _, dir := range s.cgroupDirs() {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			inherited, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
			if err != nil {
				continue // not the cpuset hierarchy
			}
			if err := os.WriteFile(filepath.Join(dir, file), bytes.TrimSpace(inherited), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s Settings) cgroupDirs() []string {
	if _, err := os.Stat(filepath.Join(cgroupFS, "cgroup.controllers")); err == nil {
		return []string{filepath.Join(cgroupFS, s.cgroupName())}
	}
	hierarchies, _ := filepath.Glob(filepath.Join(cgroupFS, "*")) // the pattern is well-formed
	var dirs []string
	for _, hierarchy := range hierarchies {
		if info, err := os.Lstat(hierarchy); err == nil && info.IsDir() {
			dirs = append(dirs, filepath.Join(hierarchy, s.cgroupName()))
		}
	}
	return dirs
}
