package cluster

import (
	"context"
	"runtime"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/upstream"
)

// lockFor is the lock of this checkout, unless more is wanted of it than it holds.
func lockFor(wanted upstream.Origin) (upstream.Lock, error) {
	lock, err := upstream.Embedded()
	if err != nil {
		return lock, err
	}
	return lock, lock.Allows(wanted, runtime.GOARCH)
}

// choose decides whether components are compiled or made of what the lock has
// for them, and answers them in that form. What has no release is compiled always.
func choose(ctx context.Context, wanted upstream.Origin, lock upstream.Lock, c *build.Cache, parts []component.Component) (upstream.Choice, []component.Component, error) {
	missing := func(a upstream.Artifact) bool {
		cached, err := a.Cached(c)
		return err != nil || !cached
	}
	choice, err := upstream.Choose(ctx, wanted, lock, runtime.GOARCH, missing, upstream.Client{}.Answers)
	if err != nil || choice.Origin == upstream.Source {
		return choice, parts, err
	}
	released := make([]component.Component, len(parts))
	for i, part := range parts {
		if released[i], err = part.FromUpstream(lock, runtime.GOARCH); err != nil {
			return choice, nil, err
		}
	}
	return choice, released, nil
}
