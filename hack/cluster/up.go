package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/content"
	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/cluster/progress"
	"blogplatform.io/operator/hack/cluster/upstream"
	"blogplatform.io/operator/hack/privileged"
)

// Up brings a cluster up, or the rest of it if an earlier run was interrupted.
// With the name of a component in to, it brings up that one and all that it needs.
// from says where programs and images come from.
func Up(ctx context.Context, s node.Settings, to string, from upstream.Origin, in io.Reader, out *os.File) error {
	g, err := plan(components, to)
	if err != nil {
		return err
	}
	if to != "" {
		if to, err = g.Find(to); err != nil { // as it is written
			return err
		}
	}
	lock, err := lockFor(from)
	if err != nil {
		return err
	}
	cache, err := build.NewCache(s.Root, func(string) {})
	if err != nil {
		return err
	}
	c := component.Cluster{Settings: s, Cache: cache}
	admitted, err := admit(ctx, c, g, to, in, out)
	if err != nil {
		return err
	}
	defer admitted.release()
	root, err := privileged.Open()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // it ends with this process at the latest
	cache.Privileged = root
	c.ReleasePorts = admitted.release
	p := progress.New(out)
	defer p.Close()
	if err := installPackages(ctx, cache, admitted.packages, p); err != nil {
		return err
	}
	choice, parts, err := choose(ctx, from, lock, cache, inBuildOrder(g, components))
	if err != nil {
		return err
	}
	if from != upstream.Source {
		p.Say(choice.String() + "\n")
	}
	r := newRun(c, g, parts, p)
	if err := r.all(ctx); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted; `make up` goes on from here, and `make down` removes what is there")
		}
		return err
	}
	p.Say(fmt.Sprintf("\n%s\n", r.times.table(p.Elapsed(), ownProcessor())))
	if to != "" {
		p.Say(fmt.Sprintf("%s is ready, with all that it needs. `make up` goes on from here.\n", to))
		return nil
	}
	text, err := content.Next(ctx, r.view("", nil))
	p.Say(text)
	return err
}

// installPackages has root install packages that are missing, and writes down what is new on this machine.
func installPackages(ctx context.Context, cache *build.Cache, names []string, p *progress.Progress) error {
	if err := cache.Make(); err != nil {
		return err
	}
	return p.Run("fetch", "Debian packages", func(step *progress.Step) error {
		installed, err := host.Install(ctx, cache.Privileged, names, PackageRecord(cache), step.Detail)
		if len(installed) == 0 {
			step.Silence()
		}
		return err
	})
}

// PackageRecord is the file that names the Debian packages that clusters have installed on this machine.
func PackageRecord(c *build.Cache) string { return filepath.Join(c.Dir, "installed-packages") }
