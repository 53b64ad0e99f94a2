package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// Arguments of an AnalysisTemplate: the service, what its load asks for, and
// the hash of the pod template on trial.
const (
	argService = "service"
	argURL     = "url"
	argHash    = "pod-template-hash"
)

// measurements in a row must succeed; there are twice as many at most, so that
// data that come late or are missing once are made up for.
const measurements = 3

// loadWaitSeconds is more than the minute for which a load waits for the first
// answer, and the time that its pod takes to start.
const loadWaitSeconds = 180

// loadPaths are what a load asks each service for: what any reader may see.
var loadPaths = map[naming.Service]string{
	naming.Frontend: "/",
	naming.User:     "/v1/people/1",
	naming.Content:  "/v1/posts",
	naming.Comment:  "/v1/posts/1/comments",
}

func (b *builder) loadURL(service naming.Service) string {
	return "http://" + b.names.Host(service) + ":" + strconv.Itoa(portApp) + loadPaths[service]
}

// precheckTemplate judges a pod of the new template that no reader can reach:
// does it answer at all?
func (b *builder) precheckTemplate() *rollouts.AnalysisTemplate {
	analysis := b.values.analysis
	return b.analysis(b.names.Precheck(), b.load(analysis.MinRequests, analysis.DurationSeconds/measurements))
}

// analysisTemplate judges pods that readers reach. The load that it brings goes
// on for as long as Prometheus is asked; without Prometheus it judges alone,
// how long answers take included.
func (b *builder) analysisTemplate() *rollouts.AnalysisTemplate {
	analysis := b.values.analysis
	load := b.load(4*analysis.MinRequests, 2*analysis.DurationSeconds)
	if analysis.Prometheus == "" {
		container := &load.Provider.Job.Spec.Template.Spec.Containers[0]
		container.Args = append(container.Args, fmt.Sprintf("--max-p99=%dms", analysis.MaxP99Milliseconds))
		return b.analysis(b.names.Analysis(), load)
	}
	readiness := b.query("ready", ">=", "0.5", queryReady)
	// A scrape that was missed once looks like a pod that has crashed.
	readiness.FailureLimit = new(intstr.FromInt32(1))
	return b.analysis(b.names.Analysis(), load,
		readiness,
		b.query("success-percent", ">=", strconv.Itoa(int(analysis.MinSuccessPercent)), querySuccess),
		b.query("p99-milliseconds", "<=", strconv.Itoa(int(analysis.MaxP99Milliseconds)), queryP99),
	)
}

func (b *builder) analysis(name string, metrics ...rollouts.Metric) *rollouts.AnalysisTemplate {
	return &rollouts.AnalysisTemplate{
		TypeMeta:   metav1.TypeMeta{APIVersion: rollouts.SchemeGroupVersion.String(), Kind: "AnalysisTemplate"},
		ObjectMeta: b.meta(name),
		Spec: rollouts.AnalysisTemplateSpec{
			Args:    []rollouts.Argument{{Name: argService}, {Name: argURL}, {Name: argHash}},
			Metrics: metrics,
		},
	}
}

// load is a Job that sends requests to the template on trial, and fails if too
// few are answered well. The Job belongs to its AnalysisRun and not to the
// platform, so it carries labels on its pods only. It runs an image that is known
// to work: that of the target may be what is broken.
func (b *builder) load(requests, seconds int32) rollouts.Metric {
	container := b.bareContainer(naming.MetricLoad, naming.Frontend, b.proven())
	container.Args = []string{
		"load", "--url=" + argument(argURL), "--template=" + argument(argHash),
		fmt.Sprintf("--requests=%d", requests), fmt.Sprintf("--duration=%ds", seconds),
		fmt.Sprintf("--min-success-percent=%d", b.values.analysis.MinSuccessPercent),
	}
	job := b.job(task{
		account: b.names.Load(), selector: b.names.LoadSelector(), container: container,
		attempts: 1, deadline: loadWaitSeconds + int64(seconds), retry: 3600,
	})
	return rollouts.Metric{Name: naming.MetricLoad, Provider: rollouts.MetricProvider{Job: &rollouts.JobMetric{Spec: job.Spec}}}
}

