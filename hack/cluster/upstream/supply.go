package upstream

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"blogplatform.io/operator/hack/build"
)

// Supply answers what a component runs, by name, whether it was released or compiled. Nothing else knows which.
type Supply struct {
	Lock Lock
	// Arch is the processor, as GOARCH names it.
	Arch string
	// Origin is what Choose decided. Source is also what an empty one means.
	Origin Origin
	Client Client
}

// Programs answers the path of each program of a component by its name: those
// of the lock, or those that compile answers.
func (s Supply) Programs(ctx context.Context, cache *build.Cache, component string,
	compile func(context.Context) (map[string]string, error),
) (map[string]string, error) {
	released, err := s.released(component, File)
	if err != nil {
		return nil, err
	}
	if len(released) == 0 {
		return compile(ctx)
	}
	paths, err := takeAll(ctx, released, func(ctx context.Context, a Artifact) (string, error) { return s.Client.Fetch(ctx, cache, a) })
	if err != nil {
		return nil, err
	}
	programs := map[string]string{}
	for i, artifact := range released {
		programs[artifact.Name] = paths[i]
	}
	return programs, nil
}

// Images answers the images of a component: those of the lock, or those that compile answers.
func (s Supply) Images(ctx context.Context, cache *build.Cache, component string,
	compile func(context.Context) ([]build.BuiltImage, error),
) ([]build.BuiltImage, error) {
	released, err := s.released(component, Image)
	if err != nil {
		return nil, err
	}
	if len(released) == 0 {
		return compile(ctx)
	}
	return takeAll(ctx, released, func(ctx context.Context, a Artifact) (build.BuiltImage, error) { return s.Client.Pull(ctx, cache, a) })
}

// released are the artifacts of a component and a kind that are not compiled.
func (s Supply) released(name string, kind Kind) ([]Artifact, error) {
	component, found := s.Lock.Component(name)
	if !found {
		return nil, fmt.Errorf("%s has no component %s", LockPath, name)
	}
	if s.Origin != Upstream {
		return nil, nil
	}
	var released []Artifact
	for _, artifact := range component.Artifacts(s.Arch) {
		if artifact.Kind == kind {
			released = append(released, artifact)
		}
	}
	return released, nil
}

// takeAll takes artifacts at the same time, and answers them in their order. The first failure ends the others.
func takeAll[T any](ctx context.Context, artifacts []Artifact, take func(context.Context, Artifact) (T, error)) ([]T, error) {
	taken := make([]T, len(artifacts))
	group, ctx := errgroup.WithContext(ctx)
	for i, artifact := range artifacts {
		group.Go(func() (err error) {
			if taken[i], err = take(ctx, artifact); err != nil {
				return fmt.Errorf("%w; with CLUSTER_FROM=source it is compiled instead", err)
			}
			return nil
		})
	}
	return taken, group.Wait()
}
