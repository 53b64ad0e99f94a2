// Package component says what a part of the local cluster is: something that is
// built, loaded, started and waited for.
package component

import (
	"context"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/cluster/progress"
)

// Cluster is a local cluster that is being brought up.
type Cluster struct {
	node.Settings
	// API is the cluster's API server.
	*kube.API
	// Cache builds what a component runs.
	Cache *build.Cache
	// Progress tells a person what is going on.
	Progress *progress.Progress
}

// Component is one part of the cluster that runs as pods.
type Component struct {
	// Name as people know it.
	Name string
	// Images answers what has to be built and loaded before it can start.
	Images func(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error)
	// Start applies its objects. Doing so again changes nothing.
	Start func(ctx context.Context, c *Cluster) error
	// Ready waits until it does its work.
	Ready func(ctx context.Context, c *Cluster) error
}

// Load imports an image into the cluster's container runtime.
func (c *Cluster) Load(ctx context.Context, image build.BuiltImage) error {
	return c.Settings.Load(ctx, c.Cache.Privileged, image)
}

// ReadyWithin is how long a component may take to become ready on two cores.
const ReadyWithin = 5 * time.Minute

// Bring builds, loads, starts and awaits a component.
func (c *Cluster) Bring(ctx context.Context, part Component) error {
	if part.Images != nil {
		images, err := part.Images(ctx, c.Cache)
		if err != nil {
			return err
		}
		for _, image := range images {
			c.Progress.Detail("loading " + image.Tagged)
			if err := c.Load(ctx, image); err != nil {
				return err
			}
		}
	}
	if err := part.Start(ctx, c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ReadyWithin)
	defer cancel()
	return part.Ready(ctx, c)
}

// StaticImage is the image of one static program.
func StaticImage(ctx context.Context, c *build.Cache, program build.Go, name string) ([]build.BuiltImage, error) {
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

// UseLocalImage makes the first container of a Deployment run an image that is already on the node.
func UseLocalImage(deployment *unstructured.Unstructured, image string) error {
	path := []string{"spec", "template", "spec", "containers"}
	containers, _, err := unstructured.NestedSlice(deployment.Object, path...)
	if err != nil {
		return err
	}
	first := containers[0].(map[string]any)
	first["image"], first["imagePullPolicy"] = image, "Never"
	return unstructured.SetNestedSlice(deployment.Object, containers, path...)
}
