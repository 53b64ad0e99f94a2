// Package component says what a part of the local cluster is: something that is
// built, loaded, started and waited for.
//
// Its rule: what a component is made of is data, so that it can be fetched early,
// looked for and counted without being built.
package component

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/cluster/upstream"
	"blogplatform.io/operator/hack/timefactor"
)

// Cluster is a local cluster that is being brought up, as one component sees it.
type Cluster struct {
	node.Settings
	// API is the cluster's API server. It is nil before Connect.
	*kube.API
	// Cache builds what a component runs.
	Cache *build.Cache
	// Detail gets what the component is doing right now.
	Detail func(detail string)
	// ReleasePorts gives up the ports that were held since they were found to be free.
	ReleasePorts func()
}

// Connect makes the clients of the API server. It sends no request.
func (c *Cluster) Connect() (err error) {
	c.API, err = kube.Connect(c.Kubeconfig(), c.Detail)
	return err
}

// Authority is the file that holds the certificate of the local CA once cert-manager is ready.
func (c *Cluster) Authority() string { return c.Path("ca.crt") }

// Component is one part of the cluster.
type Component struct {
	// Name as people know it, in one word.
	Name string
	// Needs are the names of the components that must be ready before this one starts. Its build waits for none.
	Needs []string
	// After are the names of components that must be ready before this one starts if they are started at all.
	After []string
	// OnRequest says that it is brought up only when it is asked for by name.
	OnRequest bool
	// Namespaces are where its pods are.
	Namespaces []string
	// Seconds of one processor that a build took which found nothing in a cache.
	Seconds int
	// Parts are what it is made of. They are built in order.
	Parts []build.Artifact
	// Compiled are those of Parts that FromUpstream leaves out.
	Compiled []build.Artifact
	// Released names what FromUpstream takes in their place, as the lock does. It is empty for what is always compiled.
	Released []string
	// Programs answers the paths of the compiled programs that Start needs, by name.
	Programs func(built Built) map[string]string
	// Images answers what is loaded into the node before the start.
	Images func(built Built) []build.Image
	// Start applies its objects. Doing so again changes nothing.
	Start func(ctx context.Context, c *Cluster, built Built) error
	// Ready waits until it does its work.
	Ready func(ctx context.Context, c *Cluster) error
	// Within is how long Ready may take on two cores; 0 is readyWithin.
	Within time.Duration
	// Announce, if there is one, says what people can do once it is ready.
	Announce func(c *Cluster) string

	// pulled are the released images, by the names of those of Images that they stand for.
	pulled map[string]upstream.Artifact
}

// readyWithin is how long a component may take to become ready on two cores.
const readyWithin = 5 * time.Minute

// Built is what the build of a component made.
type Built struct {
	paths map[string]string
	// Programs are the paths of the programs that Start needs, by name.
	Programs map[string]string
	// Images are in the order in which Component.Images names them.
	Images []build.BuiltImage
}

// Path is where a part of the component is.
func (b Built) Path(part build.Artifact) string { return b.paths[part.ArtifactName()] }

// Build builds the parts and images of a component that the cache does not hold yet.
func (part Component) Build(ctx context.Context, c *build.Cache) (Built, error) {
	built := Built{paths: map[string]string{}}
	for _, artifact := range part.Parts {
		path, err := artifact.Build(ctx, c)
		if err != nil {
			return Built{}, err
		}
		built.paths[artifact.ArtifactName()] = path
	}
	if part.Programs != nil {
		built.Programs = part.Programs(built)
	}
	if part.Images == nil {
		return built, nil
	}
	for _, image := range part.Images(built) {
		one, err := part.image(ctx, c, image)
		if err != nil {
			return Built{}, err
		}
		built.Images = append(built.Images, one)
	}
	return built, nil
}

// image builds an image, or pulls the released one that stands for it.
func (part Component) image(ctx context.Context, c *build.Cache, image build.Image) (build.BuiltImage, error) {
	if released, found := part.pulled[image.Name]; found {
		return upstream.Client{}.Pull(ctx, c, released)
	}
	return image.Build(ctx, c)
}

// Load loads the images of a component into the node.
func (c *Cluster) Load(ctx context.Context, built Built) error {
	for _, image := range built.Images {
		c.Detail("loading " + image.Tagged)
		if err := c.Settings.Load(ctx, c.Cache.Privileged, image); err != nil {
			return fmt.Errorf("loading image %s: %w", image.Tagged, err)
		}
	}
	return nil
}

// AwaitReady waits until a component that was started is ready, at most for as long as it may take.
func (part Component) AwaitReady(ctx context.Context, c *Cluster) error {
	within := readyWithin
	if part.Within > 0 {
		within = part.Within
	}
	ctx, cancel := context.WithTimeout(ctx, timefactor.Scale(within))
	defer cancel()
	return part.Ready(ctx, c)
}

// StaticImage is the image of one static program that runs as nobody. dir is the folder that holds the program.
func StaticImage(dir, name string) build.Image {
	return build.Image{
		Name: "blogplatform.local/" + name, Files: map[string]string{"/" + name: filepath.Join(dir, name)},
		Folders: []string{"/tmp"}, User: "65532:65532", Entrypoint: []string{"/" + name},
	}
}

// StaticImages is the Images of a component that is one static program.
func StaticImages(program build.Go, name string) func(Built) []build.Image {
	return func(built Built) []build.Image { return []build.Image{StaticImage(built.Path(program), name)} }
}

// UseLocalImage makes the first container of a Deployment run an image that is already on the node.
func UseLocalImage(deployment *unstructured.Unstructured, image string) error {
	return changeContainer(deployment, func(container map[string]any) { container["image"], container["imagePullPolicy"] = image, "Never" })
}

// AddArgs adds arguments to the program of a Deployment's first container.
func AddArgs(deployment *unstructured.Unstructured, args ...any) error {
	return changeContainer(deployment, func(container map[string]any) {
		before, _ := container["args"].([]any)
		container["args"] = append(before, args...)
	})
}

// changeContainer changes the first container of a Deployment.
func changeContainer(deployment *unstructured.Unstructured, change func(container map[string]any)) error {
	path := []string{"spec", "template", "spec", "containers"}
	containers, _, err := unstructured.NestedSlice(deployment.Object, path...)
	if err != nil {
		return err
	}
	if len(containers) == 0 {
		return fmt.Errorf("no container in Deployment %s/%s", deployment.GetNamespace(), deployment.GetName())
	}
	change(containers[0].(map[string]any))
	return unstructured.SetNestedSlice(deployment.Object, containers, path...)
}
