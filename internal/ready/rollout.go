package ready

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// manually is the status.message of a Rollout whose spec.paused is true.
const manually = "manually paused"

// rollout reads status.phase of an Argo Rollout, which sums the rest up, but
// only for the generation in status.observedGeneration, a string
// (argo-rollouts pkg/apis/rollouts/v1alpha1 RolloutStatus).
func rollout(desired, u *unstructured.Unstructured) Verdict {
	observed, err := strconv.ParseInt(text(u.Object, "status", "observedGeneration"), 10, 64)
	if err != nil || observed < u.GetGeneration() {
		return Verdict{Progressing, "NotObserved", name(u) + " is not yet seen by Argo Rollouts; if it stays so, see whether that runs"}
	}
	if c := condition(u, "InvalidSpec"); c != nil {
		return Verdict{Failed, "InvalidSpec", name(u) + " is refused by Argo Rollouts: " + text(c, "message")}
	}
	why := text(u.Object, "status", "message")
	switch phase := text(u.Object, "status", "phase"); phase {
	case "Healthy":
		return Verdict{Ready, "Healthy", name(u) + " is healthy"}
	case "Degraded":
		return Verdict{Failed, "Degraded", name(u) + " is degraded: " + why + "; " + cmp.Or(Refusal(u), "look at its pods")}
	case "Paused":
		return paused(desired, u, why)
	case "Progressing", "":
		return progressing(u)
	default:
		return Verdict{Unknown, "UnknownPhase", name(u) + " is in phase " + phase + ", which this operator does not know; look at it"}
	}
}

func progressing(u *unstructured.Unstructured) Verdict {
	if refused := Refusal(u); refused != "" {
		return Verdict{Progressing, "PodsRefused", name(u) + " is rolling out; " + refused}
	}
	return Verdict{Progressing, "RollingOut", name(u) + " is rolling out; look at its pods if it takes long"}
}

// paused by a step of the canary, an analysis without a result, a request, or a person.
func paused(desired, u *unstructured.Unstructured, why string) Verdict {
	// Somebody has just resumed it, and Argo Rollouts has not answered (rolloututil.IsUnpausing).
	if truth(u.Object, "status", "controllerPause") && len(list(u.Object, "status", "pauseConditions")) == 0 {
		return progressing(u)
	}
	action := map[string]string{
		"CanaryPauseStep":         "its canary goes on after this step",
		"InconclusiveAnalysisRun": "look at its AnalysisRuns",
		manually:                  "set its spec.paused to false",
	}[why]
	if why == manually && truth(desired.Object, "spec", "paused") {
		return Verdict{Progressing, "Paused", name(u) + " is paused with its release"}
	}
	return Verdict{Progressing, "Paused", name(u) + " is paused (" + why + "); " + cmp.Or(action, "look at it")}
}

// used is what pods of a namespace use of its quota, which moves with every pod
// (apiserver pkg/admission/plugin/resourcequota, "exceeded quota: ...").
var used = regexp.MustCompile(`, used: .*, limited: `)

// Refusal is why the API server refuses pods of a Rollout, by a quota for
// instance; empty if it does not, or there is no Rollout. What differs each time
// is left out: the name of the refused pod, and what others use.
func Refusal(u *unstructured.Unstructured) string {
	if u == nil {
		return ""
	}
	c := condition(u, "ReplicaFailure")
	if !is(c, "True") {
		return ""
	}
	return refused(text(c, "message"))
}

// refused is a refusal of pods without what differs each time.
func refused(message string) string {
	message = strings.TrimPrefix(message, "Error creating: ")
	if _, after, found := strings.Cut(message, " is forbidden: "); found {
		message = after
	}
	return "its pods are refused: " + said(used.ReplaceAllLiteralString(message, ", limited: "))
}
