package release

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const header = `
kind: Rollout
metadata: {namespace: g11-stg, name: blog-user, generation: 4, annotations: {blogplatform.io/set: of-v2}}
`

const withBarrier = header + `
spec: {strategy: {canary: {trafficRouting: {}, steps: [{setWeight: 20}, {pause: {duration: 30s}}, {setWeight: 100}, {pause: {}}]}}}
status: {observedGeneration: "4", stableRS: old, currentPodHash: new, currentStepIndex: 3, phase: Paused, controllerPause: true, pauseConditions: [{reason: CanaryPauseStep, startTime: "2026-01-01T00:00:00Z"}], canary: {weights: {canary: {weight: 100}}}}
`

const aborts = header + `
spec: {strategy: {canary: {steps: [{pause: {}}]}}}
status: {observedGeneration: "4", stableRS: old, currentPodHash: new, currentStepIndex: 0, abort: true, phase: Degraded, conditions: [{type: Progressing, status: "False", reason: RolloutAborted, message: "MESSAGE"}]}
`

// edited is a Rollout in which something else is written.
func edited(t *testing.T, text string, oldnew ...string) *unstructured.Unstructured {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			t.Fatalf("there is no %q to edit", oldnew[i])
		}
		text = strings.Replace(text, oldnew[i], oldnew[i+1], 1)
	}
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestARolloutIsReadAsWhatItIsInARelease(t *testing.T) {
	waits := Service{Set: "of-v2", Steps: true, AtBarrier: true, Step: 3}
	atItsEnd := Service{Set: "of-v2", Steps: true, Step: 3}
	onItsWay := Service{Set: "of-v2", Steps: true}
	cases := map[string]struct {
		rollout *unstructured.Unstructured
		want    Service
	}{
		"one that is not there":            {nil, Service{}},
		"one at the barrier":               {edited(t, withBarrier), waits},
		"one that was not observed yet":    {edited(t, withBarrier, `observedGeneration: "4"`, `observedGeneration: "3"`), Service{Set: "of-v2", Steps: true, Step: unseen}},
		"one at a pause before":            {edited(t, withBarrier, "currentStepIndex: 3", "currentStepIndex: 1"), Service{Set: "of-v2", Steps: true, Step: 1, Pause: 30 * time.Second}},
		"one whose pause has been ended":   {edited(t, withBarrier, `pauseConditions: [{reason: CanaryPauseStep, startTime: "2026-01-01T00:00:00Z"}], `, ""), atItsEnd},
		"one whose traffic is on its way":  {edited(t, withBarrier, "weight: 100}}}", "weight: 20}}}"), atItsEnd},
		"one that ends with a timed pause": {edited(t, withBarrier, "{pause: {}}", "{pause: {duration: 1h}}"), Service{Set: "of-v2", Steps: true, Step: 3, Pause: time.Hour}},
		"one in a commit":                  {edited(t, withBarrier, "spec: {", "spec: {rollbackWindow: {revisions: 1}, "), Service{Set: "of-v2", Steps: true, Window: true, AtBarrier: true, Step: 3}},
		"one that stands": {edited(t, withBarrier, "stableRS: old", "stableRS: new", "phase: Paused", "phase: Healthy, availableReplicas: 1"),
			Service{Set: "of-v2", Steps: true, Stands: true, Healthy: true}},
		"one that stands and serves nobody": {edited(t, withBarrier, "stableRS: old", "stableRS: new", "phase: Paused", "phase: Degraded"), Service{Set: "of-v2", Steps: true, Stands: true, Down: true}},
		"one that should have no pods": {edited(t, withBarrier, "stableRS: old", "stableRS: new", "phase: Paused", "phase: Healthy", "spec: {", "spec: {replicas: 0, "),
			Service{Set: "of-v2", Steps: true, Stands: true, Healthy: true}},
		"one that failed an analysis": {edited(t, aborts, "MESSAGE", "Rollout aborted update to revision 2: Metric x assessed Failed due to failed (1)"),
			Service{Set: "of-v2", Steps: true, Trouble: Verdict{Failed, "AnalysisFailed", "Rollout g11-stg/blog-user was aborted: Metric x assessed Failed due to failed (1)"}}},
		"one whose analysis broke": {edited(t, aborts, "MESSAGE", "Rollout aborted update to revision 2: Metric x assessed Error due to consecutiveErrors"),
			Service{Set: "of-v2", Steps: true, Trouble: Verdict{Broken, "AnalysisError", "Rollout g11-stg/blog-user was aborted: Metric x assessed Error due to consecutiveErrors"}}},
		"one that somebody aborted": {edited(t, aborts, "MESSAGE", "Rollout aborted update to revision 2"),
			Service{Set: "of-v2", Steps: true, Trouble: Verdict{Failed, "AbortedByHand", "Rollout g11-stg/blog-user was aborted by somebody, not by an analysis"}}},
		"one whose load failed": {edited(t, aborts, "MESSAGE", "Rollout aborted update to revision 2: Step-based analysis phase error/failed: Metric \\\"load\\\" assessed Failed due to failed (1) > failureLimit (0)"),
			Service{Set: "of-v2", Steps: true, Trouble: Verdict{Broken, "AnalysisNotRun", `Rollout g11-stg/blog-user was aborted: Step-based analysis phase error/failed: Metric "load" assessed Failed due to failed (1) > failureLimit (0); what its load found is not known any more`}}},
		"one whose analysis has no data": {edited(t, withBarrier, "reason: CanaryPauseStep", "reason: InconclusiveAnalysisRun"),
			Service{Set: "of-v2", Steps: true, Step: 3, Trouble: Verdict{Broken, "AnalysisInconclusive", "Rollout g11-stg/blog-user: an analysis came to no conclusion; look at its AnalysisRuns, and whether Prometheus has data"}}},
		"one whose deadline Argo Rollouts has seen pass": {edited(t, aborts, "abort: true, ", "", "reason: RolloutAborted", "reason: ProgressDeadlineExceeded"), Service{Set: "of-v2", Steps: true}},
		"one in an analysis":                             {edited(t, withBarrier, "currentStepIndex: 3", "currentStepIndex: 0", "{setWeight: 20}", "{analysis: {templates: []}}"), Service{Set: "of-v2", Steps: true, Analyzing: true}},
		"one whose steps are done":                       {edited(t, withBarrier, "currentStepIndex: 3", "currentStepIndex: 4"), Service{Set: "of-v2", Steps: true, Step: 4}},
		"one that was aborted before":                    {edited(t, aborts, "abort: true, ", ""), onItsWay},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Read(c.rollout)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
