package cluster

import (
	"context"
	"path/filepath"
	"time"

	"blogplatform.io/operator/hack/build"
)

// component is one part of the cluster that runs as pods.
type component struct {
	// name as people know it.
	name string
	// images answers what has to be built and loaded before it can start.
	images func(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error)
	// start applies its objects. Doing so again changes nothing.
	start func(ctx context.Context, c *Cluster) error
	// ready waits until it does its work.
	ready func(ctx context.Context, c *Cluster) error
}

// readyWithin is how long a component may take to become ready on two cores.
const readyWithin = 5 * time.Minute

// bring builds, loads, starts and awaits a component.
func (c *Cluster) bring(ctx context.Context, part component) error {
	if part.images != nil {
		images, err := part.images(ctx, c.Cache)
		if err != nil {
			return err
		}
		for _, image := range images {
			c.progress.Detail("loading " + image.Tagged)
			if err := c.load(ctx, image); err != nil {
				return err
			}
		}
	}
	if err := part.start(ctx, c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	return part.ready(ctx, c)
}

// staticImage is the image of one static program.
func staticImage(ctx context.Context, c *build.Cache, program build.Go, name string) ([]build.BuiltImage, error) {
	dir, err := program.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	image, err := build.Image{
		Name: "blogplatform.local/" + name, Files: map[string]string{"/" + name: filepath.Join(dir, name)},
		Folders: []string{"/tmp"}, User: "65532:65532", Entrypoint: []string{"/" + name},
	}.Build(ctx, c)
	return []build.BuiltImage{image}, err
}
