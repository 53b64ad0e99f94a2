package peers

import (
	"context"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
)

var metricsServerProgram = build.Go{
	Name: "metrics-server", Module: "hack/cluster/metricsserver",
	Packages: map[string]string{"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"},
}

// MetricsServer tells HorizontalPodAutoscalers, and kubectl top, what containers use.
var MetricsServer = component.Component{
	Name: "metrics-server", Needs: []string{"Node"}, After: []string{"staging"}, Namespaces: []string{"kube-system"}, Seconds: 40,
	Parts: []build.Artifact{metricsServerProgram}, Compiled: []build.Artifact{metricsServerProgram}, Released: []string{"metrics-server"},
	Images: component.StaticImages(metricsServerProgram, "metrics-server"),
	Start: func(ctx context.Context, c *component.Cluster, _ component.Built) error {
		return c.ApplyFile(ctx, manifests, "manifests/metrics-server.yaml")
	},
	// It is ready once it has read the kubelet twice, and of use once its API is available.
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitCondition(ctx, "apiregistration.k8s.io/v1", "APIService", "", "v1beta1.metrics.k8s.io", "Available")
	},
}
