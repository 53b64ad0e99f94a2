// Package prometheus_test asks a real engine of Prometheus what the operator's
// analyses ask, and has Argo Rollouts judge the answers. That its provider hands
// them on as they are is tested in hack/cluster/rollouts.
package prometheus_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	analysisutil "github.com/argoproj/argo-rollouts/utils/analysis"
	"github.com/argoproj/argo-rollouts/utils/evaluate"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/sirupsen/logrus"
	"sigs.k8s.io/yaml"
)

// golden is a plan with Prometheus: a window of 120 s, 100 requests, 98 percent, 750 ms.
const golden = "../../../internal/plan/testdata/everything.out.yaml"

const (
	successful   = rollouts.AnalysisPhaseSuccessful
	failed       = rollouts.AnalysisPhaseFailed
	inconclusive = rollouts.AnalysisPhaseInconclusive
)

// scrapes of four minutes, one every 15 s. $ stands for the labels of the
// canary's only pod, # for those of a stable one, % for those of the canary's proxy.
var stories = map[string]struct {
	scrapes                 string
	ready, success, latency rollouts.AnalysisPhase
}{
	"healthy under load": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 0+30x16
		http_server_request_duration_seconds_count{$,http_response_status_code="404"} 0+3x16
		http_server_request_duration_seconds_bucket{$,le="0.1"} 0+33x16
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 0+33x16`, successful, successful, successful},
	"a few errors are allowed": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 0+99x16
		http_server_request_duration_seconds_count{$,http_response_status_code="503"} 0+1x16
		http_server_request_duration_seconds_bucket{$,le="0.1"} 0+100x16
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 0+100x16`, successful, successful, successful},
	"one in ten is an error": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 0+27x16
		http_server_request_duration_seconds_count{$,http_response_status_code="500"} 0+3x16
		http_server_request_duration_seconds_bucket{$,le="0.1"} 0+30x16
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 0+30x16`, successful, failed, successful},
	// The series of the errors begins with its last value: rate() would see no growth.
	"all errors came before the first scrape of any": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 0+30x16
		http_server_request_duration_seconds_count{$,http_response_status_code="500"} _x12 40 40 40 40
		http_server_request_duration_seconds_bucket{$,le="0.1"} 0+30x16
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 0+30x16`, successful, failed, successful},
	"errors of long ago count no more": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 0+30x16
		http_server_request_duration_seconds_count{$,http_response_status_code="500"} 0 40 40 40 40 40 40 40 40 40 40 40 40 40 40 40 40
		http_server_request_duration_seconds_bucket{$,le="0.1"} 0+30x16
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 0+30x16`, successful, successful, successful},
	"restarted within the window, counting from the beginning": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 1000+30x12 30+30x3
		http_server_request_duration_seconds_bucket{$,le="0.1"} 1000+30x12 30+30x3
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 1000+30x12 30+30x3`, successful, successful, successful},
	"slow": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 0+30x16
		http_server_request_duration_seconds_bucket{$,le="0.5"} 0+29x16
		http_server_request_duration_seconds_bucket{$,le="1"} 0+30x16
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 0+30x16`, successful, successful, failed},
	"idle": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 500+0x16
		http_server_request_duration_seconds_bucket{$,le="0.1"} 500+0x16
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 500+0x16`, successful, inconclusive, inconclusive},
	"too few requests to tell": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="500"} 0+1x16
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 0+1x16`, successful, inconclusive, inconclusive},
	"never scraped, beside a healthy stable pod": {`
		blog_service_ready{#} 1+0x16
		http_server_request_duration_seconds_count{#,http_response_status_code="200"} 0+30x16
		http_server_request_duration_seconds_bucket{#,le="0.1"} 0+30x16
		http_server_request_duration_seconds_bucket{#,le="+Inf"} 0+30x16`, inconclusive, inconclusive, inconclusive},
	"ready for nothing": {`
		blog_service_ready{$} 0+0x16`, failed, inconclusive, inconclusive},
	"crashed, and only its proxy is left to tell": {`
		blog_service_ready{$} 1+0x13 stale
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 0+30x13 stale
		http_server_request_duration_seconds_bucket{$,le="0.1"} 0+30x13 stale
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 0+30x13 stale
		envoy_http_downstream_rq{%,response_code_class="2xx"} 0+30x13 390 390 390
		envoy_http_downstream_rq{%,response_code_class="5xx"} 0+0x13 30 60 90`, failed, failed, inconclusive},
	"its proxy agrees that all is well": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 0+30x16
		http_server_request_duration_seconds_bucket{$,le="0.1"} 0+30x16
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 0+30x16
		envoy_http_downstream_rq{%,response_code_class="2xx"} 0+30x16`, successful, successful, successful},
	"its proxy has seen errors that it did not count": {`
		blog_service_ready{$} 1+0x16
		http_server_request_duration_seconds_count{$,http_response_status_code="200"} 0+30x16
		http_server_request_duration_seconds_bucket{$,le="0.1"} 0+30x16
		http_server_request_duration_seconds_bucket{$,le="+Inf"} 0+30x16
		envoy_http_downstream_rq{%,response_code_class="2xx"} 0+30x16
		envoy_http_downstream_rq{%,response_code_class="5xx"} 0+10x16`, successful, failed, successful},
}

func TestTheAnalysesJudgeACanaryByItsOwnRequests(t *testing.T) {
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			labels := strings.NewReplacer(
				"$", `service="comment",pod_template_hash="new",pod="canary"`,
				"#", `service="comment",pod_template_hash="old",pod="stable"`,
				"%", `rollouts_pod_template_hash="new",pod="canary",http_conn_manager_prefix="inbound_0.0.0.0_8080"`,
			)
			p := scraped(t, labels.Replace(strings.TrimSpace(story.scrapes)))
			for metric, want := range map[string]rollouts.AnalysisPhase{
				"ready": story.ready, "success-percent": story.success, "p99-milliseconds": story.latency,
			} {
				if values, got := p.measure(t, queryNamed(t, metric)); got != want {
					t.Errorf("%s is %s (%v), want %s", metric, got, values, want)
				}
			}
		})
	}
}

// TestNothingByNothingIsNoVerdict shows the trap, and that the conditions avoid it.
func TestNothingByNothingIsNoVerdict(t *testing.T) {
	p := scraped(t, "x 0+0x16")
	for query, want := range map[string]string{"x / x": "[NaN]", "never_scraped": "[]"} {
		for _, name := range []string{"ready", "success-percent", "p99-milliseconds"} {
			metric := queryNamed(t, name)
			metric.Provider.Prometheus.Query = query
			if values, got := p.measure(t, metric); got != inconclusive || fmt.Sprint(values) != want {
				t.Errorf("%s of %s is %s (%v)", name, query, got, values)
			}
		}
	}
	trap := queryNamed(t, "success-percent")
	trap.Provider.Prometheus.Query = "x / x"
	for condition, want := range map[*string]rollouts.AnalysisPhase{&trap.SuccessCondition: successful, &trap.FailureCondition: failed} {
		left := *condition
		*condition = ""
		if _, got := p.measure(t, trap); got != want {
			t.Errorf("with one condition alone NaN is %s, not %s: the trap has changed", got, want)
		}
		*condition = left
	}
}

// queryNamed is a metric of the golden plan with the arguments of a Rollout filled in by Argo Rollouts.
func queryNamed(t *testing.T, name string) rollouts.Metric {
	t.Helper()
	plan, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range bytes.Split(plan, []byte("\n---\n")) {
		var template rollouts.AnalysisTemplate
		if !bytes.Contains(document, []byte("\nkind: AnalysisTemplate\n")) {
			continue
		}
		if err := yaml.Unmarshal(document, &template); err != nil {
			t.Fatal(err)
		}
		for _, metric := range template.Spec.Metrics {
			if metric.Name == name {
				return filledIn(t, metric)
			}
		}
	}
	t.Fatalf("%s has no metric %s", golden, name)
	return rollouts.Metric{}
}

func filledIn(t *testing.T, metric rollouts.Metric) rollouts.Metric {
	t.Helper()
	service, hash, url := "comment", "new", "http://blog-comment"
	resolved, err := analysisutil.ResolveMetricArgs(metric, []rollouts.Argument{
		{Name: "service", Value: &service}, {Name: "pod-template-hash", Value: &hash}, {Name: "url", Value: &url},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *resolved
}

// measure asks the engine, and judges as the Prometheus provider of Argo
// Rollouts does: by the values of the samples alone.
func (p prometheus) measure(t *testing.T, metric rollouts.Metric) (values []float64, phase rollouts.AnalysisPhase) {
	t.Helper()
	query, err := p.engine.NewInstantQuery(t.Context(), p.storage, nil, metric.Provider.Prometheus.Query, scrapedAt)
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	vector, err := query.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatal(err)
	}
	values = []float64{} // as there; a condition cannot take the length of nil
	for _, sample := range vector {
		values = append(values, sample.F)
	}
	phase, err = evaluate.EvaluateResult(values, metric, *logrus.NewEntry(logrus.New()))
	if err != nil {
		t.Fatal(err)
	}
	return values, phase
}

// scrapedAt is the time of the last scrape.
var scrapedAt = time.Unix(16*15, 0)

type prometheus struct {
	engine  *promql.Engine
	storage storage.Queryable
}

func scraped(t *testing.T, series string) prometheus {
	t.Helper()
	return prometheus{promqltest.NewTestEngine(t, false, 5*time.Minute, 1_000_000), promqltest.LoadedStorage(t, "load 15s\n"+series)}
}
