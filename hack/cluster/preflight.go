package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/privileged"
)

// Preflight prints what it finds on this machine, and fails if something stands
// in the way of a cluster. It creates nothing.
func Preflight(ctx context.Context, s node.Settings, out *os.File) error {
	cache, err := build.NewCache(s.Root, func(string) {})
	if err != nil {
		return err
	}
	release, err := preflight(ctx, s, cache, out)
	release()
	return err
}

// admit looks at the machine, says what will be done to it and asks. It creates
// nothing. Until release is called, the ports are held.
func admit(ctx context.Context, c *component.Cluster, in io.Reader, out *os.File) (release func(), err error) {
	release, err = preflight(ctx, c.Settings, c.Cache, out)
	if err == nil {
		fmt.Fprintf(out, `
This starts a Kubernetes %s with Istio, Argo Rollouts, cert-manager, Sealed Secrets, Prometheus,
metrics-server, PostgreSQL, the operator and two BlogPlatforms in namespaces of its own on this machine.

  Debian packages  %s
  Built and kept   %s
  State            %s (goes with make down)
  Ports            127.0.0.1:%d (blog), 127.0.0.1:%d (Kubernetes API)
  Root's rights    to unpack the Debian packages and to run the node; all else is done as you.%s

`, controlplane.Version, strings.Join(node.Packages, " "), c.Cache.Dir, c.State, c.HTTPSPort, c.APIPort, sudoNote())
		err = errors.Join(host.Confirm(ctx, in, out), c.MakeState())
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// sudoNote says who will ask for a password.
func sudoNote() string {
	if privileged.Needed() {
		return "\n                   sudo may ask for your password now, once."
	}
	return ""
}

// preflight prints the checks. release gives the ports up, and may be called twice.
func preflight(ctx context.Context, s node.Settings, cache *build.Cache, out *os.File) (release func(), err error) {
	release = func() {}
	if err := host.Unsupported(host.Identify("")); err != nil {
		return release, err
	}
	wants, release, err := wants(s, cache)
	if err != nil {
		return release, err
	}
	checks := host.Judge(host.Observe(ctx, wants))
	host.Print(out, checks, term.IsTerminal(int(out.Fd())))
	return release, host.Blocked(checks)
}

// wants are the needs of a cluster with these settings. A cluster that runs
// holds its ports itself.
func wants(s node.Settings, cache *build.Cache) (w host.Wants, release func(), err error) {
	release = func() {}
	version, err := os.ReadFile(filepath.Join(s.Root, ".go-version"))
	if err != nil {
		return w, release, err
	}
	w = host.Wants{GoVersion: strings.TrimSpace(string(version)), State: s.State, Packages: node.Packages, Served: !privileged.Needed()}
	state := host.Folder{Name: "state", Path: s.State, Need: 4 * host.GB}
	artifacts := host.Folder{Name: "artifact cache", Path: cache.Dir, Need: host.GB}
	if !complete(cache) {
		artifacts.Need, w.BuildCacheNeed, w.ModuleCacheNeed = 4*host.GB, 12*host.GB, 7*host.GB
		w.Downloads = []host.Kind{host.GoModules, host.GoChecksums, host.DebianArchive, host.PythonIndex}
	}
	w.Folders = []host.Folder{state, artifacts}
	if s.RunningInit() != 0 {
		return w, release, nil
	}
	var listeners []net.Listener
	listeners, w.Ports = host.Bind("", []host.Port{
		{Name: "the blog", Number: s.HTTPSPort, Variable: "HTTPS_PORT"},
		{Name: "kubectl", Number: s.APIPort, Variable: "API_PORT"},
	})
	return w, func() { closeAll(listeners) }, nil
}

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		if listener != nil {
			_ = listener.Close() // closed already where a release came before
		}
	}
}

// complete is true once everything was built: a later run needs little space and no download.
func complete(c *build.Cache) bool {
	found, _ := filepath.Glob(filepath.Join(c.Dir, "image-postgres-*")) // the pattern is well-formed
	return len(found) > 0
}
