package controllers

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/release"
)

// events tell of transitions: a condition that became true or ceased to be,
// and a part that failed, or warns, for a new reason. What is merely on its way, or
// follows from what another condition tells, is no event.
func (p *pass) events(old []metav1.Condition, now []condition) {
	for _, c := range now {
		before := meta.FindStatusCondition(old, c.name)
		if !worthTelling(before, c) {
			continue
		}
		kind := corev1.EventTypeNormal
		if c.failed || c.warning || (c.name == v1alpha1.ConditionAvailable && c.status == metav1.ConditionFalse) {
			kind = corev1.EventTypeWarning
		}
		p.tell(kind, c.reason, c.name, "%s is %s: %s", c.name, c.status, cut(c.message))
	}
	for _, name := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionSuspended, v1alpha1.ConditionBackupsFailing} {
		if meta.FindStatusCondition(old, name) != nil && meta.FindStatusCondition(p.platform.Status.Conditions, name) == nil {
			p.tell(corev1.EventTypeNormal, "Resumed", name, "%s is over", name)
		}
	}
}

func worthTelling(before *metav1.Condition, c condition) bool {
	changed := before != nil && before.Status != c.status
	switch {
	case c.name == v1alpha1.ConditionReconciling:
		return false
	case c.name == v1alpha1.ConditionReady: // the condition of the part reports a warning
		return changed || (before == nil && c.status == metav1.ConditionTrue)
	case c.reason == reasonDeleting || c.reason == reasonNotObserved || c.reason == reasonWaiting:
		return false
	case before == nil:
		return c.failed || c.status == metav1.ConditionTrue
	}
	return changed || ((c.failed || c.warning) && before.Reason != c.reason)
}

// releaseEvents tell of what no condition does by becoming true or ceasing to
// be: a release that is taken back, or tried again, and the answer to a request.
func (p *pass) releaseEvents(before, after v1alpha1.ReleaseStatus) {
	const about = "Release"
	if failure := newFailure(before, after); failure != nil {
		p.tell(corev1.EventTypeWarning, reasonReleaseAborted, about, "release %s failed (%s), and all services go back to %s: %s",
			failure.Version, failure.Reason, after.Current.Version, cut(failure.Message))
	}
	if answer := after.Request; answer != before.Request && answer.Value != "" {
		kind, reason := corev1.EventTypeNormal, "RequestHonored"
		if answer.Answer == v1alpha1.RequestRefused {
			kind, reason = corev1.EventTypeWarning, "RequestRefused"
		}
		p.tell(kind, reason, about, "request %q: %s", answer.Value, cmp.Or(answer.Message, "honored"))
	}
}

// newFailure is the failure of a release that is taken back since; nil if there is none.
func newFailure(before, after v1alpha1.ReleaseStatus) *v1alpha1.ReleaseFailure {
	failure := release.FailureOf(after)
	if equality.Semantic.DeepEqual(failure, release.FailureOf(before)) {
		return nil
	}
	return failure
}

// countDecisions counts what was decided since: a release that is taken back, and
// a gate that refuses for another reason than before.
func (p *pass) countDecisions(before, after v1alpha1.BlogPlatformStatus) {
	if failure := newFailure(before.Release, after.Release); failure != nil {
		p.counters.Aborted(key(p.platform), failure.Reason)
	}
	was, is := refusal(before.Conditions), refusal(after.Conditions)
	if is != "" && is != was {
		p.counters.Refused(key(p.platform), is)
	}
}

// refusal is why the gate refuses; empty if it does not.
func refusal(conditions []metav1.Condition) string {
	gate := meta.FindStatusCondition(conditions, v1alpha1.ConditionPromotionAllowed)
	if gate == nil || gate.Status != metav1.ConditionFalse || gate.Reason == reasonDeleting {
		return ""
	}
	return gate.Reason
}

// tell records an event. The API keeps events apart by reason and action, not
// by what they say, so the action names what the event is about.
func (p *pass) tell(kind, reason, about, format string, args ...any) {
	p.recorder.Eventf(p.platform, nil, kind, reason, about, "%s", fitting(maxNote, fmt.Sprintf(format, args...)))
}
