package cluster

import (
	"context"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

const rolloutsModule = "github.com/argoproj/argo-rollouts"

// RolloutsProgram is the Argo Rollouts controller.
var RolloutsProgram = build.Go{
	Name: "rollouts", Module: "hack/cluster/rollouts",
	Packages: map[string]string{"rollouts-controller": rolloutsModule + "/cmd/rollouts-controller"},
}

// rollouts is the Argo Rollouts controller from its own manifest, with our image of it.
var rollouts = component{
	name: "Argo Rollouts",
	images: func(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
		return staticImage(ctx, c, RolloutsProgram, "rollouts-controller")
	},
	start: startRollouts,
	ready: func(ctx context.Context, c *Cluster) error {
		return c.awaitDeployment(ctx, "argo-rollouts", "argo-rollouts")
	},
}

func startRollouts(ctx context.Context, c *Cluster) error {
	source, err := c.Cache.ModuleDir(ctx, "hack/cluster/rollouts", rolloutsModule)
	if err != nil {
		return err
	}
	objects, err := controlplane.ReadObjects(filepath.Join(source, "manifests/install.yaml"))
	if err != nil {
		return err
	}
	objects = withoutCRDs(objects)
	for _, object := range objects {
		namespaceRollouts(object)
		if object.GetKind() == "Deployment" {
			if err := useLocalImage(object, "blogplatform.local/rollouts-controller:dev"); err != nil {
				return err
			}
		}
	}
	return c.apply(ctx, append([]*unstructured.Unstructured{namespace("argo-rollouts", nil)}, objects...)...)
}

// namespaceRollouts puts the namespaced objects of the manifest, which names none, where the manifest's role binding expects them.
func namespaceRollouts(object *unstructured.Unstructured) {
	switch object.GetKind() {
	case "ClusterRole", "ClusterRoleBinding":
	default:
		object.SetNamespace("argo-rollouts")
	}
}

// useLocalImage makes the first container of a Deployment run an image that is already on the node.
func useLocalImage(deployment *unstructured.Unstructured, image string) error {
	path := []string{"spec", "template", "spec", "containers"}
	containers, _, err := unstructured.NestedSlice(deployment.Object, path...)
	if err != nil {
		return err
	}
	first := containers[0].(map[string]any)
	first["image"], first["imagePullPolicy"] = image, "Never"
	return unstructured.SetNestedSlice(deployment.Object, containers, path...)
}

func withoutCRDs(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	var others []*unstructured.Unstructured
	for _, object := range objects {
		if object.GetKind() != "CustomResourceDefinition" {
			others = append(others, object)
		}
	}
	return others
}
