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
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/images"
)

// registry is what images of this checkout are named by in a local cluster, which has no registry.
const registry = "blogplatform.local"

var operatorProgram = images.Program(images.Operator, runtime.GOARCH, nil)

// Operator is the BlogPlatform operator as config/default deploys it, with the image of this checkout.
var Operator = component.Component{
	Name: "operator", Needs: []string{"Node", "CRDs"}, Namespaces: []string{"blogplatform-system"}, Seconds: 25,
	Parts: []build.Artifact{operatorProgram},
	Images: func(built component.Built) []build.Image {
		return []build.Image{images.Image(registry, images.Operator, operatorProgram, built.Path(operatorProgram))}
	},
	Start: startOperator,
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitDeployment(ctx, "blogplatform-system", "blogplatform-controller-manager")
	},
}

// startOperator applies config/default. The image is named by digest, so that
// another make up after a change of the code replaces the pod. The operator may ask
// the identity provider, which is behind the Service of the gateway.
func startOperator(ctx context.Context, c *component.Cluster, built component.Built) error {
	objects, err := kustomize(ctx, c, "config/default")
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.GetKind() != "Deployment" {
			continue
		}
		if err := component.UseLocalImage(object, built.Images[0].Digested); err != nil {
			return err
		}
		if err := component.AddArgs(object, "--identity-provider-networks="+node.ServiceRange); err != nil {
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
