//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// TestACanaryIsJudgedByRequestsThatWentThroughIt releases another version of
// the same images to staging, where nobody reads, and looks at what the
// analyses of each service measured and at who answered the requests.
func TestACanaryIsJudgedByRequestsThatWentThroughIt(t *testing.T) {
	before := get(t, staging)
	minRequests := float64(before.Status.Effective.Analysis.MinRequests)
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release.Version = "v0.1.2" })
	for _, service := range append([]string{"frontend"}, dataServices...) {
		var run rollouts.AnalysisRun
		eventually(t, 8*time.Minute, "a verdict on "+service, func(ctx context.Context) (err error) {
			run, err = verdict(ctx, staging, service, "v0.1.2")
			return err
		})
		if run.Status.Phase != rollouts.AnalysisPhaseSuccessful {
			t.Errorf("AnalysisRun %s is %s: %s", run.Name, run.Status.Phase, run.Status.Message)
		}
		results := map[string]rollouts.MetricResult{}
		for _, result := range run.Status.MetricResults {
			results[result.Name] = result
		}
		if results["load"].Successful != 1 {
			t.Errorf("%s: its load is %+v", run.Name, results["load"])
		}
		for _, metric := range []string{"ready", "success-percent", "p99-milliseconds"} {
			result := results[metric]
			if result.ConsecutiveSuccess < 3 || result.Failed > 0 || result.Error > 0 {
				t.Errorf("%s: %s has %d successes in a row, %d failures, %d errors: %s", run.Name, metric, result.ConsecutiveSuccess, result.Failed, result.Error, result.Message)
			}
			for _, measurement := range result.Measurements {
				t.Logf("%s: %s %s %s", service, metric, measurement.Phase, measurement.Value)
			}
		}
		hash := argumentOf(run, "pod-template-hash")
		for counter, query := range map[string]string{
			"the service": fmt.Sprintf(`sum(http_server_request_duration_seconds_count{service=%q,pod_template_hash=%q})`, service, hash),
			"its proxy":   fmt.Sprintf(`sum(envoy_http_downstream_rq{rollouts_pod_template_hash=%q,http_conn_manager_prefix=~"inbound_.*_8080;?"})`, hash),
		} {
			counted, err := ask(t.Context(), query)
			if err != nil || counted < minRequests {
				t.Errorf("%s of template %s counted %v requests by %s, want %v or more (%v)", service, hash, counted, counter, minRequests, err)
			}
		}
	}
	eventually(t, 5*time.Minute, "staging Ready after the release", func(ctx context.Context) error { return ready(ctx, staging) })
}

// verdict is the last AnalysisRun, once it has finished, on a release of a
// service that has readers; the precheck before has one metric only.
func verdict(ctx context.Context, env environment, service, version string) (rollouts.AnalysisRun, error) {
	rollout, err := rolloutOf(ctx, env, service)
	if err != nil {
		return rollouts.AnalysisRun{}, err
	}
	if released := variablesOf(rollout.Spec.Template.Spec.Containers[0])["RELEASE_VERSION"]; released != version {
		return rollouts.AnalysisRun{}, fmt.Errorf("%s is still told to run %s", service, released)
	}
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("argoproj.io/v1alpha1")
	list.SetKind("AnalysisRunList")
	if err := cluster.List(ctx, list, client.InNamespace(env.namespace)); err != nil {
		return rollouts.AnalysisRun{}, err
	}
	var last rollouts.AnalysisRun
	for _, item := range list.Items {
		var run rollouts.AnalysisRun
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &run); err != nil {
			return last, err
		}
		if argumentOf(run, "service") != service || argumentOf(run, "pod-template-hash") != rollout.Status.CurrentPodHash || len(run.Spec.Metrics) < 2 {
			continue
		}
		if run.CreationTimestamp.After(last.CreationTimestamp.Time) {
			last = run
		}
	}
	switch {
	case last.Name == "":
		return last, fmt.Errorf("no AnalysisRun judges template %s of %s", rollout.Status.CurrentPodHash, service)
	case !last.Status.Phase.Completed():
		return last, fmt.Errorf("AnalysisRun %s is %s", last.Name, last.Status.Phase)
	}
	return last, nil
}

func variablesOf(container corev1.Container) map[string]string {
	values := map[string]string{}
	for _, variable := range container.Env {
		values[variable.Name] = variable.Value
	}
	return values
}

func argumentOf(run rollouts.AnalysisRun, name string) string {
	for _, argument := range run.Spec.Args {
		if argument.Name == name && argument.Value != nil {
			return *argument.Value
		}
	}
	return ""
}

// ask is the one number that Prometheus has for a query.
func ask(ctx context.Context, query string) (float64, error) {
	raw, err := clientset.CoreV1().Services("monitoring").ProxyGet("http", "prometheus", "9090", "/api/v1/query", map[string]string{"query": query}).DoRaw(ctx)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any
			}
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return 0, err
	}
	if len(answer.Data.Result) != 1 {
		return 0, fmt.Errorf("Prometheus has %d values for %s: %s", len(answer.Data.Result), query, raw)
	}
	return strconv.ParseFloat(fmt.Sprint(answer.Data.Result[0].Value[1]), 64)
}

// TestTheNumberOfPodsFollowsWhatTheirContainersUse sees that the autoscaler of
// the sample can measure, and stays within its bounds.
func TestTheNumberOfPodsFollowsWhatTheirContainersUse(t *testing.T) {
	eventually(t, 3*time.Minute, "a measurement of the frontend", func(ctx context.Context) error {
		scaler, err := clientset.AutoscalingV2().HorizontalPodAutoscalers(production.namespace).Get(ctx, platform+"-frontend", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range scaler.Status.Conditions {
			if c.Type == autoscalingv2.ScalingActive && c.Status != corev1.ConditionTrue {
				return errors.New(c.Reason + ": " + c.Message)
			}
		}
		if len(scaler.Status.CurrentMetrics) != 1 || scaler.Status.CurrentMetrics[0].ContainerResource == nil || scaler.Status.CurrentMetrics[0].ContainerResource.Container != "frontend" {
			return fmt.Errorf("it measures %+v", scaler.Status.CurrentMetrics)
		}
		if n := scaler.Status.CurrentReplicas; n < 2 || n > 3 {
			return fmt.Errorf("the frontend has %d pods, want 2 or 3", n)
		}
		return nil
	})
}
