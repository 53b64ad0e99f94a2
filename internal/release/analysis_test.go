package release

import (
	"strings"
	"testing"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/internal/naming"
)

// analyzed is an AnalysisRun with metric results, as Argo Rollouts leaves it.
func analyzed(t *testing.T, results string) *argo.AnalysisRun {
	t.Helper()
	run := &argo.AnalysisRun{}
	if err := yaml.UnmarshalStrict([]byte(`
metadata: {namespace: g11-stg, name: blog-user-abc-2-1}
spec:
  metrics:
  - {name: success-percent, successCondition: "len(result) > 0 && !isNaN(result[0]) && result[0] >= 99", provider: {}}
  - {name: p99-milliseconds, successCondition: "len(result) > 0 && !isNaN(result[0]) && result[0] <= 500", provider: {}}
  - {name: load, provider: {}}
status: {phase: Failed, metricResults: [`+results+`]}
`), run); err != nil {
		t.Fatal(err)
	}
	return run
}

const loadFailed = `{name: load, phase: Failed, failed: 1, measurements: [{phase: Failed, metadata: {job-name: uid.load.1, job-namespace: g11-stg}}]}`

func loadJob(reason string) *batchv1.Job {
	return &batchv1.Job{Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{
		{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue, Reason: reason}, {Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: reason}}}}
}

// ended is a pod of a load beside whose container a proxy has ended, too.
func ended(code int32, message string) []corev1.Pod {
	state := func(code int32, message string) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: message}}
	}
	return []corev1.Pod{{Status: corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{
		{Name: "istio-proxy", State: state(1, "proxy")}, {Name: naming.MetricLoad, State: state(code, message)}}}}}
}

