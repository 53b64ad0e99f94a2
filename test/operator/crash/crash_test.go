package crash

import (
	"context"
	"errors"
	"fmt"
	"testing"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

// These tests have operators of their own, and the cluster for themselves.

// TestAnOperatorKilledOnTheWayOfARelease kills the operator at every thirteenth
// write of a release, each time of another one, and starts the next.
func TestAnOperatorKilledOnTheWayOfARelease(t *testing.T) {
	w := newWorld(t)
	first := harness.Start(t)
	p := w.GivenReady("production", harness.Release("v0.0.0"), harness.WithSteps(20))
	first.Stop()
	for n := 1; ; n += 13 {
		version := fmt.Sprintf("v0.0.%d", n)
		w.Edit(p, harness.Release(version))
		crashed := w.crashesBefore(p, n, v1alpha1.PhaseComplete, version)
		second := harness.Start(t)
		w.UntilReady(p)
		w.AllBackOn(version)
		if r := p.Status.History[0]; r.Version != version || r.Outcome != v1alpha1.OutcomeSucceeded || len(p.Status.Release.Failures) > 0 {
			t.Fatalf("killed at write %d: %+v, %+v", n, r, p.Status.Release.Failures)
		}
		second.Stop()
		if !crashed {
			t.Logf("a release takes fewer than %d writes", n)
			break
		}
	}
	w.AlwaysServed()
	defer harness.Start(t).Stop()
	w.DeletePlatform(p)
}

// TestAnOperatorKilledOnTheWayOfAnAbort does the same to releases that fail:
// each is taken back, and tried once.
func TestAnOperatorKilledOnTheWayOfAnAbort(t *testing.T) {
	w := newWorld(t)
	first := harness.Start(t)
	p := w.GivenReady("production", harness.Release("v0.0.0"), harness.WithSteps(20))
	first.Stop()
	harness.Peers.Set(faker.Rollout, w.Namespace+"/blog-frontend", faker.Behaviour{Analysis: argo.AnalysisPhaseFailed})
	for n := 1; ; n += 13 {
		version := fmt.Sprintf("v1.0.%d", n)
		before := p.Status.Release.Attempt
		w.Edit(p, harness.Release(version))
		crashed := w.crashesBefore(p, n, v1alpha1.PhaseAborted, version)
		second := harness.Start(t)
		w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", version+" failed")
		w.AllBackOn("v0.0.0")
		if r := p.Status.Release; r.Attempt != before+1 || r.Failures[0].Version != version || r.Failures[0].Count != 1 {
			t.Fatalf("killed at write %d: attempt %d after %d, %+v", n, r.Attempt, before, r.Failures)
		}
		second.Stop()
		if !crashed {
			t.Logf("an abort takes fewer than %d writes", n)
			break
		}
	}
	w.AlwaysServed()
	defer harness.Start(t).Stop()
	w.DeletePlatform(p)
}

// crashesBefore runs an operator until its write n, or until the release of a version is in a phase.
func (w world) crashesBefore(p *v1alpha1.BlogPlatform, n int, phase v1alpha1.ReleasePhase, version string) (does bool) {
	w.Helper()
	crashed := make(chan struct{})
	defer harness.Start(w.T, harness.CrashAt(harness.Nth(n), crashed)).Stop()
	w.Until(fmt.Sprintf("a crash at write %d", n), func(ctx context.Context) error {
		select {
		case <-crashed:
			does = true
			return nil
		default:
		}
		if err := w.Refresh(ctx, p); err != nil {
			return err
		}
		if r := p.Status.Release; r.Phase == phase && r.Target.Version == version {
			return nil
		}
		return errors.New(harness.ConditionsOf(p))
	})
	return does
}
