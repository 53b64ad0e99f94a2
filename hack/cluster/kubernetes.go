package cluster

import (
	"context"
	"fmt"
	"maps"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
)

// kubernetes is the node with the control plane on it. It is ready for images and objects before it is for pods.
var kubernetes = component.Component{
	Name: "Kubernetes", Seconds: 900, Namespaces: []string{"kube-system"},
	Parts:    []build.Artifact{controlplane.Program, node.Program, node.Root},
	Compiled: []build.Artifact{controlplane.Program, node.Program}, Released: []string{"kubernetes", "etcd"},
	Programs: func(built component.Built) map[string]string {
		programs := controlplane.Programs(built.Path(controlplane.Program))
		maps.Copy(programs, node.Programs(built.Path(node.Program)))
		return programs
	},
	Start: startKubernetes,
	Ready: func(ctx context.Context, c *component.Cluster) error {
		err := c.Await(ctx, "API server", func(ctx context.Context) (bool, error) {
			if c.RunningInit() == 0 {
				return false, fmt.Errorf("the node ended; see %s", c.Path("log", "init.log"))
			}
			if _, err := c.Clientset.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
				return false, kube.Pending(err.Error())
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		return node.AwaitSocket(ctx, c.ContainerdSocket())
	},
}

// startKubernetes starts the node, unless it runs.
func startKubernetes(ctx context.Context, c *component.Cluster, built component.Built) error {
	if c.RunningInit() == 0 {
		// Of a cluster that ended by itself nothing can be used again.
		if err := c.Discard(ctx, c.Cache.Privileged); err != nil {
			return err
		}
		if err := c.Configure(built.Programs, built.Path(node.Root)); err != nil {
			return err
		}
		c.ReleasePorts()
		if err := c.Start(ctx, c.Cache.Privileged); err != nil {
			return err
		}
	}
	return c.Connect()
}

// nodeReady is what pods need of a node: the image that holds a pod together, and the kinds of objects that controllers look for.
var nodeReady = component.Component{
	Name: "Node", Needs: []string{"Kubernetes"}, Namespaces: []string{"kube-system"}, Seconds: 10,
	Parts: append(controlplane.CRDModules(), node.PauseProgram),
	Images: func(built component.Built) []build.Image {
		return []build.Image{node.PauseImage(built.Path(node.PauseProgram))}
	},
	Start: func(ctx context.Context, c *component.Cluster, _ component.Built) error {
		crds, err := controlplane.CRDs(ctx, c.Cache)
		if err != nil {
			return err
		}
		return controlplane.InstallCRDs(ctx, c.Client, crds)
	},
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitCondition(ctx, "v1", "Node", "", node.Name, "Ready")
	},
}
