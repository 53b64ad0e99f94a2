package content

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/images"
)

// environment is one of the two blogs.
type environment struct {
	// name of the component.
	name string
	// sample is the committed BlogPlatform.
	sample, namespace string
}

var (
	staging    = environment{"staging", "config/samples/blogplatform_staging.yaml", "g11-stg"}
	production = environment{"production", "config/samples/blogplatform_production.yaml", "g11-prod"}
)

// platformReadyWithin is how long a BlogPlatform may take: its database makes a first backup before it is ready.
const platformReadyWithin = 8 * time.Minute

// servicePrograms are the programs of a release, in the order of images.Services.
func servicePrograms(replaced map[string]string) []build.Go {
	var programs []build.Go
	for _, name := range images.Services {
		programs = append(programs, images.Program(name, runtime.GOARCH, replaced))
	}
	return programs
}

// Staging is the blog that a release reaches first, with the services of this checkout.
var Staging = component.Component{
	Name: staging.name, Needs: []string{"Asgardeo", "operator", "namespaces", "PostgreSQL", "Rollouts", "Sealed-Secrets"},
	Namespaces: []string{staging.namespace, "blogplatform-system"}, Seconds: 85,
	Parts:  parts(servicePrograms(nil)),
	Images: func(built component.Built) []build.Image { return serviceImages(built, servicePrograms(nil)) },
	Start: func(ctx context.Context, c *component.Cluster, built component.Built) error {
		return startPlatform(ctx, c, staging, references(built))
	},
	Ready:    staging.ready,
	Within:   platformReadyWithin,
	Announce: staging.announce,
}

// Production is the blog that gets what staging has verified.
var Production = component.Component{
	Name: production.name, Needs: []string{staging.name}, Namespaces: []string{production.namespace, "blogplatform-system"},
	Start: func(ctx context.Context, c *component.Cluster, _ component.Built) error {
		verified, err := livePlatform(ctx, c, staging)
		if err != nil {
			return err
		}
		names, _, err := unstructured.NestedStringMap(verified.Object, "spec", "release", "images")
		if err != nil {
			return err
		}
		return startPlatform(ctx, c, production, names)
	},
	Ready:    production.ready,
	Within:   platformReadyWithin,
	Announce: production.announce,
}

func parts(programs []build.Go) []build.Artifact {
	var all []build.Artifact
	for _, program := range programs {
		all = append(all, program)
	}
	return all
}

func serviceImages(built component.Built, programs []build.Go) []build.Image {
	var all []build.Image
	for _, program := range programs {
		all = append(all, images.Image(registry, program.Name, program, built.Path(program)))
	}
	return all
}

// references are the images of the services by name, as spec.release.images takes them.
func references(built component.Built) map[string]string {
	names := map[string]string{}
	for i, name := range images.Services {
		names[name] = built.Images[i].Digested
	}
	return names
}

// ready waits for the operator's verdict, and until a browser on this machine gets the home page.
func (e environment) ready(ctx context.Context, c *component.Cluster) error {
	platform, err := livePlatform(ctx, c, e)
	if err != nil {
		return err
	}
	if err := c.AwaitCondition(ctx, platform.GetAPIVersion(), platform.GetKind(), e.namespace, platform.GetName(), "Ready"); err != nil {
		return err
	}
	return awaitPage(ctx, c, host(platform), "/")
}

func (e environment) announce(c *component.Cluster) string {
	platform, err := readSample(c, e)
	if err != nil {
		return e.name + " is ready"
	}
	return e.name + " is ready: " + address(platform, c.HTTPSPort)
}

func readSample(c *component.Cluster, e environment) (*unstructured.Unstructured, error) {
	objects, err := controlplane.ReadObjects(filepath.Join(c.Root, e.sample))
	if err != nil {
		return nil, err
	}
	return objects[0], nil
}

// livePlatform reads the BlogPlatform of an environment from the cluster.
func livePlatform(ctx context.Context, c *component.Cluster, e environment) (*unstructured.Unstructured, error) {
	platform, err := readSample(c, e)
	if err != nil {
		return nil, err
	}
	return platform, c.Client.Get(ctx, client.ObjectKeyFromObject(platform), platform)
}

// startPlatform applies the sample of an environment with what only this cluster knows: digests, ciphertext, the port.
func startPlatform(ctx context.Context, c *component.Cluster, e environment, names map[string]string) error {
	platform, err := readSample(c, e)
	if err != nil {
		return err
	}
	config, err := liveProvider(ctx, c)
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(c.Authority())
	if err != nil {
		return err
	}
	if err := errors.Join(
		unstructured.SetNestedStringMap(platform.Object, names, "spec", "release", "images"),
		unstructured.SetNestedField(platform.Object, int64(c.HTTPSPort), "spec", "gateway", "httpsPort"),
		overlayIdentity(platform, config, string(authority)),
		sealSecrets(ctx, c, platform, config),
	); err != nil {
		return err
	}
	return c.Apply(ctx, platform)
}

func host(platform *unstructured.Unstructured) string {
	hosts, _, _ := unstructured.NestedStringSlice(platform.Object, "spec", "hosts") // the API server has validated them
	return hosts[0]
}

// address is where a browser on this machine finds a platform.
func address(platform *unstructured.Unstructured, port int) string {
	return fmt.Sprintf("https://%s:%d", host(platform), port)
}
