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
	Name: "Kubernetes", Seconds: 890, Namespaces: []string{"kube-system"},
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

// nodeReady is what pods need of a node: that it is ready, and the image that holds a pod together.
var nodeReady = component.Component{
	Name: "Node", Needs: []string{"Kubernetes"}, Namespaces: []string{"kube-system"}, Seconds: 5,
	Parts: []build.Artifact{node.PauseProgram},
	Images: func(built component.Built) []build.Image {
		return []build.Image{node.PauseImage(built.Path(node.PauseProgram))}
	},
	Start: func(context.Context, *component.Cluster, component.Built) error { return nil }, // it was started with Kubernetes
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitCondition(ctx, "v1", "Node", "", node.Name, "Ready")
	},
}

// kinds are the CRDs of the peers and our own, which controllers look for when they start.
var kinds = component.Component{
	Name: "CRDs", Needs: []string{"Kubernetes"}, Namespaces: []string{"kube-system"}, Seconds: 5,
	Parts: controlplane.CRDModules(),
	Start: func(ctx context.Context, c *component.Cluster, _ component.Built) error {
		crds, err := controlplane.CRDs(ctx, c.Cache)
		if err != nil {
			return err
		}
		return controlplane.InstallCRDs(ctx, c.Client, crds)
	},
	Ready: func(context.Context, *component.Cluster) error { return nil }, // the API server serves them
}