// query is a metric that asks Prometheus. Both conditions are written out and
// ask for a number first: with one alone, Argo Rollouts takes all else for the
// other, and a comparison with NaN is always false. So a result without data,
// or of nothing by nothing, is neither success nor failure.
func (b *builder) query(name, comparison, bound, query string) rollouts.Metric {
	analysis := b.values.analysis
	interval := rollouts.DurationString(fmt.Sprintf("%ds", analysis.DurationSeconds/measurements))
	const number = "len(result) > 0 && !isNaN(result[0])"
	holds := "result[0] " + comparison + " " + bound
	return rollouts.Metric{
		Name: name,
		// The first measurement looks back on a whole window of this analysis.
		InitialDelay: rollouts.DurationString(fmt.Sprintf("%ds", analysis.DurationSeconds)),
		Interval:     interval,
		// By count alone, a run that never had data would be a success.
		ConsecutiveSuccessLimit: new(intstr.FromInt32(measurements)),
		Count:                   new(intstr.FromInt32(2 * measurements)),
		InconclusiveLimit:       new(intstr.FromInt32(measurements)),
		FailureLimit:            new(intstr.FromInt32(0)),
		SuccessCondition:        number + " && " + holds,
		FailureCondition:        number + " && !(" + holds + ")",
		Provider: rollouts.MetricProvider{Prometheus: &rollouts.PrometheusMetric{
			Address: analysis.Prometheus,
			Query: strings.NewReplacer(
				"$trial", `service="`+argument(argService)+`",pod_template_hash="`+argument(argHash)+`"`,
				"$proxy", fmt.Sprintf(`rollouts_pod_template_hash="%s",http_conn_manager_prefix=~"inbound_.*_%d;?"`, argument(argHash), portApp),
				"$window", strconv.Itoa(int(analysis.DurationSeconds))+"s",
				"$requests", strconv.Itoa(int(analysis.MinRequests)),
			).Replace(query),
		}},
	}
}

func argument(name string) string { return "{{args." + name + "}}" }

// growth of a counter in the window: its value less the one then. Of one that
// was not there then, or has begun anew since, it is the whole value. rate()
// would leave out the first value of a new series, and the first errors of a
// canary are such.
func growth(counter string) string {
	return "((" + counter + " - " + counter + " offset $window >= 0) or " + counter + ")"
}

// Counters of a service itself, and of the proxies of its pods (Envoy's HTTP
// connection manager on the way in, with the tags of Istio's bootstrap). The
// latter know the pods by the label that a scrape has given them.
const (
	counted       = "http_server_request_duration_seconds_count{$trial}"
	countedErrors = `http_server_request_duration_seconds_count{$trial,http_response_status_code=~"5.."}`
	buckets       = "http_server_request_duration_seconds_bucket{$trial}"
	proxied       = `envoy_http_downstream_rq{$proxy}`
	proxiedErrors = `envoy_http_downstream_rq{$proxy,response_code_class="5xx"}`
)

// queryReady is the share of the pods seen in the window that are ready now. A
// process that has crashed is not there to say no.
const queryReady = "(sum(blog_service_ready{$trial}) or vector(0)) / count(count_over_time(blog_service_ready{$trial}[$window]))"

// querySuccess takes the worse of what the service counted and, where they
// export it, what the proxies of its pods did: a process that crashes counts nothing.
var querySuccess = "min(" + successBy("service", counted, countedErrors) + " or " + successBy("proxy", proxied, proxiedErrors) + ")"

// successBy has no value below the least number of requests.
func successBy(who, all, errors string) string {
	return "label_replace(100 * (1 - (sum(" + growth(errors) + ") or vector(0)) / (" + enough(all) + `)), "by", "` + who + `", "", "")`
}

func enough(all string) string { return "sum(" + growth(all) + ") >= $requests" }

var queryP99 = "1000 * histogram_quantile(0.99, sum by (le) (" + growth(buckets) + ")) and on () (" + enough(counted) + ")"

// proven is the release whose frontend image sends the load, because it is known to
// work: the one that was verified last, unless that serves nobody.
func (b *builder) proven() v1alpha1.Release {
	if b.Run.Good == nil || slices.Contains(b.Run.Short, naming.Frontend) {
		return b.Release
	}
	return b.Run.Good.Release
}
