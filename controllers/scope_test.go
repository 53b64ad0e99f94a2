package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

var noon = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

// scopeAt is a reconcile at noon of a platform whose release is complete.
func scopeAt() *scope {
	platform := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: "g11-stg", Name: "blog"}}
	platform.Spec.Hosts = []string{"blog.example.com"}
	platform.Status.Release.Phase = v1alpha1.PhaseComplete
	return (&Reconciler{now: func() time.Time { return noon }}).newScope(platform)
}

// observerAt observes that platform, and enactmentAt writes its children.
func observerAt() *observer { return &observer{scope: scopeAt()} }

func enactmentAt() *enactment {
	e := &enactment{scope: scopeAt()}
	e.course.Release.Status.Phase = v1alpha1.PhaseComplete
	return e
}
