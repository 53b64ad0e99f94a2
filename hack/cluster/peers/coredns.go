package peers

import (
	"context"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/node"
)

var corednsProgram = build.Go{
	Name: "coredns", Module: "hack/cluster/coredns", Sources: []string{"hack/cluster/coredns/main.go"},
	Packages: map[string]string{"coredns": "."},
}

// CoreDNS answers cluster.local, and the names of the blogs with the address of
// the ingress gateway, so that one URL works in a browser and in a pod.
var CoreDNS = component.Component{
	Name: "CoreDNS",
	Images: func(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
		return component.StaticImage(ctx, c, corednsProgram, "coredns")
	},
	Start: func(ctx context.Context, c *component.Cluster) error {
		return c.ApplyFile(ctx, manifests, "manifests/coredns.yaml", "$DNS", node.DNSAddress)
	},
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitDeployment(ctx, "kube-system", "coredns")
	},
}
