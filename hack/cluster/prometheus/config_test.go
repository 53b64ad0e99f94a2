package prometheus_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/discovery/kubernetes" // the only kind of discovery that the program has
	"sigs.k8s.io/yaml"
)

// TestPrometheusReadsTheConfigurationOfTheLocalCluster, with jobs for platforms, for the operator and for the kubelet.
func TestPrometheusReadsTheConfigurationOfTheLocalCluster(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "hack/cluster/peers/manifests/prometheus.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		if !bytes.Contains(document, []byte("kind: ConfigMap")) {
			continue
		}
		var object struct{ Data map[string]string }
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatal(err)
		}
		read, err := config.Load(object.Data["prometheus.yml"], promslog.NewNopLogger())
		if err != nil {
			t.Fatal(err)
		}
		if len(read.ScrapeConfigs) != 3 || len(read.RuleFiles) != 1 {
			t.Errorf("it has %d jobs and %d files of rules", len(read.ScrapeConfigs), len(read.RuleFiles))
		}
		return
	}
	t.Fatal("the manifest has no configuration")
}
