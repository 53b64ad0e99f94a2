package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
	"blogplatform.io/operator/internal/stage"
)

// ready sums up conditions: what failed comes first, then what is not ready yet. It
// repeats their warnings, and those of conditions that are no part of it.
func (r reporter) ready(conditions []condition, others ...condition) condition {
	c := condition{name: v1alpha1.ConditionReady}
	if r.suspended() {
		c.status, c.reason, c.message = metav1.ConditionUnknown, ReasonSuspended, "nothing is compared with the spec while spec.suspend is true; set it to false"
		return c
	}
	conditions = append(slices.Clone(conditions), conditionFrom(v1alpha1.ConditionReady, r.worst(v1alpha1.ConditionReady)))
	ofRelease := conditionFrom(v1alpha1.ConditionReady, r.releaseVerdict())
	if ofRelease.reason == ReasonReleasePaused {
		conditions = append([]condition{ofRelease}, conditions...) // what is not ready waits for the same request
	} else {
		conditions = append(conditions, ofRelease)
	}
	for _, wanted := range []func(condition) bool{
		func(c condition) bool { return c.failed },
		func(c condition) bool { return c.status != metav1.ConditionTrue && c.reason != stage.ReasonWaiting },
		func(c condition) bool { return c.status != metav1.ConditionTrue },
	} {
		if i := slices.IndexFunc(conditions, wanted); i >= 0 {
			found := conditions[i]
			c.status, c.reason, c.message, c.failed = metav1.ConditionFalse, found.reason, found.message, found.failed
			return c
		}
	}
	c.status, c.reason = metav1.ConditionTrue, ReasonVerified
	c.message = fmt.Sprintf("release %s is verified and served at %s", r.Course.Serving().Version, r.url())
	return withWarnings(c, append(conditions, others...))
}

// withWarnings adds to a condition that is True what will fail later: the first reason,
// so that kubectl get shows it, and all messages.
func withWarnings(c condition, conditions []condition) condition {
	for _, part := range conditions {
		if !part.warning {
			continue
		}
		if !c.warning {
			c.reason, c.warning = part.reason, true
		}
		c.message += "; " + part.message
	}
	return c
}

// releaseVerdict says how the release stands, for Ready, where the parts of the
// platform say nothing more urgent.
func (r reporter) releaseVerdict() ready.Verdict {
	status, version := r.Course.Release.Status, r.Course.Release.Status.Target.Version
	if r.Course.Unsafe != nil {
		return failed(ReasonRollbackUnsafe, fmt.Sprintf("spec.release: %s; all services run %s", r.Course.Unsafe, r.Course.Serving().Version))
	}
	if r.Course.PodsWait != nil {
		return waitVerdict(r.Course.PodsWait)
	}
	switch status.Phase {
	case v1alpha1.PhaseComplete, v1alpha1.PhaseInstalling:
		return waitVerdict(r.Course.DatabaseWaits)
	case v1alpha1.PhaseAborting, v1alpha1.PhaseAborted:
		return r.abortVerdict()
	}
	if status.Paused != nil && *status.Paused {
		return ready.Verdict{State: ready.Progressing, Reason: ReasonReleasePaused, Message: fmt.Sprintf(
			"release %s was paused by a request; let it go on with the annotation %s: resume %s%s", version, naming.AnnotationRequest, version, r.notScaled())}
	}
	text := fmt.Sprintf("release %s is on its way; see release.phase in the status", version)
	if status.Phase == v1alpha1.PhaseMigrating {
		text += r.notBack()
	}
	return ready.Verdict{State: ready.Progressing, Reason: ReasonReleaseInProgress, Message: text}
}

func failed(reason, text string) ready.Verdict {
	return ready.Verdict{State: ready.Failed, Reason: reason, Message: text}
}

// waitVerdict says, for Ready, what waits for a window though it is no release; nil
// if nothing waits.
func waitVerdict(waiting *promote.Decision) ready.Verdict {
	if waiting == nil {
		return ready.Verdict{State: ready.Ready}
	}
	state := ready.Progressing
	if promote.Stuck(waiting.Reason) {
		state = ready.Failed
	}
	return ready.Verdict{State: state, Reason: waiting.Reason, Message: waiting.Message}
}

