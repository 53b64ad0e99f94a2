package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/promote"
)

// indexPromotion finds platforms by the one that they are promoted from, as namespace/name.
const indexPromotion = "spec.promotion.from"

func promotedFrom(object client.Object) []string {
	platform, ok := object.(*v1alpha1.BlogPlatform)
	if !ok || !promote.Gated(platform) {
		return nil
	}
	from := platform.Spec.Promotion.From
	return []string{client.ObjectKey{Namespace: from.Namespace, Name: from.Name}.String()}
}

// promotedTo are the platforms whose gate asks for the one that changed.
func (r *Reconciler) promotedTo(ctx context.Context, changed client.Object) []reconcile.Request {
	return r.platforms(ctx, client.MatchingFields{indexPromotion: client.ObjectKeyFromObject(changed).String()})
}

// historyChanged passes what changes the answer of a gate: a platform is created or
// deleted, or its history changes.
func historyChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.BlogPlatform)
		after, same := e.ObjectNew.(*v1alpha1.BlogPlatform)
		return !ok || !same || !equality.Semantic.DeepEqual(before.Status.History, after.Status.History)
	}}
}
