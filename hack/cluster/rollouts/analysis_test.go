// Package rollouts_test has the Prometheus provider of Argo Rollouts take the
// operator's analyses to a Prometheus. What a real one answers to the queries
// is tested beside, in hack/cluster/prometheus.
package rollouts_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/argoproj/argo-rollouts/metricproviders/prometheus"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/sirupsen/logrus"
	"sigs.k8s.io/yaml"
)

// golden is a plan with Prometheus: at least half of the pods ready, 98 percent, 750 ms.
const golden = "../../../internal/plan/testdata/everything.out.yaml"

func TestEveryAnswerOfPrometheusHasItsVerdict(t *testing.T) {
	const vector = `{"status": "success", "data": {"resultType": "vector", "result": [%s]}}`
	value := func(v string) string { return fmt.Sprintf(vector, `{"metric": {}, "value": [1795719922, "`+v+`"]}`) }
	cases := map[string]struct {
		answer string
		status int
		want   map[string]v1alpha1.AnalysisPhase
	}{
		"all well, and quick":  {value("100"), 200, phases("Successful", "Successful", "Successful")},
		"just good enough":     {value("98"), 200, phases("Successful", "Successful", "Successful")},
		"nothing":              {value("0"), 200, phases("Failed", "Failed", "Successful")},
		"beyond all":           {value("+Inf"), 200, phases("Successful", "Successful", "Failed")},
		"nothing by nothing":   {value("NaN"), 200, phases("Inconclusive", "Inconclusive", "Inconclusive")},
		"no data":              {fmt.Sprintf(vector, ""), 200, phases("Inconclusive", "Inconclusive", "Inconclusive")},
		"a query it refuses":   {`{"status": "error", "errorType": "bad_data", "error": "parse error"}`, 400, phases("Error", "Error", "Error")},
		"in trouble":           {"out of memory", 503, phases("Error", "Error", "Error")},
		"something else is it": {"<html>", 200, phases("Error", "Error", "Error")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api/v1/query" {
					t.Errorf("it is asked at %s", r.URL.Path)
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.answer)
			}))
			defer server.Close()
			judge(t, server.URL, c.want)
		})
	}
}

func TestAPrometheusThatIsDownIsAnError(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	judge(t, server.URL, phases("Error", "Error", "Error"))
}

func phases(ready, success, latency v1alpha1.AnalysisPhase) map[string]v1alpha1.AnalysisPhase {
	return map[string]v1alpha1.AnalysisPhase{"ready": ready, "success-percent": success, "p99-milliseconds": latency}
}

// judge measures each metric of the golden plan once.
func judge(t *testing.T, address string, want map[string]v1alpha1.AnalysisPhase) {
	t.Helper()
	judged := 0
	for _, metric := range metrics(t) {
		phase, found := want[metric.Name]
		if !found {
			continue
		}
		judged++
		metric.Provider.Prometheus.Address = address
		api, err := prometheus.NewPrometheusAPI(metric)
		if err != nil {
			t.Fatal(err)
		}
		provider, err := prometheus.NewPrometheusProvider(api, *logrus.NewEntry(logrus.New()), metric)
		if err != nil {
			t.Fatal(err)
		}
		if got := provider.Run(&v1alpha1.AnalysisRun{}, metric); got.Phase != phase {
			t.Errorf("%s is %s (%s %s), want %s", metric.Name, got.Phase, got.Value, got.Message, phase)
		}
	}
	if judged != len(want) {
		t.Errorf("%s has %d of the metrics that are judged, want %d", golden, judged, len(want))
	}
}

func metrics(t *testing.T) []v1alpha1.Metric {
	t.Helper()
	plan, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var all []v1alpha1.Metric
	for _, document := range bytes.Split(plan, []byte("\n---\n")) {
		if !strings.Contains(string(document), "\nkind: AnalysisTemplate\n") {
			continue
		}
		var template v1alpha1.AnalysisTemplate
		if err := yaml.Unmarshal(document, &template); err != nil {
			t.Fatal(err)
		}
		all = append(all, template.Spec.Metrics...)
	}
	return all
}