// notScaled says which services do not follow their load while a release is paused.
func (r reporter) notScaled() string {
	var names []string
	for _, service := range r.Course.Release.Halted {
		if plan.Autoscaled(r.Platform, service) {
			names = append(names, string(service))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; until then the number of pods of " + strings.Join(names, ", ") + " does not follow the load, for Argo Rollouts scales no Rollout that is paused"
}

// abortVerdict says why a release was aborted, and what to do.
func (r reporter) abortVerdict() ready.Verdict {
	status := r.Course.Release.Status
	version, why, next := status.Target.Version, "", "it is not tried again"
	if failure := release.FailureOf(status); failure != nil {
		why = fmt.Sprintf(" (%s: %s)", failure.Reason, cmp.Or(failure.Message, "no more is known"))
		if failure.RetryTime != nil {
			next = "it is tried again by itself, see release.nextCheckTime in the status"
		}
	}
	hint := fmt.Sprintf("set another release, or ask for a retry with the annotation %s: retry %s", naming.AnnotationRequest, version)
	if status.Phase == v1alpha1.PhaseAborting {
		return failed(ReasonReleaseAborting, fmt.Sprintf("release %s failed, and all services go back to %s%s%s; %s", version, status.Current.Version, why, r.notBack(), hint))
	}
	return failed(ReasonReleaseAborted, fmt.Sprintf("release %s failed, and all services run %s%s; %s; %s", version, status.Current.Version, why, next, hint))
}

// notBack says which services do not run the current release again yet, and why.
func (r reporter) notBack() string {
	var waits []string
	for _, service := range naming.Services {
		if s := r.State.Services[service]; s.Set != r.Course.Release.Status.Current.Digest || !s.Stands {
			waits = append(waits, string(service)+": "+cmp.Or(s.Cause, "see whether Argo Rollouts runs"))
		}
	}
	if len(waits) == 0 {
		return ""
	}
	return "; not back yet: " + strings.Join(waits, "; ")
}

// WriteAhead is the conditions of a status that is written before anything is done. In
// them Ready agrees with the phase of the release: the writes may take seconds, and
// until they are done the two would contradict each other. If Ready reports a part of
// the platform, it is left to the report at the end.
func WriteAhead(in Input) []metav1.Condition {
	r, conditions := newReporter(in), slices.Clone(in.Status.Conditions)
	verdict, before := r.releaseVerdict(), meta.FindStatusCondition(in.Status.Conditions, v1alpha1.ConditionReady)
	ofRelease := before != nil && slices.Contains(releaseReasons, before.Reason)
	switch {
	case before == nil, before.Status != metav1.ConditionTrue && !ofRelease, verdict.State == ready.Ready && !ofRelease:
		return conditions
	case verdict.State == ready.Ready: // a failure that Ready reported is over
		verdict.Reason, verdict.Message = ReasonReleaseInProgress, "all services run release "+r.Course.Serving().Version+"; the rest of the platform is looked at"
	}
	for name, status := range map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: metav1.ConditionFalse, v1alpha1.ConditionReconciling: metav1.ConditionTrue} {
		c := condition{name: name, status: status, reason: verdict.Reason, message: verdict.Message}
		meta.SetStatusCondition(&conditions, c.of(in.Status.ObservedGeneration, in.Now))
	}
	return conditions
}

// next is when the report may be a different one though nothing happens: the release is
// tried again, a deadline passes, a certificate expires. It is zero if there is no such time.
func (r reporter) next() time.Time {
	times := []time.Time{r.Course.Release.Due}
	if check := r.Course.Release.Status.NextCheckTime; check != nil {
		times = append(times, check.Time)
	}
	for _, o := range r.Result.Outcomes {
		times = append(times, ready.Again(o.Live, r.Now))
	}
	times = slices.DeleteFunc(times, time.Time.IsZero)
	if len(times) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(times, time.Time.Compare)
}

// poll tells whether something is awaited that sends no event.
func (r reporter) poll() bool {
	return r.Result.Poll || release.Underway(r.Course.Release.Status.Phase) || find(r.identity(), v1alpha1.ConditionIdentityReady).failed
}
