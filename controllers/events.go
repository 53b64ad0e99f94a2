package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// events tell of transitions: a condition that became true or ceased to be,
// and a part that failed for a new reason. What is merely on its way, or
// follows from what another condition tells, is no event.
func (p *pass) events(old []metav1.Condition, now []condition) {
	for _, c := range now {
		before := meta.FindStatusCondition(old, c.name)
		if !worthTelling(before, c) {
			continue
		}
		kind := corev1.EventTypeNormal
		if c.failed || (c.name == v1alpha1.ConditionAvailable && c.status == metav1.ConditionFalse) {
			kind = corev1.EventTypeWarning
		}
		p.tell(kind, c.reason, c.name, "%s is %s: %s", c.name, c.status, cut(c.message))
	}
	for _, name := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionSuspended} {
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
	case c.name == v1alpha1.ConditionReady:
		return changed || (before == nil && c.status == metav1.ConditionTrue)
	case c.reason == reasonDeleting || c.reason == reasonNotObserved || c.reason == reasonWaiting:
		return false
	case before == nil:
		return c.failed || c.status == metav1.ConditionTrue
	}
	return changed || (c.failed && before.Reason != c.reason)
}

// tell records an event. The API keeps events apart by reason and action, not
// by what they say, so the action names what the event is about.
func (p *pass) tell(kind, reason, about, format string, args ...any) {
	p.recorder.Eventf(p.platform, nil, kind, reason, about, format, args...)
}
