package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/graph"
	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/progress"
	"blogplatform.io/operator/hack/cluster/upstream"
)

// run brings components up side by side: what is built starts as soon as what it needs is ready.
type run struct {
	cluster  component.Cluster
	progress *progress.Progress
	graph    graph.Graph
	// parts are in the order in which they are built.
	parts []component.Component
	steps map[string]*steps
	times *times
	// loads lets the images of one component be loaded at a time, in the order in which components are built: side by side all of them come late.
	// It is open once there is a node.
	loads *turns
}

// steps are what others wait for. Each channel is closed when that is done.
type steps struct {
	isBuilt, isReady chan struct{}
	// built is there once isBuilt is closed.
	built component.Built
}

// newRun brings up the components of a graph, which are in the order in which they are built.
func newRun(c component.Cluster, g graph.Graph, parts []component.Component, p *progress.Progress) *run {
	r := &run{cluster: c, progress: p, graph: g, parts: parts, steps: map[string]*steps{}, times: newTimes(g.Names()), loads: newTurns()}
	for _, part := range r.parts {
		r.steps[part.Name] = &steps{isBuilt: make(chan struct{}), isReady: make(chan struct{})}
	}
	return r
}

// all brings everything up. The first error ends the rest.
func (r *run) all(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { r.fetch(ctx); return nil })
	group.Go(func() error { return r.buildAll(ctx) })
	for _, part := range r.parts {
		group.Go(func() error { return r.bring(ctx, part) })
	}
	return group.Wait()
}

// view is the cluster as one component sees it.
func (r *run) view(name string, step *progress.Step) *component.Cluster {
	c, cache := r.cluster, *r.cluster.Cache
	c.Cache, c.Detail = &cache, func(string) {}
	if step != nil {
		c.Detail = step.Detail
	}
	cache.Log = c.Detail
	cache.Spent = func(_ string, processor time.Duration) { r.times.spent(name, processor) }
	return &c
}

// buildAll builds the components in their order. The first one is built alone:
// it fills Go's cache with the libraries that most others share, and builds side
// by side would compile those once each. Later ones are built two at a time, since
// Go leaves processors idle while it links. With little memory, of which a large
// link takes 2 GB, they are built one at a time.
func (r *run) buildAll(ctx context.Context) error {
	parallel := host.Parallelism()
	if err := r.build(ctx, r.parts[0], parallel); err != nil {
		return err
	}
	slots := min(2, parallel)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(slots)
	for _, part := range r.parts[1:] {
		group.Go(func() error { return r.build(ctx, part, parallel/slots) })
	}
	return group.Wait()
}

// build builds one component, with so many packages compiled at the same time.
func (r *run) build(ctx context.Context, part component.Component, parallel int) error {
	return r.step(ctx, "build", part, func(step *progress.Step, c *component.Cluster) (err error) {
		c.Cache.Parallel = parallel
		begun := time.Now()
		s := r.steps[part.Name]
		s.built, err = part.Build(ctx, c.Cache)
		if r.times.built(part.Name, time.Since(begun)) {
			step.Silence()
		}
		if err == nil {
			close(s.isBuilt)
		}
		return err
	})
}

// bring loads, starts and awaits one component.
func (r *run) bring(ctx context.Context, part component.Component) error {
	s := r.steps[part.Name]
	if err := wait(ctx, s.isBuilt); err != nil {
		return err
	}
	if err := r.load(ctx, part); err != nil {
		return err
	}
	for _, name := range r.graph.Waits(part.Name) {
		if err := wait(ctx, r.steps[name].isReady); err != nil {
			return err
		}
	}
	if err := r.start(ctx, part); err != nil {
		return err
	}
	close(s.isReady)
	if part.Name == r.parts[0].Name {
		r.loads.open()
	}
	if part.Announce != nil {
		r.progress.Say(part.Announce(r.view(part.Name, nil)) + "\n")
	}
	return nil
}

