package content

import (
	"bytes"
	"context"
	"path/filepath"
	"runtime"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/images"
)

// Operator is the BlogPlatform operator as config/default deploys it, with the image of this checkout.
var Operator = component.Component{
	Name:   "BlogPlatform operator",
	Images: operatorImages,
	Start:  startOperator,
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitDeployment(ctx, "blogplatform-system", "blogplatform-controller-manager")
	},
}

func operatorImages(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
	image, err := localImage(ctx, c, images.Operator, nil)
	return []build.BuiltImage{image}, err
}

// localImage is a shipped image for the processor of this machine.
func localImage(ctx context.Context, c *build.Cache, name string, replaced map[string]string) (build.BuiltImage, error) {
	image, err := images.Image(ctx, c, "blogplatform.local", name, runtime.GOARCH, replaced)
	if err != nil {
		return build.BuiltImage{}, err
	}
	return image.Build(ctx, c)
}

// startOperator applies config/default. The image is named by digest, so that
// another make up after a change of the code replaces the pod.
func startOperator(ctx context.Context, c *component.Cluster) error {
	image, err := localImage(ctx, c.Cache, images.Operator, nil)
	if err != nil {
		return err
	}
	objects, err := kustomize(ctx, c, "config/default")
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.GetKind() != "Deployment" {
			continue
		}
		if err := component.UseLocalImage(object, image.Digested); err != nil {
			return err
		}
	}
	return c.Apply(ctx, objects...)
}

// kustomize renders a folder of the checkout with the cluster's own kubectl.
func kustomize(ctx context.Context, c *component.Cluster, folder string) ([]*unstructured.Unstructured, error) {
	var rendered bytes.Buffer
	if err := c.Kubectl(ctx, &rendered, "kustomize", filepath.Join(c.Root, folder)); err != nil {
		return nil, err
	}
	return controlplane.ParseObjects(rendered.Bytes())
}