// TestAVerdictNeedsATestThatRan: only what was measured on the new pods says
// something of the release, and then says what was measured.
func TestAVerdictNeedsATestThatRan(t *testing.T) {
	said := Verdict{Broken, reasonAnalysisNotRun, "Rollout g11-stg/blog-user was aborted"}
	const run = "AnalysisRun g11-stg/blog-user-abc-2-1: "
	cases := map[string]struct {
		results string
		job     *batchv1.Job
		pods    []corev1.Pod
		cause   string
		want    Verdict
	}{
		"a metric beyond its limit": {`{name: success-percent, phase: Failed, measurements: [{phase: Successful, value: "[100]"}, {phase: Failed, value: "[91.66666666]"}]}`, nil, nil, "",
			Verdict{Failed, reasonAnalysisFailed, run + "metric success-percent is 91.67, and must be >= 99"}},
		"a metric beyond its upper limit": {`{name: p99-milliseconds, phase: Failed, measurements: [{phase: Failed, value: "[1240]"}]}`, nil, nil, "",
			Verdict{Failed, reasonAnalysisFailed, run + "metric p99-milliseconds is 1240, and must be <= 500"}},
		"a metric without measurements": {`{name: of-a-person, phase: Failed, message: no luck}`, nil, nil, "",
			Verdict{Failed, reasonAnalysisFailed, run + "metric of-a-person failed: no luck"}},
		"a metric beside a load that was ended": {loadFailed + `, {name: success-percent, phase: Failed, measurements: [{phase: Failed, value: "[0]"}]}`, loadJob(batchv1.JobReasonDeadlineExceeded), nil, "",
			Verdict{Failed, reasonAnalysisFailed, run + "metric success-percent is 0, and must be >= 99"}},
		"a load with bad answers": {loadFailed, loadJob(batchv1.JobReasonBackoffLimitExceeded), ended(1, "5 of 50 requests for http://blog-user:8080/v1/people/1 failed\n"), "",
			Verdict{Failed, reasonAnalysisFailed, run + "metric load failed: 5 of 50 requests for http://blog-user:8080/v1/people/1 failed"}},
		"a load with bad answers beside a metric without data": {`{name: p99-milliseconds, phase: Inconclusive}, ` + loadFailed, loadJob(batchv1.JobReasonBackoffLimitExceeded), ended(1, "bad"), "",
			Verdict{Failed, reasonAnalysisFailed, run + "metric load failed: bad"}},
		"a load past its deadline": {loadFailed, loadJob(batchv1.JobReasonDeadlineExceeded), nil, "pod g11-stg/x has no node (Unschedulable): 0/3 nodes are available",
			Verdict{Broken, reasonAnalysisNotRun, run + "the load did not run to its end (DeadlineExceeded): pod g11-stg/x has no node (Unschedulable): 0/3 nodes are available"}},
		"a load that the kernel killed": {loadFailed, loadJob(batchv1.JobReasonBackoffLimitExceeded), ended(137, ""), "",
			Verdict{Broken, reasonAnalysisNotRun, run + "the load did not run to its end (BackoffLimitExceeded)"}},
		"a load whose flags its image does not know": {loadFailed, loadJob(batchv1.JobReasonBackoffLimitExceeded), ended(2, "usage"), "",
			Verdict{Broken, reasonAnalysisNotRun, run + "the load did not run to its end (BackoffLimitExceeded)"}},
		"a load whose pods a quota refused": {loadFailed, loadJob(batchv1.JobReasonDeadlineExceeded), nil, "exceeded quota: pods",
			Verdict{Broken, reasonAnalysisNotRun, run + "the load did not run to its end (DeadlineExceeded): exceeded quota: pods"}},
		"a load whose Job is gone": {loadFailed, nil, nil, "", Verdict{Broken, reasonAnalysisNotRun, run + "the load did not run to its end (its Job is gone)"}},
		"a load that could not be created": {`{name: load, phase: Error, message: "admission webhook denied the request"}`, nil, nil, "",
			Verdict{Broken, reasonAnalysisError, run + "metric load could not be measured: admission webhook denied the request"}},
		"a load whose image cannot be pulled": {`{name: load, phase: Inconclusive, message: "Pod x, container load has terminal error (ImagePullBackOff): no such image\n"}`, nil, nil, "",
			Verdict{Broken, reasonAnalysisInconclusive, run + "metric load came to no conclusion: Pod x, container load has terminal error (ImagePullBackOff): no such image"}},
		"a Prometheus without data": {`{name: success-percent, phase: Inconclusive}`, nil, nil, "",
			Verdict{Broken, reasonAnalysisInconclusive, run + "metric success-percent came to no conclusion: look whether Prometheus has data"}},
		"a metric that is tried out": {`{name: success-percent, phase: Failed, dryRun: true}`, nil, nil, "", said},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Weigh(said, Evidence{Run: analyzed(t, c.results), Job: c.job, Pods: c.pods, Cause: c.cause}); got != c.want {
				t.Errorf("%+v\nwant %+v", got, c.want)
			}
		})
	}
	if got := Weigh(said, Evidence{}); got != said {
		t.Errorf("without an AnalysisRun the Rollout alone speaks, not %+v", got)
	}
	// The pods of another attempt have the same hash.
	byHand := Verdict{Failed, reasonAbortedByHand, "x"}
	if got := Weigh(byHand, Evidence{Run: analyzed(t, loadFailed)}); got != byHand {
		t.Errorf("an abort by hand after a failed attempt is %+v", got)
	}
}

func TestTheJobOfALoadIsFoundByItsMeasurement(t *testing.T) {
	if got := LoadJob(analyzed(t, `{name: success-percent, measurements: [{metadata: {job-name: no}}]}, `+loadFailed)); got != "uid.load.1" {
		t.Errorf("the Job is %q", got)
	}
	if got := LoadJob(nil) + LoadJob(analyzed(t, `{name: load, phase: Error}`)); got != "" {
		t.Errorf("there is no Job %q", got)
	}
}

// TestAnAbortByHandIsNoVerdictOfAnAnalysis: it is not tried again by itself, and is on request.
func TestAnAbortByHandIsNoVerdictOfAnAnalysis(t *testing.T) {
	s, err := Read(edited(t, aborts, "MESSAGE", "Rollout aborted update to revision 2"))
	if err != nil {
		t.Fatal(err)
	}
	p := halfway(t)
	p.set(s, naming.User)
	p.expect("Aborting")
	if failure := FailureOf(p.status); failure.Reason != "AbortedByHand" || failure.RetryTime != nil || !strings.Contains(failure.Message, "blog-user") {
		t.Errorf("%+v", failure)
	}
	p.set(Service{Set: "of-v1", Stands: true}, naming.Services...)
	p.expect("Aborted")
	p.facts.Request = "retry v2"
	p.expect("Progressing")
}
