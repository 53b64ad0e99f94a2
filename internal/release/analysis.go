package release

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"blogplatform.io/operator/internal/naming"
)

// Reasons of a verdict on an update that Argo Rollouts has ended.
const (
	reasonAnalysisFailed       = "AnalysisFailed"
	reasonAnalysisError        = "AnalysisError"
	reasonAnalysisInconclusive = "AnalysisInconclusive"
	// reasonAnalysisNotRun: the load of an analysis did not run to its end.
	reasonAnalysisNotRun = "AnalysisNotRun"
	// reasonAbortedByHand: somebody has set status.abort of a Rollout.
	reasonAbortedByHand = "AbortedByHand"
)

// Evidence is what was read of the analysis that ended an update. What was not found is nil.
type Evidence struct {
	// Run is the AnalysisRun.
	Run *argo.AnalysisRun
	// Job sends the load of that run, and Pods are the pods of the Job.
	Job  *batchv1.Job
	Pods []corev1.Pod
	// Cause is why the pods got no further, as far as that can be seen.
	Cause string
}

// EndsUpdate tells of an AnalysisRun after which Argo Rollouts ends or halts an update.
func EndsUpdate(run *argo.AnalysisRun) bool {
	switch run.Status.Phase {
	case argo.AnalysisPhaseFailed, argo.AnalysisPhaseError, argo.AnalysisPhaseInconclusive:
		return true
	}
	return false
}

// LoadJob is the name of the Job that sent the load of an AnalysisRun, or empty
// (the metadata of a measurement, metricproviders/job JobNameKey).
func LoadJob(run *argo.AnalysisRun) string {
	name := ""
	if run == nil {
		return name
	}
	for _, result := range run.Status.MetricResults {
		for _, m := range result.Measurements {
			if result.Name == naming.MetricLoad {
				name = cmp.Or(m.Metadata["job-name"], name)
			}
		}
	}
	return name
}

// Weigh says what an analysis that ended an update says of the target, by what
// was read of it. Argo Rollouts takes every Job that failed for a verdict (v1.10.1,
// metricproviders/job/job.go Resume); a load that did not run to its end is none.
func Weigh(v Verdict, e Evidence) Verdict {
	if e.Run == nil || v.Reason == reasonAbortedByHand {
		return v // the run is of an attempt before
	}
	worst := v
	for _, result := range e.Run.Status.MetricResults {
		switch found := e.metric(result); found.Outcome {
		case Failed:
			return found
		case Broken:
			worst = found
		}
	}
	return worst
}

// metric is the verdict by one metric.
func (e Evidence) metric(result argo.MetricResult) Verdict {
	said := ""
	if result.Message != "" {
		said = ": " + strings.TrimSpace(result.Message)
	}
	switch {
	case result.DryRun:
		return Verdict{}
	case result.Phase == argo.AnalysisPhaseFailed && result.Name == naming.MetricLoad:
		return e.load()
	case result.Phase == argo.AnalysisPhaseFailed:
		return Verdict{Failed, reasonAnalysisFailed, e.name() + ": " + e.measured(result) + said}
	case result.Phase == argo.AnalysisPhaseError:
		return Verdict{Broken, reasonAnalysisError, fmt.Sprintf("%s: metric %s could not be measured%s", e.name(), result.Name, said)}
	case result.Phase == argo.AnalysisPhaseInconclusive:
		return Verdict{Broken, reasonAnalysisInconclusive, fmt.Sprintf("%s: metric %s came to no conclusion%s", e.name(), result.Name, cmp.Or(said, ": look whether Prometheus has data"))}
	}
	return Verdict{}
}

func (e Evidence) name() string { return "AnalysisRun " + e.Run.Namespace + "/" + e.Run.Name }

// limit is the comparison of a success condition, such as result[0] >= 99.
var limit = regexp.MustCompile(`result\[0\] ([<>]=?) ([0-9.]+)`)

// measured names a metric, the value that failed, and the limit of the template.
func (e Evidence) measured(result argo.MetricResult) string {
	value := ""
	for _, m := range result.Measurements {
		if m.Phase == argo.AnalysisPhaseFailed {
			value = strings.Trim(m.Value, "[]")
		}
	}
	if number, err := strconv.ParseFloat(value, 64); err == nil {
		value = strconv.FormatFloat(number, 'g', 4, 64)
	}
	text := "metric " + result.Name + " failed"
	if value != "" {
		text = "metric " + result.Name + " is " + value
	}
	for _, metric := range e.Run.Spec.Metrics {
		if match := limit.FindStringSubmatch(metric.SuccessCondition); match != nil && metric.Name == result.Name {
			text += ", and must be " + match[1] + " " + match[2]
		}
	}
	return text
}

// load is the verdict by the load: one that says itself that the answers were
// not good enough is a verdict on the target. All else is a test that was not made.
func (e Evidence) load() Verdict {
	reason := "its Job is gone"
	if e.Job != nil {
		reason = failureReason(e.Job)
	}
	if reason == batchv1.JobReasonBackoffLimitExceeded {
		for _, pod := range e.Pods {
			if message, judged := judgement(&pod); judged {
				return Verdict{Failed, reasonAnalysisFailed, fmt.Sprintf("%s: metric %s failed: %s", e.name(), naming.MetricLoad, cmp.Or(message, "its pod left no message"))}
			}
		}
	}
	text := fmt.Sprintf("%s: the load did not run to its end (%s)", e.name(), reason)
	if e.Cause != "" {
		text += ": " + e.Cause
	}
	return Verdict{Broken, reasonAnalysisNotRun, text}
}

func failureReason(job *batchv1.Job) string {
	for _, c := range job.Status.Conditions {
		if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
			return c.Reason
		}
	}
	return "its Job has not failed"
}

// exitFailed is the exit code of a load that ran and found too few good answers
// (services/internal/command ExitFailed). A process that was killed has another one.
const exitFailed = 1

// judgement is what the load container of a pod says of the answers that it got.
func judgement(pod *corev1.Pod) (message string, judged bool) {
	for _, status := range pod.Status.ContainerStatuses {
		ended := status.State.Terminated
		if status.Name == naming.MetricLoad && ended != nil && ended.ExitCode == exitFailed {
			return strings.Join(strings.Fields(ended.Message), " "), true
		}
	}
	return "", false
}
