package peers

import (
	"context"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/kube"
)

const rolloutsModule = "github.com/argoproj/argo-rollouts"

// RolloutsProgram is the Argo Rollouts controller.
var RolloutsProgram = build.Go{
	Name: "rollouts", Module: "hack/cluster/rollouts",
	Packages: map[string]string{"rollouts-controller": rolloutsModule + "/cmd/rollouts-controller"},
}

var rolloutsSource = build.Module{Dir: "hack/cluster/rollouts", Path: rolloutsModule}

// Rollouts is the Argo Rollouts controller from its own manifest, with our image of it.
var Rollouts = component.Component{
	Name: "Rollouts", Needs: []string{"Node", "CRDs"}, Namespaces: []string{"argo-rollouts"}, Seconds: 315,
	Parts: []build.Artifact{RolloutsProgram, rolloutsSource}, Compiled: []build.Artifact{RolloutsProgram}, Released: []string{"rollouts"},
	Images: component.StaticImages(RolloutsProgram, "rollouts-controller"),
	Start:  startRollouts,
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitDeployment(ctx, "argo-rollouts", "argo-rollouts")
	},
}

func startRollouts(ctx context.Context, c *component.Cluster, built component.Built) error {
	objects, err := controlplane.ReadObjects(filepath.Join(built.Path(rolloutsSource), "manifests/install.yaml"))
	if err != nil {
		return err
	}
	objects = withoutCRDs(objects)
	for _, object := range objects {
		namespaceRollouts(object)
		if object.GetKind() == "Deployment" {
			if err := component.UseLocalImage(object, "blogplatform.local/rollouts-controller:dev"); err != nil {
				return err
			}
		}
	}
	return c.Apply(ctx, append([]*unstructured.Unstructured{kube.Namespace("argo-rollouts", nil)}, objects...)...)
}

// namespaceRollouts puts the namespaced objects of the manifest, which names none, where the manifest's role binding expects them.
func namespaceRollouts(object *unstructured.Unstructured) {
	switch object.GetKind() {
	case "ClusterRole", "ClusterRoleBinding":
	default:
		object.SetNamespace("argo-rollouts")
	}
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
