package peers

import (
	"context"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

const argoCDModule = "github.com/argoproj/argo-cd/v3"

// ArgoCDProgram is all of Argo CD in one program, which looks at its own name, and
// Kustomize, which its repository server calls.
var ArgoCDProgram = build.Go{
	Name: "argocd", Module: "hack/cluster/argocd",
	Packages: map[string]string{"argocd": argoCDModule + "/cmd", "kustomize": "sigs.k8s.io/kustomize/kustomize/v5"},
}

// argoCDRoot holds git, and the Redis that Argo CD keeps what it has read in. The names
// of the program and its user are those of Argo CD's own image.
var argoCDRoot = build.DebianRoot{
	Name: "argocd", Packages: []string{"ca-certificates", "git", "redis-server"},
	Customize: `
groupadd --gid 999 argocd
useradd --uid 999 --gid 999 --create-home argocd
for name in application-controller applicationset-controller git-ask-pass repo-server; do
  ln -s argocd /usr/local/bin/argocd-$name
done
`,
}

var argoCDSource = build.Module{Dir: "hack/cluster/argocd", Path: argoCDModule}

// ArgoCD is Argo CD without its pages, from its own manifest core-install.yaml, and a
// Git server beside it: git://git.argocd/gitops.git, which everybody may push to.
var ArgoCD = component.Component{
	Name: "Argo-CD", Needs: []string{"staging", "production", "metrics-server", "Prometheus"}, Namespaces: []string{"argocd"}, Seconds: 335,
	OnRequest: true,
	Parts:     []build.Artifact{ArgoCDProgram, argoCDRoot, argoCDSource}, Compiled: []build.Artifact{ArgoCDProgram},
	Images: argoCDImages,
	Start:  startArgoCD,
	Ready: func(ctx context.Context, c *component.Cluster) error {
		for _, name := range []string{"argocd-redis", "argocd-repo-server", "git"} {
			if err := c.AwaitDeployment(ctx, "argocd", name); err != nil {
				return err
			}
		}
		return c.AwaitStatefulSet(ctx, "argocd", "argocd-application-controller")
	},
}

func argoCDImages(built component.Built) []build.Image {
	programs := built.Path(ArgoCDProgram)
	return []build.Image{{
		Name: "blogplatform.local/argocd", Base: built.Path(argoCDRoot),
		Files: map[string]string{
			"/usr/local/bin/argocd":    filepath.Join(programs, "argocd"),
			"/usr/local/bin/kustomize": filepath.Join(programs, "kustomize"),
		},
		User: "999:999", Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin", "USER=argocd", "ARGOCD_GPG_ENABLED=false"},
	}}
}

// startArgoCD applies what Argo CD comes with, but for the controller of ApplicationSets,
// which nothing here uses, and the settings, which the manifest leaves empty.
func startArgoCD(ctx context.Context, c *component.Cluster, built component.Built) error {
	objects, err := controlplane.ReadObjects(filepath.Join(built.Path(argoCDSource), "manifests/core-install.yaml"))
	if err != nil {
		return err
	}
	if err := c.ApplyFile(ctx, manifests, "manifests/argocd.yaml"); err != nil {
		return err
	}
	var crds, others []*unstructured.Unstructured
	for _, object := range objects {
		switch {
		case object.GetLabels()["app.kubernetes.io/component"] == "applicationset-controller",
			object.GetKind() == "ConfigMap" && object.GetName() == "argocd-cm":
			continue
		case object.GetKind() == "CustomResourceDefinition":
			crds = append(crds, object)
			continue
		}
		if err := ofArgoCD(object); err != nil {
			return err
		}
		others = append(others, object)
	}
	if err := controlplane.InstallCRDs(ctx, c.Client, crds); err != nil {
		return err
	}
	return c.Apply(ctx, others...)
}

// ofArgoCD puts an object of the manifest, which names no namespace, where it belongs, with our image.
func ofArgoCD(object *unstructured.Unstructured) error {
	switch object.GetKind() {
	case "ClusterRole", "ClusterRoleBinding":
		return nil
	}
	object.SetNamespace("argocd")
	if kind := object.GetKind(); kind != "Deployment" && kind != "StatefulSet" {
		return nil
	}
	for _, list := range []string{"initContainers", "containers"} {
		path := []string{"spec", "template", "spec", list}
		containers, found, err := unstructured.NestedSlice(object.Object, path...)
		if err != nil {
			return err
		}
		for _, one := range containers {
			container := one.(map[string]any)
			container["image"], container["imagePullPolicy"] = "blogplatform.local/argocd:dev", "Never"
			if container["name"] == "redis" {
				container["command"] = []any{"redis-server"} // which is the entrypoint of Redis' own image
			}
		}
		if found {
			if err := unstructured.SetNestedSlice(object.Object, containers, path...); err != nil {
				return err
			}
		}
	}
	return nil
}
