// Package controllers reconciles BlogPlatforms: it observes (internal/observed), has
// internal/course decide, has internal/plan build the desired state, writes that in the
// order of internal/stage, and writes what internal/report says.
//
// Its rule: it decides nothing itself, builds no child, and writes none but through
// internal/apply. Each reconcile observes the cluster again.
package controllers
