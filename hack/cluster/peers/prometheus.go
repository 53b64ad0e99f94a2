package peers

import (
	"context"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
)

// prometheusProgram finds its targets in Kubernetes and nowhere else.
var prometheusProgram = build.Go{
	Name: "prometheus", Module: "hack/cluster/prometheus", Tags: "remove_all_sd,enable_kubernetes_sd",
	Packages: map[string]string{"prometheus": "github.com/prometheus/prometheus/cmd/prometheus"},
}

// Prometheus scrapes the pods that ask for it at http://prometheus.monitoring.svc:9090.
// It stands outside the mesh, like the controllers that ask it. Its pages are
// not built in; its API is all that is needed.
var Prometheus = component.Component{
	Name: "Prometheus", Needs: []string{"Node"}, After: []string{"staging"}, Namespaces: []string{"monitoring"}, Seconds: 165,
	Parts: []build.Artifact{prometheusProgram}, Compiled: []build.Artifact{prometheusProgram}, Released: []string{"prometheus"},
	Images: component.StaticImages(prometheusProgram, "prometheus"),
	Start: func(ctx context.Context, c *component.Cluster, _ component.Built) error {
		return c.ApplyFile(ctx, manifests, "manifests/prometheus.yaml")
	},
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitDeployment(ctx, "monitoring", "prometheus")
	},
}
