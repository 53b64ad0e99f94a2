package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// events tell of transitions: a condition that became true or ceased to be,
// and a failure with a new reason. What is merely on its way is no event.
func (p *pass) events(old []metav1.Condition, now []condition) {
	for _, c := range now {
		before := meta.FindStatusCondition(old, c.name)
		if c.name == v1alpha1.ConditionReconciling || (before != nil && before.Status == c.status && (before.Reason == c.reason || !c.failed)) {
			continue
		}
		if before == nil && c.status != metav1.ConditionTrue && !c.failed {
			continue
		}
		kind := corev1.EventTypeNormal
		if c.failed {
			kind = corev1.EventTypeWarning
		}
		p.recorder.Eventf(p.platform, nil, kind, c.reason, "Reconcile", "%s is %s: %s", c.name, c.status, cut(c.message))
	}
	for _, name := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionSuspended} {
		if meta.FindStatusCondition(old, name) != nil && meta.FindStatusCondition(p.platform.Status.Conditions, name) == nil {
			p.recorder.Eventf(p.platform, nil, corev1.EventTypeNormal, "Resumed", "Reconcile", "%s is over", name)
		}
	}
}
