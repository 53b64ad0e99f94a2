package cluster

import (
	"bytes"
	"context"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/cluster/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

var managerProgram = build.Go{
	Name: "manager", Module: ".", Sources: []string{"api", "cmd/manager", "controllers", "internal"},
	Packages: map[string]string{"manager": "./cmd/manager"},
}

// services are the four workloads of a BlogPlatform, as its release names them.
var services = []string{"frontend", "user", "content", "comment"}

func serviceProgram(name string) build.Go {
	return build.Go{
		Name: name, Module: ".", Sources: []string{"services"},
		Packages: map[string]string{name: "./services/" + name},
	}
}

// operator is the BlogPlatform operator as config/default deploys it, with the image of this checkout.
var operator = component{
	name:   "BlogPlatform operator",
	images: operatorImages,
	start:  startOperator,
	ready: func(ctx context.Context, c *Cluster) error {
		return c.awaitDeployment(ctx, "blogplatform-system", "blogplatform-controller-manager")
	},
}

func operatorImages(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
	dir, err := managerProgram.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	image, err := build.Image{
		Name: "blogplatform.local/operator", Files: map[string]string{"/manager": filepath.Join(dir, "manager")},
		User: "65532:65532", Entrypoint: []string{"/manager"},
	}.Build(ctx, c)
	return []build.BuiltImage{image}, err
}

// startOperator applies config/default. The image is named by digest, so that
// another make up after a change of the code replaces the pod.
func startOperator(ctx context.Context, c *Cluster) error {
	images, err := operatorImages(ctx, c.Cache)
	if err != nil {
		return err
	}
	objects, err := c.kustomize(ctx, "config/default")
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.GetKind() != "Deployment" {
			continue
		}
		if err := useLocalImage(object, images[0].Digested); err != nil {
			return err
		}
	}
	return c.apply(ctx, objects...)
}

// kustomize renders a folder of the checkout with the cluster's own kubectl.
func (c *Cluster) kustomize(ctx context.Context, folder string) ([]*unstructured.Unstructured, error) {
	var rendered bytes.Buffer
	if err := c.kubectl(ctx, &rendered, "kustomize", filepath.Join(c.Root, folder)); err != nil {
		return nil, err
	}
	return controlplane.ParseObjects(rendered.Bytes())
}
