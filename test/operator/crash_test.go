package operator

import (
	"context"
	"errors"
	"fmt"
	"testing"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
)

// These tests have operators of their own, and the cluster for themselves.

// TestAnOperatorKilledOnTheWayOfARelease kills the operator at every thirteenth
// write of a release, each time of another one, and starts the next.
func TestAnOperatorKilledOnTheWayOfARelease(t *testing.T) {
	w := newWorld(t)
	first := start(t)
	p := w.givenReady("production", release("v0.0.0"), withSteps(20))
	first.stop()
	for n := 1; ; n += 13 {
		version := fmt.Sprintf("v0.0.%d", n)
		w.edit(p, release(version))
		crashed := w.crashesBefore(p, n, v1alpha1.PhaseComplete, version)
		second := start(t)
		w.untilReady(p)
		w.allBackOn(version)
		if r := p.Status.History[0]; r.Version != version || r.Outcome != v1alpha1.OutcomeSucceeded || len(p.Status.Release.Failures) > 0 {
			t.Fatalf("killed at write %d: %+v, %+v", n, r, p.Status.Release.Failures)
		}
		second.stop()
		if !crashed {
			t.Logf("a release takes fewer than %d writes", n)
			break
		}
	}
	w.alwaysServed()
	defer start(t).stop()
	w.deletePlatform(p)
}

// TestAnOperatorKilledOnTheWayOfAnAbort does the same to releases that fail:
// each is taken back, and tried once.
func TestAnOperatorKilledOnTheWayOfAnAbort(t *testing.T) {
	w := newWorld(t)
	first := start(t)
	p := w.givenReady("production", release("v0.0.0"), withSteps(20))
	first.stop()
	peers.Set(faker.Rollout, w.namespace+"/blog-frontend", faker.Behaviour{Analysis: argo.AnalysisPhaseFailed})
	for n := 1; ; n += 13 {
		version := fmt.Sprintf("v1.0.%d", n)
		before := p.Status.Release.Attempt
		w.edit(p, release(version))
		crashed := w.crashesBefore(p, n, v1alpha1.PhaseAborted, version)
		second := start(t)
		w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", version+" failed")
		w.allBackOn("v0.0.0")
		if r := p.Status.Release; r.Attempt != before+1 || r.Failures[0].Version != version || r.Failures[0].Count != 1 {
			t.Fatalf("killed at write %d: attempt %d after %d, %+v", n, r.Attempt, before, r.Failures)
		}
		second.stop()
		if !crashed {
			t.Logf("an abort takes fewer than %d writes", n)
			break
		}
	}
	w.alwaysServed()
	defer start(t).stop()
	w.deletePlatform(p)
}

// crashesBefore runs an operator until its write n, or until the release of a version is in a phase.
func (w world) crashesBefore(p *v1alpha1.BlogPlatform, n int, phase v1alpha1.ReleasePhase, version string) (does bool) {
	w.Helper()
	crashed := make(chan struct{})
	defer start(w.T, crashAt(nth(n), crashed)).stop()
	w.until(fmt.Sprintf("a crash at write %d", n), func(ctx context.Context) error {
		select {
		case <-crashed:
			does = true
			return nil
		default:
		}
		if err := w.refresh(ctx, p); err != nil {
			return err
		}
		if r := p.Status.Release; r.Phase == phase && r.Target.Version == version {
			return nil
		}
		return errors.New(conditionsOf(p))
	})
	return does
}
