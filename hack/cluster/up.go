package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/content"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/cluster/peers"
	"blogplatform.io/operator/hack/cluster/progress"
)

// components in the order in which they start. Pods that start before istio-cni
// is ready would run without their traffic being captured.
var components = []component.Component{
	peers.CoreDNS, peers.Istio, peers.CertManager, peers.Rollouts, peers.SealedSecrets, peers.MetricsServer, peers.Prometheus, peers.Postgres,
	content.Asgardeo, content.Operator, content.PlatformNamespaces,
}

// needFree is the disk space in GiB below which nothing is begun.
const needFree = 25

// Up brings a cluster up, or the rest of it if an earlier run was interrupted.
func Up(ctx context.Context, s node.Settings, in io.Reader, out *os.File) error {
	p := progress.New(out)
	cache, err := build.NewCache(s.Root, p.Detail)
	if err != nil {
		return err
	}
	c := &component.Cluster{Settings: s, Cache: cache, Progress: p}
	if err := preflight(c, in, out); err != nil {
		return err
	}
	if err := nodeUp(ctx, c); err != nil {
		return err
	}
	for _, part := range components {
		if err := p.Run(part.Name, func() error { return c.Bring(ctx, part) }); err != nil {
			return err
		}
	}
	return content.Samples(ctx, c, out)
}

// preflight refuses what can't work and asks before it begins.
func preflight(c *component.Cluster, in io.Reader, out *os.File) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return errors.New("the local cluster needs Linux on amd64; here `make test` works, and `make install deploy` on a cluster that you have")
	}
	if os.Geteuid() != 0 {
		return errors.New("the local cluster's node needs root (sudo make up); without it `make dev` runs the blog and `make test` its tests, and `make install deploy` on a cluster that you have")
	}
	if err := c.CheckStateDir(); err != nil {
		return err
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(c.State, &disk); err != nil {
		return err
	}
	free := disk.Bavail * uint64(disk.Bsize) >> 30
	fmt.Fprintf(out, `This starts a Kubernetes %s with Istio, Argo Rollouts, cert-manager, Sealed Secrets, Prometheus,
metrics-server, PostgreSQL, the operator and two BlogPlatforms in namespaces of its own on this machine.

  Debian packages  %s
  Built and kept   %s (up to 25 GB with Go's own cache; %d GB are free)
  State            %s (goes with make down)
  Ports            127.0.0.1:%d (blog), 127.0.0.1:%d (Kubernetes API)
  Time             about 35 minutes the first time on two cores, then about 5

`, controlplane.Version, strings.Join(node.Packages, " "), c.Cache.Dir, free, c.State, c.HTTPSPort, c.APIPort)
	if free < needFree && !cached(c.Cache) {
		return fmt.Errorf("%d GB are free below %s, %d are needed", free, c.State, needFree)
	}
	return confirm(in, out)
}

// cached is true once a first build is done: a later one needs little space.
func cached(c *build.Cache) bool {
	found, _ := filepath.Glob(filepath.Join(c.Dir, "image-postgres-*")) // the pattern is well-formed
	return len(found) > 0
}

// confirm asks on a terminal and goes on without one.
func confirm(in io.Reader, out *os.File) error {
	file, ok := in.(*os.File)
	if !ok {
		return nil
	}
	if !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	fmt.Fprint(out, "Go on? [Y/n] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "" && answer != "y" && answer != "yes" {
		return errors.New("stopped; nothing was changed")
	}
	return nil
}

// nodeUp installs packages, builds Kubernetes and starts the node, unless it runs.
func nodeUp(ctx context.Context, c *component.Cluster) error {
	p := c.Progress
	if err := p.Run("Debian packages", func() error { return node.InstallPackages(ctx, p.Detail) }); err != nil {
		return err
	}
	if c.RunningInit() == 0 {
		// Of a cluster that ended by itself nothing can be used again.
		if err := c.Discard(ctx); err != nil {
			return err
		}
		if err := p.Run("Kubernetes "+controlplane.Version, func() error { return c.Configure(ctx, c.Cache) }); err != nil {
			return err
		}
		if err := p.Run("network, mount and PID namespaces", c.StartNamespaces); err != nil {
			return err
		}
	}
	return p.Run("control plane and node", func() error { return awaitNodeReady(ctx, c) })
}

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
