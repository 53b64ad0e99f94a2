package controlplane

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"blogplatform.io/operator/hack/build"
)

// Version of Kubernetes that is built and run.
const Version = "v1.37.2"

// Program is etcd, kube-apiserver, kube-controller-manager, kube-scheduler and
// kubectl, which are one program with five names.
var Program = build.Go{
	Name: "controlplane", Module: "hack/cluster/kubernetes", Sources: []string{"hack/cluster/kubernetes/controlplane"},
	Packages: map[string]string{"controlplane": "./controlplane"},
	LDFlags:  VersionFlags,
}

// Programs are the programs in Program by their names. dir is its folder.
func Programs(dir string) map[string]string {
	programs := map[string]string{}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"} {
		programs[name] = filepath.Join(dir, "controlplane")
	}
	return programs
}

// VersionFlags make the programs of Kubernetes report their version.
const VersionFlags = "-X k8s.io/component-base/version.gitVersion=" + Version +
	" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37"

// Link makes a folder in which each name is a symbolic link to its program. A program may have several names, by which it knows what to do.
func Link(dir string, programs map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, program := range programs {
		link := filepath.Join(dir, name)
		if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := os.Symlink(program, link); err != nil {
			return err
		}
	}
	return nil
}

// Servers are the settings that the servers of one control plane share.
type Servers struct {
	// Dir holds data, keys and logs.
	Dir string
	// Bin holds the programs by name.
	Bin string
	// Address is where the API server listens and what it advertises.
	Address net.IP
	// APIPort, EtcdPort and EtcdPeerPort are TCP ports.
	APIPort, EtcdPort, EtcdPeerPort int
	// ServiceRange and PodRange are CIDRs.
	ServiceRange, PodRange string
	// Node is true for a cluster with nodes: pods reach the API server through its Service, and it reaches kubelets.
	Node bool
}

// PKI is where the keys of this control plane are.
func (s Servers) PKI() PKI { return PKI{Dir: filepath.Join(s.Dir, "pki")} }

// frontProxyName is the user as whom the API server passes requests on to
// aggregated APIs, with the names of those who made them in headers.
const frontProxyName = "front-proxy-client"

// frontProxy has an authority of its own: whoever it signs for may speak for anybody.
func (s Servers) frontProxy() PKI { return PKI{Dir: filepath.Join(s.PKI().Dir, "front-proxy")} }

// URL of the API server.
func (s Servers) URL() string {
	return "https://" + net.JoinHostPort(s.Address.String(), strconv.Itoa(s.APIPort))
}

// AuditLog is the file to which the API server writes who did what.
func (s Servers) AuditLog() string { return filepath.Join(s.Dir, "audit.log") }

