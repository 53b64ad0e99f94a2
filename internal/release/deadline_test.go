package release

import (
	"strings"
	"testing"
	"time"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

const noImage = "pod ns/blog-user-1: container user cannot pull its image (ImagePullBackOff)"

// TestAReleaseThatCannotStartIsTakenBackInTime: Argo Rollouts says nothing of it,
// and the pod and the reason are named.
func TestAReleaseThatCannotStartIsTakenBackInTime(t *testing.T) {
	p := halfway(t)
	p.set(Service{Set: "of-v2", Cause: noImage}, naming.User)
	p.expect(v1alpha1.PhaseProgressing)
	p.later(limits.Progress - time.Second)
	p.expect(v1alpha1.PhaseProgressing)
	p.later(time.Second)
	p.expect(v1alpha1.PhaseAborting)
	if f := FailureOf(p.status); f.Message != "user has made no progress for too long: "+noImage || f.RetryTime == nil {
		t.Errorf("%+v", f)
	}
}

func TestProgressMovesTheDeadline(t *testing.T) {
	p := halfway(t)
	for step := range int32(8) {
		p.set(Service{Set: "of-v2", Step: step}, naming.DataServices...)
		p.expect(v1alpha1.PhaseProgressing)
		p.later(limits.Progress - time.Second)
		p.expect(v1alpha1.PhaseProgressing)
	}
	for ready := range int32(3) {
		p.set(Service{Set: "of-v2", Step: 7, Ready: 1 + ready}, naming.DataServices...)
		p.expect(v1alpha1.PhaseProgressing)
		p.later(limits.Progress - time.Second)
	}
	p.expect(v1alpha1.PhaseProgressing)
}

func TestAPodThatComesAndGoesIsNoProgress(t *testing.T) {
	p := halfway(t)
	for i := range 10 {
		p.set(Service{Set: "of-v2", Ready: int32(i % 2)}, naming.Comment)
		p.expect(v1alpha1.PhaseProgressing)
		p.later(30 * time.Second)
	}
	p.later(30 * time.Second)
	p.expect(v1alpha1.PhaseAborting)
}

// TestTheProgressOfOneServiceDoesNotHideThatAnotherIsStuck, which would be
// found only once the slowest of them is through.
func TestTheProgressOfOneServiceDoesNotHideThatAnotherIsStuck(t *testing.T) {
	p := halfway(t)
	for step := range int32(5) {
		p.set(Service{Set: "of-v2", Step: step}, naming.Content, naming.User)
		p.set(Service{Set: "of-v2", Cause: "it crashes"}, naming.Comment)
		p.expect(v1alpha1.PhaseProgressing)
		p.later(time.Minute)
	}
	p.expect(v1alpha1.PhaseAborting)
	if f := FailureOf(p.status); !strings.HasPrefix(f.Message, "comment has made no progress") {
		t.Errorf("%+v", f)
	}
}

func TestWhatTakesItsTimeByDesignIsNotLate(t *testing.T) {
	for name, s := range map[string]Service{
		"a pause":     {Set: "of-v2", Pause: limits.Analysis},
		"an analysis": {Set: "of-v2", Analyzing: true},
	} {
		p := halfway(t)
		p.set(s, naming.DataServices...)
		p.expect(v1alpha1.PhaseProgressing)
		p.later(limits.Progress + limits.Analysis - time.Second)
		if d := Decide(p.status, p.facts); d.Status.Phase != v1alpha1.PhaseProgressing {
			t.Errorf("%s is cut short: %+v", name, d.Status.Failures)
		}
		p.later(time.Second)
		p.expect(v1alpha1.PhaseAborting)
	}
}

// TestServicesThatWaitForOthersAreNotLate: the frontend for its turn, and who is at the barrier.
func TestServicesThatWaitForOthersAreNotLate(t *testing.T) {
	p := halfway(t)
	p.set(Service{Set: "of-v2", AtBarrier: true}, naming.User, naming.Content)
	for step := range int32(5) {
		p.set(Service{Set: "of-v2", Step: step}, naming.Comment)
		p.expect(v1alpha1.PhaseProgressing)
		p.later(limits.Progress - time.Second)
		p.expect(v1alpha1.PhaseProgressing)
	}
}

// TestTimeInWhichNobodyActedDoesNotCount: the operator was away, the platform
// suspended, the release paused, in every phase that has a deadline.
func TestTimeInWhichNobodyActedDoesNotCount(t *testing.T) {
	idle := map[string]func(*play){
		"absent": func(p *play) { p.later(time.Hour); p.facts.Acting = p.facts.Now },
		"suspended": func(p *play) {
			p.facts.Suspended = true
			p.expect(p.status.Phase)
			p.later(time.Hour)
			p.expect(p.status.Phase)
			p.facts.Suspended = false
		},
		"paused": func(p *play) {
			p.facts.Request = "pause v2"
			p.expect(p.status.Phase)
			p.later(time.Hour)
			p.expect(p.status.Phase)
			p.facts.Request = "resume v2"
		},
	}
	migrating := func(t *testing.T) *play {
		p := running(t)
		p.facts.Wanted, p.facts.Prepared = identity("v2"), false
		p.expect(v1alpha1.PhaseMigrating)
		return p
	}
	for phase, given := range map[v1alpha1.ReleasePhase]func(*testing.T) *play{
		v1alpha1.PhaseMigrating: migrating, v1alpha1.PhaseProgressing: halfway, v1alpha1.PhaseVerifying: waiting, v1alpha1.PhaseCommitting: committing,
	} {
		for why, happens := range idle {
			if why == "paused" && phase == v1alpha1.PhaseCommitting {
				continue // a commit comes to its end
			}
			t.Run(string(phase)+" "+why, func(t *testing.T) {
				p := given(t)
				p.expect(phase)
				p.later(limits.Progress - time.Second)
				p.expect(phase)
				happens(p)
				p.expect(phase)
				p.later(limits.Progress - time.Second)
				p.expect(phase)
				p.later(time.Second)
				if d := Decide(p.status, p.facts); !d.Stopped() {
					t.Errorf("it goes on after its deadline: %+v", d.Status)
				}
			})
		}
	}
}

// TestACommitActsBeforeItsDeadlineIsJudged: the first pass after an hour finds all four at the barrier.
func TestACommitActsBeforeItsDeadlineIsJudged(t *testing.T) {
	p := committing(t)
	p.set(Service{Set: "of-v2", AtBarrier: true, Window: true}, naming.Services...)
	p.later(time.Hour)
	p.facts.Acting = p.facts.Now
	if d := p.expect(v1alpha1.PhaseCommitting); len(d.Release) != 4 {
		t.Errorf("%+v", d)
	}
}

// TestMigrationsThatRunMayTakeTheirTime, and those whose pods cannot start may not.
func TestMigrationsThatRunMayTakeTheirTime(t *testing.T) {
	p := running(t)
	p.facts.Wanted, p.facts.Prepared = identity("v2"), false
	p.facts.Migrations = Task{Done: 1, Cause: noImage}
	p.expect(v1alpha1.PhaseMigrating)
	p.later(limits.Progress - time.Second)
	p.facts.Migrations = Task{Done: 1, Started: true}
	p.expect(v1alpha1.PhaseMigrating)
	p.later(limits.Progress + limits.Migration - time.Second)
	p.facts.Migrations.Started = false // it has failed, and is tried again
	p.expect(v1alpha1.PhaseMigrating)
	p.facts.Migrations = Task{Done: 2, Cause: noImage}
	p.expect(v1alpha1.PhaseMigrating)
	p.later(limits.Progress)
	p.expect(v1alpha1.PhaseAborted) // all services are on the current release already
	if f := FailureOf(p.status); f.Reason != "MigrationTimeout" || f.Message != "migrations has made no progress for too long: "+noImage {
		t.Errorf("%+v", f)
	}
	p.on(false, false)
}

// TestArgoRolloutsThatIsAwayEndsTheReleaseToo: what it has not seen is no step back.
func TestArgoRolloutsThatIsAwayEndsTheReleaseToo(t *testing.T) {
	p := halfway(t)
	p.set(Service{Set: "of-v2", Step: 4}, naming.DataServices...)
	p.expect(v1alpha1.PhaseProgressing)
	p.later(limits.Progress / 2)
	p.set(Service{Set: "of-v2", Step: unseen}, naming.DataServices...)
	p.expect(v1alpha1.PhaseProgressing)
	p.later(limits.Progress / 2)
	p.expect(v1alpha1.PhaseAborting)
}

// TestNothingIsLookedAtInThePast: that would be a loop of passes without a pause.
func TestNothingIsLookedAtInThePast(t *testing.T) {
	p := committing(t)
	p.set(Service{Set: "of-v2", Window: true, Trouble: Verdict{Broken, "AnalysisError", "x"}}, naming.Comment)
	p.expect(v1alpha1.PhaseAborting)
	p.set(Service{Set: "of-v1"}, naming.Services...)
	p.later(3 * time.Minute)
	p.expect(v1alpha1.PhaseAborting)
	p.notPast()
	p = waiting(t)
	p.facts.Request = "pause v2"
	p.expect(v1alpha1.PhaseVerifying)
	p.later(11 * time.Minute)
	p.expect(v1alpha1.PhaseVerifying)
	p.notPast()
}

func (p *play) notPast() {
	p.Helper()
	if next := p.status.NextCheckTime; next != nil && next.Time.Before(p.facts.Now) {
		p.Errorf("in phase %s it is looked at again %v ago", p.status.Phase, p.facts.Now.Sub(next.Time))
	}
}

// TestMigrationsThatRunUntilTheirDeadlineAreNotTriedForEver: each attempt loads
// the database. One whose pod never ran says nothing of how long it takes.
func TestMigrationsThatRunUntilTheirDeadlineAreNotTriedForEver(t *testing.T) {
	p := running(t)
	p.facts.Wanted, p.facts.Prepared = identity("v2"), false
	for attempt := 1; attempt <= maxDeadlines; attempt++ {
		p.facts.Migrations = Task{Done: 1, Started: true}
		p.expect(v1alpha1.PhaseMigrating)
		p.facts.Migrations = Task{Done: 1, Expired: "Job g11-prod/blog-user-expand-1"}
		p.expect(v1alpha1.PhaseAborted)
		f := FailureOf(p.status)
		if f.Reason != "MigrationDeadlineExceeded" || !strings.HasPrefix(f.Message, "Job g11-prod/blog-user-expand-1 ran for all of spec.rollout.migrationDeadlineSeconds") || (f.RetryTime == nil) != (attempt == maxDeadlines) {
			t.Fatalf("attempt %d: %+v", attempt, f)
		}
		p.later(time.Hour)
	}
	p.facts.Migrations = Task{}
	p.expect(v1alpha1.PhaseAborted)
	p.facts.Request = "retry v2"
	p.expect(v1alpha1.PhaseMigrating)

	p.facts.Migrations = Task{Expired: "Job g11-prod/blog-user-expand-1", Cause: noImage}
	p.expect(v1alpha1.PhaseMigrating)
	p.later(limits.Progress)
	p.expect(v1alpha1.PhaseAborted)
	if f := FailureOf(p.status); f.Reason != "MigrationTimeout" || f.RetryTime == nil {
		t.Errorf("of a migration that never ran: %+v", f)
	}
}
