package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/content"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/cluster/peers"
	"blogplatform.io/operator/hack/cluster/progress"
	"blogplatform.io/operator/hack/privileged"
)

// components in the order in which they start. Pods that start before istio-cni
// is ready would run without their traffic being captured.
var components = []component.Component{
	peers.CoreDNS, peers.Istio, peers.CertManager, peers.Rollouts, peers.SealedSecrets, peers.MetricsServer, peers.Prometheus, peers.Postgres,
	content.Asgardeo, content.Operator, content.PlatformNamespaces,
}

// Up brings a cluster up, or the rest of it if an earlier run was interrupted.
func Up(ctx context.Context, s node.Settings, in io.Reader, out *os.File) error {
	p := progress.New(out)
	cache, err := build.NewCache(s.Root, p.Detail)
	if err != nil {
		return err
	}
	c := &component.Cluster{Settings: s, Cache: cache, Progress: p}
	release, err := admit(ctx, c, in, out)
	if err != nil {
		return err
	}
	defer release()
	root, err := privileged.Open()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // it ends with this process at the latest
	cache.Privileged = root
	if err := nodeUp(ctx, c, release); err != nil {
		return err
	}
	for _, part := range components {
		if err := p.Run(part.Name, func() error { return c.Bring(ctx, part) }); err != nil {
			return err
		}
	}
	return content.Samples(ctx, c, out)
}

// nodeUp installs packages, builds Kubernetes and starts the node, unless it
// runs. It calls release before the node listens on the ports.
func nodeUp(ctx context.Context, c *component.Cluster, release func()) error {
	p := c.Progress
	if err := p.Run("Debian packages", func() error { return installPackages(ctx, c) }); err != nil {
		return err
	}
	if c.RunningInit() == 0 {
		// Of a cluster that ended by itself nothing can be used again.
		if err := c.Discard(ctx, c.Cache.Privileged); err != nil {
			return err
		}
		if err := p.Run("Kubernetes "+controlplane.Version, func() error { return c.Configure(ctx, c.Cache) }); err != nil {
			return err
		}
		release()
		if err := p.Run("the node's root and namespaces", func() error { return c.Start(ctx, c.Cache.Privileged) }); err != nil {
			return err
		}
	}
	return p.Run("control plane and node", func() error { return awaitNodeReady(ctx, c) })
}

// installPackages installs what the node needs of Debian, and writes down what is new on this machine.
func installPackages(ctx context.Context, c *component.Cluster) error {
	if err := c.Cache.Make(); err != nil {
		return err
	}
	_, err := host.Install(ctx, c.Cache.Privileged, node.Packages, PackageRecord(c.Cache), c.Progress.Detail)
	return err
}

// PackageRecord is the file that names the Debian packages that clusters have installed on this machine.
func PackageRecord(c *build.Cache) string { return filepath.Join(c.Dir, "installed-packages") }

// awaitNodeReady waits for the API server and loads what the node needs for its first pod.
func awaitNodeReady(ctx context.Context, c *component.Cluster) (err error) {
	ctx, cancel := context.WithTimeout(ctx, component.ReadyWithin)
	defer cancel()
	if c.API, err = kube.Connect(c.Kubeconfig(), c.Progress.Detail); err != nil {
		return err
	}
	err = kube.Poll(ctx, "API server", func(ctx context.Context) (bool, error) {
		if c.RunningInit() == 0 {
			return false, fmt.Errorf("the node ended; see %s", c.Path("log", "init.log"))
		}
		_, err := c.Clientset.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	if err := node.AwaitSocket(ctx, c.ContainerdSocket()); err != nil {
		return err
	}
	pause, err := node.PauseImage(ctx, c.Cache)
	if err != nil {
		return err
	}
	if err := c.Load(ctx, pause); err != nil {
		return err
	}
	crds, err := controlplane.CRDs(ctx, c.Cache)
	if err != nil {
		return err
	}
	if err := controlplane.InstallCRDs(ctx, c.Client, crds); err != nil {
		return err
	}
	return c.AwaitCondition(ctx, "v1", "Node", "", node.Name, "Ready")
}
