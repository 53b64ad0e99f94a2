package peers

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/config/monitoring"
)

// configuration is a file of Prometheus, as it is applied.
func configuration[T any](t *testing.T, file string) (parsed T) {
	t.Helper()
	_, applied := started(t, Prometheus, nil)
	i := slices.IndexFunc(applied, func(object *unstructured.Unstructured) bool { return object.GetKind() == "ConfigMap" })
	text, found, err := unstructured.NestedString(applied[i].Object, "data", file)
	if !found || err != nil {
		t.Fatalf("the ConfigMap has no %s: %v", file, err)
	}
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestTheLocalPrometheusHasTheRulesOfConfig, all of them and as they are.
func TestTheLocalPrometheusHasTheRulesOfConfig(t *testing.T) {
	var want struct {
		Spec map[string]any `json:"spec"`
	}
	if err := yaml.Unmarshal(monitoring.Rules, &want); err != nil {
		t.Fatal(err)
	}
	got := configuration[map[string]any](t, "rules.yml")
	wanted, err := yaml.Marshal(want.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := yaml.Marshal(got); err != nil || string(text) != string(wanted) || len(want.Spec) == 0 {
		t.Errorf("%v: the rules are\n%s", err, text)
	}
}

// TestTheLocalPrometheusGivesTheLabelsThatRulesAskFor, and takes those of the operator and the kubelet as they are.
func TestTheLocalPrometheusGivesTheLabelsThatRulesAskFor(t *testing.T) {
	parsed := configuration[struct {
		ScrapeConfigs []struct {
			JobName        string `json:"job_name"`
			HonorLabels    bool   `json:"honor_labels"`
			RelabelConfigs []struct {
				TargetLabel string `json:"target_label"`
			} `json:"relabel_configs"`
		} `json:"scrape_configs"`
	}](t, "prometheus.yml")
	given := map[string][]string{}
	for _, scrape := range parsed.ScrapeConfigs {
		if scrape.HonorLabels {
			given[scrape.JobName] = append(given[scrape.JobName], "its own")
		}
		for _, relabel := range scrape.RelabelConfigs {
			given[scrape.JobName] = append(given[scrape.JobName], relabel.TargetLabel)
		}
	}
	for job, labels := range map[string][]string{
		"pods": {"namespace", "platform", "pod", "rollouts_pod_template_hash"}, "blogplatform-operator": {"its own", "pod"}, "kubelet": {"its own"},
	} {
		for _, label := range labels {
			if !slices.Contains(given[job], label) {
				t.Errorf("job %s gives the labels %q, and not %s", job, given[job], label)
			}
		}
	}
}

// TestTheLocalPrometheusMayAskTheKubelet, whose webhook asks for a right on nodes/metrics.
func TestTheLocalPrometheusMayAskTheKubelet(t *testing.T) {
	_, applied := started(t, Prometheus, nil)
	i := slices.IndexFunc(applied, func(object *unstructured.Unstructured) bool { return object.GetKind() == "ClusterRole" })
	text, err := yaml.Marshal(applied[i].Object["rules"])
	if err != nil {
		t.Fatal(err)
	}
	for _, resource := range []string{"nodes", "nodes/metrics"} {
		if !slices.Contains(strings.Fields(string(text)), resource) {
			t.Errorf("there is no right on %s:\n%s", resource, text)
		}
	}
}
