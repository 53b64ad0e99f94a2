package ready

import (
	"testing"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestARollout(t *testing.T) {
	tell(t, "Rollout", []story{
		{"is new", ``, Progressing, "NotObserved", "by Argo Rollouts; if it stays so, see whether that runs"},
		{"was observed in an earlier generation", `status: {observedGeneration: "1", phase: Healthy}`, Progressing, "NotObserved", ""},
		{"was invalid in an earlier generation", `
status:
  observedGeneration: "1"
  phase: Degraded
  conditions: [{type: InvalidSpec, status: "True", reason: InvalidSpec, message: invalid}]
`, Progressing, "NotObserved", ""},
		{"has an observedGeneration of the time when it was a hash", `status: {observedGeneration: 7f9c8b, phase: Healthy}`, Progressing, "NotObserved", ""},
		{"is healthy", `
status:
  observedGeneration: "2"
  phase: Healthy
  replicas: 2
  updatedReplicas: 2
  readyReplicas: 2
  availableReplicas: 2
  stableRS: 6d4f8b7c9
  currentPodHash: 6d4f8b7c9
  conditions:
  - {type: Available, status: "True", reason: AvailableReason, message: Rollout has minimum availability}
  - {type: Progressing, status: "True", reason: NewReplicaSetAvailable}
  - {type: Completed, status: "True", reason: RolloutCompleted}
  - {type: Healthy, status: "True", reason: RolloutHealthy}
`, Ready, "Healthy", "is healthy"},
		{"waits for its Service", `
status:
  observedGeneration: "2"
  phase: Degraded
  message: 'InvalidSpec: The Rollout "blog" is invalid: spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: "blog": istio VirtualService not found'
  conditions:
  - type: InvalidSpec
    status: "True"
    reason: InvalidSpec
    message: 'The Rollout "blog" is invalid: spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: "blog": istio VirtualService not found'
`, Failed, "InvalidSpec", "istio VirtualService not found"},
		{"has no phase yet", `status: {observedGeneration: "2"}`, Progressing, "RollingOut", ""},
		{"starts its pods", `
status: {observedGeneration: "2", phase: Progressing, message: more replicas need to be updated, replicas: 1, updatedReplicas: 1}
`, Progressing, "RollingOut", "look at its pods"},
		{"serves on while a canary progresses", `
status:
  observedGeneration: "2"
  phase: Progressing
  message: more replicas need to be updated
  currentStepIndex: 1
  availableReplicas: 3
  stableRS: 6d4f8b7c9
  currentPodHash: 5b9d7c6f8
  canary: {weights: {canary: {podTemplateHash: 5b9d7c6f8, serviceName: "", weight: 20}, stable: {podTemplateHash: 6d4f8b7c9, weight: 80}}}
  conditions: [{type: Available, status: "True", reason: AvailableReason}]
`, Progressing, "RollingOut", ""},
		{"waits at a step of its canary", `
status:
  observedGeneration: "2"
  phase: Paused
  message: CanaryPauseStep
  controllerPause: true
  pauseConditions: [{reason: CanaryPauseStep, startTime: "2026-01-02T03:04:05Z"}]
`, Progressing, "Paused", "goes on after this step"},
		{"waits because its analysis was inconclusive", `
status:
  observedGeneration: "2"
  phase: Paused
  message: InconclusiveAnalysisRun
  controllerPause: true
  pauseConditions: [{reason: InconclusiveAnalysisRun, startTime: "2026-01-02T03:04:05Z"}]
`, Progressing, "Paused", "look at its AnalysisRuns"},
		{"waits for somebody who paused it", `status: {observedGeneration: "2", phase: Paused, message: manually paused}`, Progressing, "Paused", "set its spec.paused to false"},
		{"waits with its release, which a request paused", `
spec: {paused: true}
status: {observedGeneration: "2", phase: Paused, message: manually paused}
`, Progressing, "Paused", "is paused with its release"},
		{"waits for another reason", `status: {observedGeneration: "2", phase: Paused, message: BlueGreenPause}`, Progressing, "Paused", "(BlueGreenPause); look at it"},
		{"was resumed a moment ago", `
status: {observedGeneration: "2", phase: Paused, message: CanaryPauseStep, controllerPause: true}
`, Progressing, "RollingOut", ""},
		{"makes no progress", `
status:
  observedGeneration: "2"
  phase: Degraded
  message: 'ProgressDeadlineExceeded: ReplicaSet "blog-5b9d7c6f8" has timed out progressing.'
  availableReplicas: 2
  conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded, message: 'ReplicaSet "blog-5b9d7c6f8" has timed out progressing.'}]
`, Failed, "Degraded", "has timed out progressing.; look at its pods"},
		{"was aborted by its analysis", `
status:
  observedGeneration: "2"
  phase: Degraded
  abort: true
  abortedAt: "2026-01-02T03:04:05Z"
  message: 'RolloutAborted: Rollout aborted update to revision 3: Step-based analysis phase error/failed: Metric "success" assessed Failed due to failed (1) > failureLimit (0)'
`, Failed, "Degraded", `Metric "success" assessed Failed`},
		{"gets no pods for want of quota", `
status:
  observedGeneration: "2"
  phase: Progressing
  message: more replicas need to be updated
  conditions:
  - {type: ReplicaFailure, status: "True", reason: FailedCreate, message: 'pods "blog-5b9d7c6f8-x7k2p" is forbidden: exceeded quota: small, requested: cpu=1,pods=1, used: cpu=3,pods=7, limited: cpu=3,pods=8'}
`, Progressing, "PodsRefused", "its pods are refused: exceeded quota: small, requested: cpu=1,pods=1, limited: cpu=3,pods=8"},
		{"gets its pods again", `
status:
  observedGeneration: "2"
  phase: Progressing
  conditions: [{type: ReplicaFailure, status: "False", reason: FailedCreate, message: exceeded quota}]
`, Progressing, "RollingOut", ""},
		{"got no pods until its deadline", `
status:
  observedGeneration: "2"
  phase: Degraded
  message: 'ProgressDeadlineExceeded: ReplicaSet "blog-5b9d7c6f8" has timed out progressing.'
  conditions:
  - {type: ReplicaFailure, status: "True", reason: FailedCreate, message: 'admission webhook "validation.istio.io" denied the request'}
`, Failed, "Degraded", `its pods are refused: admission webhook "validation.istio.io" denied the request`},
		{"is in a phase of the future", `status: {observedGeneration: "2", phase: Levitating}`, Unknown, "UnknownPhase", "Levitating"},
	})
}

func TestEveryPhaseOfArgoRolloutsIsKnown(t *testing.T) {
	for phase, want := range map[argo.RolloutPhase]State{
		argo.RolloutPhaseHealthy: Ready, argo.RolloutPhaseDegraded: Failed, argo.RolloutPhaseProgressing: Progressing, argo.RolloutPhasePaused: Progressing,
	} {
		u := object(t, "Rollout", `status: {observedGeneration: "2"}`)
		if err := unstructured.SetNestedField(u.Object, string(phase), "status", "phase"); err != nil {
			t.Fatal(err)
		}
		if got := Judge(u, u, today); got.State != want {
			t.Errorf("%s is %s, want %s", phase, got.State, want)
		}
	}
}

func TestCountersAndTimesOfARolloutDoNotMoveItsMessage(t *testing.T) {
	at := func(fields string) Verdict {
		u := object(t, "Rollout", "status: {observedGeneration: \"2\", phase: Progressing, "+fields+"}")
		return Judge(u, u, today)
	}
	one := at(`message: more replicas need to be updated, readyReplicas: 1, conditions: [{type: Progressing, status: "True", lastUpdateTime: "2026-01-02T03:04:05Z"}]`)
	two := at(`message: updated replicas are still becoming available, readyReplicas: 2, conditions: [{type: Progressing, status: "True", lastUpdateTime: "2026-01-02T03:04:09Z"}]`)
	if one != two {
		t.Errorf("%+v became %+v", one, two)
	}
}