// load loads the images of a component, for which there must be a node, and which need not wait for anything else.
func (r *run) load(ctx context.Context, part component.Component) error {
	if len(r.steps[part.Name].built.Images) == 0 {
		return nil
	}
	giveBack, err := r.loads.take(ctx, slices.IndexFunc(r.parts, func(p component.Component) bool { return p.Name == part.Name }))
	if err != nil {
		return err
	}
	defer giveBack()
	return r.step(ctx, "load", part, func(step *progress.Step, c *component.Cluster) error {
		step.Silence()
		defer r.times.measure(part.Name, loaded)()
		return c.Load(ctx, r.steps[part.Name].built)
	})
}

func (r *run) start(ctx context.Context, part component.Component) error {
	return r.step(ctx, "start", part, func(_ *progress.Step, c *component.Cluster) error {
		if part.Name != r.parts[0].Name {
			if err := c.Connect(); err != nil {
				return err
			}
		}
		end := r.times.measure(part.Name, started)
		err := part.Start(ctx, c, r.steps[part.Name].built)
		end()
		if err == nil {
			defer r.times.measure(part.Name, waited)()
			err = part.AwaitReady(ctx, c)
		}
		if err != nil && ctx.Err() == nil {
			r.explain(ctx, part, c)
		}
		return err
	})
}

// step runs a step of a component. What fails because everything is being ended fails with the reason for that.
func (r *run) step(ctx context.Context, verb string, part component.Component, do func(*progress.Step, *component.Cluster) error) error {
	return r.progress.Run(verb, part.Name, func(step *progress.Step) error {
		err := do(step, r.view(part.Name, step))
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			return fmt.Errorf("%s: %w", part.Name, err)
		}
	})
}

// explainWithin is how long the API server may take to say why a component is not ready.
const explainWithin = 10 * time.Second

// explain says why a component is not ready, and where to read more.
func (r *run) explain(ctx context.Context, part component.Component, c *component.Cluster) {
	text := ""
	if c.API != nil {
		ctx, cancel := context.WithTimeout(ctx, explainWithin)
		defer cancel()
		text = kube.Explain(ctx, c.Clientset, part.Namespaces)
	}
	r.progress.Say(fmt.Sprintf("%sThe logs of the node's programs are in %s, those of pods in %s.\n", text, c.Path("log"), c.Path("pods")))
}

// fetch downloads what the builds will need while the first of them runs. What
// it can't have is no error here: the build that needs it will say so.
func (r *run) fetch(ctx context.Context) {
	artifacts, err := missing(r.cluster.Cache, r.parts)
	if err != nil {
		return
	}
	var fetching errgroup.Group
	fetching.Go(func() error { r.fetchModules(ctx, artifacts); return nil })
	fetching.Go(func() error { r.fetchArtifacts(ctx, artifacts); return nil })
	_ = fetching.Wait() // they answer no errors
}

func (r *run) fetchModules(ctx context.Context, artifacts []build.Artifact) {
	done := map[string]bool{}
	for _, artifact := range artifacts {
		program, ok := artifact.(build.Go)
		if !ok || done[program.Module] {
			continue
		}
		done[program.Module] = true
		_ = r.progress.Run("fetch", "modules of "+program.Name, func(step *progress.Step) error {
			step.Silence()
			return r.view("", step).Cache.Download(ctx, program.Module)
		})
	}
}

// fetchArtifacts makes what consists of downloads, and takes little of the processors.
func (r *run) fetchArtifacts(ctx context.Context, artifacts []build.Artifact) {
	for _, artifact := range artifacts {
		switch artifact.(type) {
		case build.DebianRoot, build.Wheel, upstream.Artifact:
			_ = r.progress.Run("fetch", artifact.ArtifactName(), func(step *progress.Step) error {
				_, err := artifact.Build(ctx, r.view("", step).Cache)
				return err
			})
		}
	}
}

// wait waits until a channel is closed.
func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-done:
		return nil
	}
}
