package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

var noon = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

// passAt is a pass over a platform at noon, of which nothing was seen.
func passAt() *pass {
	platform := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: "g11-stg", Name: "blog"}}
	platform.Spec.Hosts = []string{"blog.example.com"}
	platform.Status.Release.Phase = v1alpha1.PhaseComplete
	p := &pass{Reconciler: &Reconciler{now: func() time.Time { return noon }}, platform: platform,
		names: naming.Of(types.NamespacedName{Namespace: "g11-stg", Name: "blog"})}
	p.course.Release.Status.Phase = v1alpha1.PhaseComplete
	return p
}
