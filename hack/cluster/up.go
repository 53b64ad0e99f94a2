package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

// components in the order in which they start. Pods that start before istio-cni
// is ready would run without their traffic being captured.
var components = []component{coredns, istio, certManager, rollouts, sealedSecrets, metricsServer, prometheus, postgres, asgardeo, operator, platformNamespaces}

// needFree is the disk space in GiB below which nothing is begun.
const needFree = 25

// Up brings a cluster up, or the rest of it if an earlier run was interrupted.
func Up(ctx context.Context, s Settings, in io.Reader, out *os.File) error {
	p := newProgress(out)
	cache, err := build.NewCache(s.Root, p.Detail)
	if err != nil {
		return err
	}
	c := &Cluster{Settings: s, Cache: cache, progress: p}
	if err := c.preflight(in, out); err != nil {
		return err
	}
	if err := c.nodeUp(ctx); err != nil {
		return err
	}
	for _, part := range components {
		if err := p.Run(part.name, func() error { return c.bring(ctx, part) }); err != nil {
			return err
		}
	}
	return c.samplesUp(ctx, out)
}

// preflight refuses what can't work and asks before it begins.
func (c *Cluster) preflight(in io.Reader, out *os.File) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return errors.New("the local cluster needs Linux on amd64; here `make test` works, and `make install deploy` on a cluster that you have")
	}
	if os.Geteuid() != 0 {
		return errors.New("the local cluster's node needs root (sudo make up); without it `make dev` runs the blog and `make test` its tests, and `make install deploy` on a cluster that you have")
	}
	if err := c.checkStateDir(); err != nil {
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

`, controlplane.Version, strings.Join(nodePackages, " "), c.Cache.Dir, free, c.State, c.HTTPSPort, c.APIPort)
	if free < needFree && !c.cached() {
		return fmt.Errorf("%d GB are free below %s, %d are needed", free, c.State, needFree)
	}
	return confirm(in, out)
}

// cached is true once a first build is done: a later one needs little space.
func (c *Cluster) cached() bool {
	found, _ := filepath.Glob(filepath.Join(c.Cache.Dir, "image-postgres-*")) // the pattern is well-formed
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
func (c *Cluster) nodeUp(ctx context.Context) error {
	p := c.progress
	if err := p.Run("Debian packages", func() error { return installPackages(ctx, c.progress) }); err != nil {
		return err
	}
	if c.runningInit() == 0 {
		// Of a cluster that ended by itself nothing can be used again.
		if err := c.discard(ctx); err != nil {
			return err
		}
		if err := p.Run("Kubernetes "+controlplane.Version, func() error { return c.configureNode(ctx) }); err != nil {
			return err
		}
		if err := p.Run("network, mount and PID namespaces", c.startNamespaces); err != nil {
			return err
		}
	}
	return p.Run("control plane and node", func() error { return c.awaitNodeReady(ctx) })
}

func installPackages(ctx context.Context, p *progress) error {
	var missing []string
	for _, name := range nodePackages {
		if err := exec.CommandContext(ctx, "dpkg-query", "--show", "--showformat=${Status}", name).Run(); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	p.Detail(strings.Join(missing, " "))
	if err := run(ctx, "apt-get", "update", "-qq"); err != nil {
		return err
	}
	// The distribution's containerd service is neither needed nor started.
	install := exec.CommandContext(ctx, "apt-get", append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)...)
	install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get install %s: %w: %s", strings.Join(missing, " "), err, out)
	}
	return nil
}

// awaitNodeReady waits for the API server and loads what the node needs for its first pod.
func (c *Cluster) awaitNodeReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := c.connect(); err != nil {
		return err
	}
	err := poll(ctx, "API server", func(ctx context.Context) (bool, error) {
		if c.runningInit() == 0 {
			return false, fmt.Errorf("the node ended; see %s", c.path("log", "init.log"))
		}
		_, err := c.Clientset.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	if err := awaitSocket(ctx, c.containerdSocket()); err != nil {
		return err
	}
	pause, err := pauseImage(ctx, c.Cache)
	if err != nil {
		return err
	}
	if err := c.load(ctx, pause); err != nil {
		return err
	}
	crds, err := controlplane.CRDs(ctx, c.Cache)
	if err != nil {
		return err
	}
	if err := controlplane.InstallCRDs(ctx, c.Client, crds); err != nil {
		return err
	}
	return c.awaitCondition(ctx, "v1", "Node", "", nodeName, "Ready")
}