// Prepare makes keys, kubeconfigs and the audit policy.
func (s Servers) Prepare(extraNames ...string) error {
	pki := s.PKI()
	if err := pki.Authority(); err != nil {
		return err
	}
	names := append([]string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", "127.0.0.1", "10.96.0.1", s.Address.String()}, extraNames...)
	if err := pki.Server("apiserver", names...); err != nil {
		return err
	}
	proxy := s.frontProxy()
	if err := proxy.Authority(); err != nil {
		return err
	}
	if err := proxy.Client("client", frontProxyName); err != nil {
		return err
	}
	clients := []struct{ name, user, group string }{
		{"admin", "admin", "system:masters"},
		{"kubelet-client", "kube-apiserver", "system:masters"},
		{"kube-controller-manager", "system:kube-controller-manager", ""},
		{"kube-scheduler", "system:kube-scheduler", ""},
	}
	for _, c := range clients {
		var groups []string
		if c.group != "" {
			groups = []string{c.group}
		}
		if err := pki.Client(c.name, c.user, groups...); err != nil {
			return err
		}
		if err := pki.Kubeconfig(filepath.Join(s.Dir, c.name+".kubeconfig"), c.name, s.URL()); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.Dir, "audit-policy.yaml"), []byte(auditPolicy), 0o644)
}

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: Metadata
`

// Etcd is the store. It doesn't wait for the disk: what is in it can be made again.
func (s Servers) Etcd() *Process {
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", s.EtcdPort), fmt.Sprintf("http://127.0.0.1:%d", s.EtcdPeerPort)
	return &Process{Name: "etcd", Path: filepath.Join(s.Bin, "etcd"), Args: []string{
		"--data-dir=" + filepath.Join(s.Dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
		"--quota-backend-bytes=2147483648", "--auto-compaction-mode=periodic", "--auto-compaction-retention=10m",
	}}
}

// APIServer is kube-apiserver with RBAC and an audit log.
func (s Servers) APIServer() *Process {
	pki, proxy := s.PKI(), s.frontProxy()
	args := []string{
		"--etcd-servers=http://127.0.0.1:" + strconv.Itoa(s.EtcdPort),
		"--bind-address=" + s.Address.String(), "--advertise-address=" + s.Address.String(), "--secure-port=" + strconv.Itoa(s.APIPort),
		"--tls-cert-file=" + pki.Path("apiserver.crt"), "--tls-private-key-file=" + pki.Path("apiserver.key"),
		"--client-ca-file=" + pki.Path("ca.crt"), "--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + pki.Path("sa.key"),
		"--service-account-signing-key-file=" + pki.Path("sa.key"),
		"--proxy-client-cert-file=" + proxy.Path("client.crt"), "--proxy-client-key-file=" + proxy.Path("client.key"),
		"--requestheader-client-ca-file=" + proxy.Path("ca.crt"), "--requestheader-allowed-names=" + frontProxyName,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--service-cluster-ip-range=" + s.ServiceRange, "--allow-privileged=true", "--profiling=false",
		"--audit-policy-file=" + filepath.Join(s.Dir, "audit-policy.yaml"), "--audit-log-path=" + s.AuditLog(),
		"--shutdown-delay-duration=0s", "--shutdown-send-retry-after=false", "--shutdown-watch-termination-grace-period=0s",
		"--cert-dir=" + filepath.Join(s.Dir, "pki"),
	}
	if s.Node {
		args = append(args, "--enable-admission-plugins=NodeRestriction", "--kubelet-preferred-address-types=InternalIP",
			"--kubelet-client-certificate="+pki.Path("kubelet-client.crt"), "--kubelet-client-key="+pki.Path("kubelet-client.key"))
	} else {
		// Nothing runs pods here, so nothing gives them tokens or finds the API server by its Service.
		args = append(args, "--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none")
	}
	return &Process{Name: "kube-apiserver", Path: filepath.Join(s.Bin, "kube-apiserver"), Args: args}
}

// ControllerManager is kube-controller-manager.
func (s Servers) ControllerManager() *Process {
	pki, kubeconfig := s.PKI(), filepath.Join(s.Dir, "kube-controller-manager.kubeconfig")
	args := []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=0", "--leader-elect=false", "--use-service-account-credentials=true",
		"--service-account-private-key-file=" + pki.Path("sa.key"), "--root-ca-file=" + pki.Path("ca.crt"),
		"--cluster-signing-cert-file=" + pki.Path("ca.crt"), "--cluster-signing-key-file=" + pki.Path("ca.key"),
		"--concurrent-gc-syncs=5", "--namespace-sync-period=10s",
	}
	if s.Node {
		args = append(args, "--cluster-cidr="+s.PodRange, "--allocate-node-cidrs=true", "--service-cluster-ip-range="+s.ServiceRange)
	}
	return &Process{Name: "kube-controller-manager", Path: filepath.Join(s.Bin, "kube-controller-manager"), Args: args}
}

// Scheduler is kube-scheduler.
func (s Servers) Scheduler() *Process {
	kubeconfig := filepath.Join(s.Dir, "kube-scheduler.kubeconfig")
	return &Process{Name: "kube-scheduler", Path: filepath.Join(s.Bin, "kube-scheduler"), Args: []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=0", "--leader-elect=false",
	}}
}
