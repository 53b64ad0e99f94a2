package report

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/release"
	"blogplatform.io/operator/internal/stage"
)

// Event about a platform, as events.k8s.io has it. The API merges events of the same
// reason and action, whatever their notes say, so the action names what the event is about.
type Event struct {
	Type, Reason, Action, Note string
}

// NewEvent makes an event whose note fits.
func NewEvent(kind, reason, action, format string, args ...any) Event {
	return Event{kind, reason, action, message.Fit(message.MaxNote, fmt.Sprintf(format, args...))}
}

// events report transitions since the reconcile began: of conditions, of the release, and an override.
func (r reporter) events(now []condition, status v1alpha1.BlogPlatformStatus) []Event {
	events := conditionEvents(r.Before.Conditions, now)
	events = append(events, releaseEvents(r.Before.Release, status.Release)...)
	if r.Course.Overridden {
		events = append(events, NewEvent(corev1.EventTypeWarning, "PromotionOverridden", "Promotion", "an override let a release through the gate: %s", r.Course.Gate.Override))
	}
	return events
}

// conditionEvents report a condition that became true or ceased to be, and a part
// that fails or warns for a new reason.
func conditionEvents(before []metav1.Condition, now []condition) []Event {
	var events []Event
	for _, c := range now {
		if !isEvent(meta.FindStatusCondition(before, c.name), c) {
			continue
		}
		kind := corev1.EventTypeNormal
		if c.failed || c.warning || (c.name == v1alpha1.ConditionAvailable && c.status == metav1.ConditionFalse) {
			kind = corev1.EventTypeWarning
		}
		events = append(events, NewEvent(kind, c.reason, c.name, "%s is %s: %s", c.name, c.status, message.Quote(c.message)))
	}
	for _, name := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionSuspended, v1alpha1.ConditionBackupsFailing} {
		if meta.FindStatusCondition(before, name) != nil && find(now, name).name == "" {
			events = append(events, NewEvent(corev1.EventTypeNormal, "Resumed", name, "%s is over", name))
		}
	}
	return events
}

// isEvent tells whether a change of a condition is an event. Progress is none, nor
// is what follows from a change of another condition.
func isEvent(before *metav1.Condition, c condition) bool {
	changed := before != nil && before.Status != c.status
	switch {
	case c.name == v1alpha1.ConditionReconciling:
		return false
	case c.name == v1alpha1.ConditionReady: // the condition of the part reports a warning
		return changed || (before == nil && c.status == metav1.ConditionTrue)
	case c.reason == ReasonDeleting || c.reason == ReasonNotObserved || c.reason == stage.ReasonWaiting:
		return false
	case before == nil:
		return c.failed || c.status == metav1.ConditionTrue
	}
	return changed || ((c.failed || c.warning) && before.Reason != c.reason)
}

// releaseEvents report what no condition does: an abort, an abort of a further
// attempt, and the answer to a request.
func releaseEvents(before, after v1alpha1.ReleaseStatus) []Event {
	const about = "Release"
	var events []Event
	if failure := newFailure(before, after); failure != nil {
		events = append(events, NewEvent(corev1.EventTypeWarning, ReasonReleaseAborted, about, "release %s failed (%s), and all services go back to %s: %s",
			failure.Version, failure.Reason, after.Current.Version, message.Quote(failure.Message)))
	}
	if answer := after.Request; answer != before.Request && answer.Value != "" {
		kind, reason := corev1.EventTypeNormal, "RequestHonored"
		if answer.Answer == v1alpha1.RequestRefused {
			kind, reason = corev1.EventTypeWarning, "RequestRefused"
		}
		events = append(events, NewEvent(kind, reason, about, "request %q: %s", answer.Value, cmp.Or(answer.Message, "honored")))
	}
	return events
}

// newFailure is the failure of a release that was aborted since; nil if none was.
func newFailure(before, after v1alpha1.ReleaseStatus) *v1alpha1.ReleaseFailure {
	failure := release.FailureOf(after)
	if equality.Semantic.DeepEqual(failure, release.FailureOf(before)) {
		return nil
	}
	return failure
}

// aborted is the reason for which a release was aborted since; empty if none was.
func aborted(before, after v1alpha1.ReleaseStatus) string {
	if failure := newFailure(before, after); failure != nil {
		return failure.Reason
	}
	return ""
}

// refused is the reason for which the gate refuses since; empty if it does not, or did before.
func refused(before, after []metav1.Condition) string {
	if is := refusal(after); is != refusal(before) {
		return is
	}
	return ""
}

// refusal is why the gate refuses; empty if it does not.
func refusal(conditions []metav1.Condition) string {
	gate := meta.FindStatusCondition(conditions, v1alpha1.ConditionPromotionAllowed)
	if gate == nil || gate.Status != metav1.ConditionFalse || gate.Reason == ReasonDeleting {
		return ""
	}
	return gate.Reason
}
