package peers

import (
	"context"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/config/monitoring"
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
	Start:  startPrometheus,
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitDeployment(ctx, "monitoring", "prometheus")
	},
}

// startPrometheus applies Prometheus with the rules of config/monitoring, in the form
// that it reads itself. Later changes of either are read without a restart.
func startPrometheus(ctx context.Context, c *component.Cluster, _ component.Built) error {
	rules, err := rulesFile(monitoring.Rules)
	if err != nil {
		return err
	}
	return c.ApplyFile(ctx, manifests, "manifests/prometheus.yaml", "$RULES", rules)
}

// rulesFile is the file of rules that a PrometheusRule is about, as a string in JSON.
func rulesFile(manifest []byte) (string, error) {
	var rule struct {
		Spec map[string]any `json:"spec"`
	}
	if err := yaml.Unmarshal(manifest, &rule); err != nil {
		return "", fmt.Errorf("read the rules of config/monitoring: %w", err)
	}
	file, err := yaml.Marshal(rule.Spec)
	if err != nil {
		return "", fmt.Errorf("write the rules of config/monitoring: %w", err)
	}
	quoted, err := json.Marshal(string(file))
	return string(quoted), err
}
