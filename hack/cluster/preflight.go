package cluster

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/graph"
	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/privileged"
)

// Preflight prints what it finds on this machine, and fails if something stands
// in the way of a cluster up to a component, or of all of it if to is empty. It creates nothing.
func Preflight(ctx context.Context, s node.Settings, to string, out *os.File) error {
	cache, err := build.NewCache(s.Root, func(string) {})
	if err != nil {
		return err
	}
	_, release, err := preflight(ctx, s, cache, to, out)
	release()
	return err
}

// admission is a machine that was found fit, and whose user has agreed.
type admission struct {
	// packages of Debian are needed on the host.
	packages []string
	// release gives up the ports, which are held until then. It may be called twice.
	release func()
}

// admit looks at the machine, says what will be done to it and asks. It creates nothing.
func admit(ctx context.Context, c component.Cluster, g graph.Graph, to string, in io.Reader, out *os.File) (admission, error) {
	w, release, err := preflight(ctx, c.Settings, c.Cache, to, out)
	if err == nil {
		fmt.Fprintf(out, `
This starts Kubernetes %s in namespaces of its own on this machine, with
%s

  Debian packages  %s
  Built and kept   %s
  State            %s (goes with make down)
  Ports            127.0.0.1:%d (blog), 127.0.0.1:%d (Kubernetes API)
  Root's rights    to unpack the Debian packages and to run the node; all else is done as you.%s

`, controlplane.Version, strings.Join(g.Names()[1:], ", "), cmp.Or(strings.Join(w.Packages, " "), "none"), c.Cache.Dir, c.State, c.HTTPSPort, c.APIPort, sudoNote())
		err = host.Confirm(ctx, in, out)
	}
	if err != nil {
		release()
		return admission{}, err
	}
	return admission{packages: w.Packages, release: release}, nil
}

// sudoNote says who will ask for a password.
func sudoNote() string {
	if privileged.Needed() {
		return "\n                   sudo may ask for your password now, once."
	}
	return ""
}

// preflight prints the checks. release gives the ports up, and may be called twice.
func preflight(ctx context.Context, s node.Settings, cache *build.Cache, to string, out *os.File) (w host.Wants, release func(), err error) {
	if err := host.Unsupported(host.Identify("")); err != nil {
		return w, func() {}, err
	}
	if w, release, err = wants(ctx, s, cache, to); err != nil {
		return w, release, err
	}
	checks := host.Judge(host.Observe(ctx, w))
	host.Print(out, checks, term.IsTerminal(int(out.Fd())))
	return w, release, host.Blocked(checks)
}

// wants are what the part of a cluster up to a component needs of the machine; all of it if to is empty. A cluster that runs
// holds its ports itself.
func wants(ctx context.Context, s node.Settings, cache *build.Cache, to string) (w host.Wants, release func(), err error) {
	release = func() {}
	version, err := os.ReadFile(filepath.Join(s.Root, ".go-version"))
	if err != nil {
		return w, release, err
	}
	missing, err := Missing(cache, to)
	if err != nil {
		return w, release, err
	}
	w = demand(missing, func(program build.Go) bool { return program.Fetched(ctx, cache) })
	w.GoVersion, w.State, w.Served = strings.TrimSpace(string(version)), s.State, !privileged.Needed()
	w.Folders = []host.Folder{{Name: "state", Path: s.State, Need: 4 * host.GB}, {Name: "artifact cache", Path: cache.Dir, Need: w.ArtifactNeed}}
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

// Packages of Debian that making artifacts needs on the host.
var (
	rootPackages  = []string{"mmdebstrap", "debian-archive-keyring"} // on Ubuntu the keyring has the keys of Debian's archive
	wheelPackages = []string{"python3-pip"}
)

// demand is what making artifacts needs: packages, servers and space. All programs together fill 12 GB of Go's build cache and 7 GB
// of modules, so each counts for a share. fetched is true for programs whose modules are here already.
func demand(missing []build.Artifact, fetched func(build.Go) bool) (w host.Wants) {
	w.ArtifactNeed = host.GB
	for _, artifact := range missing {
		switch artifact := artifact.(type) {
		case build.Go:
			w.ArtifactNeed += host.GB / 8
			w.BuildCacheNeed += host.GB * 3 / 4
			if !slices.Contains(w.Downloads, host.GoModules) && fetched(artifact) {
				continue
			}
			w.ModuleCacheNeed += host.GB / 2
			w.Downloads = append(w.Downloads, host.GoModules, host.GoChecksums)
		case build.Module:
			w.Downloads = append(w.Downloads, host.GoModules, host.GoChecksums)
		case build.DebianRoot:
			w.ArtifactNeed += host.GB / 2
			w.Packages, w.Downloads = append(w.Packages, rootPackages...), append(w.Downloads, host.DebianArchive)
		case build.Wheel:
			w.Packages, w.Downloads = append(w.Packages, wheelPackages...), append(w.Downloads, host.PythonIndex)
		}
	}
	w.Packages, w.Downloads = unique(w.Packages), unique(w.Downloads)
	return w
}

// unique keeps the first of equal values.
func unique[T comparable](values []T) []T {
	var kept []T
	for _, value := range values {
		if !slices.Contains(kept, value) {
			kept = append(kept, value)
		}
	}
	return kept
}

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		if listener != nil {
			_ = listener.Close() // closed already where a release came before
		}
	}
}
