package ready

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Judge says how far the live object has come at a time. A nil live object is
// Progressing/NotCreated. Kinds without a useful status are Ready when they exist.
// Again tells when the verdict may change though nobody writes the object.
func Judge(desired, live *unstructured.Unstructured, now time.Time) Verdict {
	if v := absent(desired, live); v.State != "" {
		return v
	}
	switch live.GetKind() {
	case "PostgresCluster":
		return postgresCluster(live)
	case "Rollout":
		return rollout(desired, live)
	case "Certificate":
		return certificate(live, now)
	case "HorizontalPodAutoscaler":
		return autoscaler(live, now)
	case "Job":
		return job(live)
	}
	return Verdict{Ready, "Exists", name(live) + " exists"}
}

// absent judges what is not there yet, or not for long.
func absent(desired, live *unstructured.Unstructured) Verdict {
	if live == nil {
		return Verdict{Progressing, "NotCreated", name(desired) + " is not created yet"}
	}
	if live.GetDeletionTimestamp() == nil {
		return Verdict{}
	}
	message := name(live) + " is being deleted"
	if finalizers := slices.Sorted(slices.Values(live.GetFinalizers())); len(finalizers) > 0 {
		message += ", which waits for its finalizers " + strings.Join(finalizers, ", ")
	}
	return Verdict{Progressing, "Terminating", message}
}

// job reads the conditions of a Job (k8s.io/api/batch/v1 JobConditionType).
func job(u *unstructured.Unstructured) Verdict {
	failed := condition(u, "Failed")
	switch {
	case is(condition(u, "Complete"), "True"):
		return Verdict{Ready, "Complete", name(u) + " is complete"}
	case is(failed, "True"):
		return Verdict{Failed, "JobFailed", name(u) + " failed (" + text(failed, "reason") + "); read the logs of its pods, and delete it to try again at once"}
	case is(condition(u, "Suspended"), "True"):
		return Verdict{Progressing, "Suspended", name(u) + " is suspended; set its spec.suspend to false"}
	}
	return Verdict{Progressing, "Running", name(u) + " has not finished; look at its pods and events if it takes long"}
}

// SealedSecret judges by the Secret as well, whose keys are given (nil: there
// is none), because condition Synced can stick: the controller writes it only
// when it changes, and does not write it again if that fails.
func SealedSecret(live *unstructured.Unstructured, keys map[string]bool, want []string) Verdict {
	if live == nil {
		return Verdict{Progressing, "NotCreated", "the SealedSecret is not created yet"}
	}
	if v := absent(live, live); v.State != "" {
		return v
	}
	missing := slices.DeleteFunc(slices.Sorted(slices.Values(want)), func(key string) bool { return keys[key] })
	// A controller that is told to write no status never observes; then the Secret alone counts.
	if observed := number(live.Object, "status", "observedGeneration"); observed > 0 && observed < live.GetGeneration() {
		return Verdict{Progressing, "NotObserved", name(live) + " is not yet seen by Sealed Secrets; if it stays so, see whether that runs"}
	}
	if synced := condition(live, "Synced"); is(synced, "False") {
		if v := unsynced(live, text(synced, "message"), len(missing) > 0); v.State != "" {
			return v
		}
	}
	switch {
	case keys == nil:
		return Verdict{Progressing, "SecretMissing", name(live) + " has no Secret yet: is Sealed Secrets running?"}
	case len(missing) > 0:
		return Verdict{Failed, "KeyMissing", name(live) + ": its Secret lacks " + strings.Join(missing, ", ") + "; seal these keys"}
	}
	return Verdict{Ready, "Unsealed", name(live) + " is unsealed"}
}

// unsynced judges by what condition Synced says. After five tries in a moment Sealed
// Secrets gives up: until it is started again it looks anew only at a SealedSecret
// that is created or whose spec changes, and at one whose own Secret was deleted
// (v0.36.6 pkg/controller/controller.go). So the way out is to have it created again,
// which the operator does. The Secret of an earlier
// ciphertext may be in place, so that only this tells that the new one cannot
// be opened; any other trouble is over once all keys are there.
func unsynced(u *unstructured.Unstructured, said string, incomplete bool) Verdict {
	switch {
	case strings.Contains(said, "decrypt"), strings.Contains(said, "base64"):
		return Verdict{Failed, "CannotUnseal", name(u) + " cannot be opened: wrong scope, name, namespace or sealing key; seal it again for this namespace and name, or restore the sealing key and restart Sealed Secrets"}
	case strings.Contains(said, "not managed by SealedSecret"):
		return Verdict{Failed, "SecretNotManaged", name(u) + " cannot write its Secret, which somebody else has created; delete that Secret and then this SealedSecret, which the operator creates again: Sealed Secrets does not look again by itself"}
	case incomplete:
		return Verdict{Failed, "NotSynced", name(u) + " could not be made a Secret; look at condition Synced in its status; once the cause is gone, delete this SealedSecret, which the operator creates again: Sealed Secrets does not look again by itself"}
	}
	return Verdict{}
}
