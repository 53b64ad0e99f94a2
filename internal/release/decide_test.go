package release

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// play is a platform as the tests tell it: what status remembers, and what
// Argo Rollouts would make of each decision if it did at once what it is told.
type play struct {
	*testing.T
	status v1alpha1.ReleaseStatus
	facts  Facts
	last   Decision
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var limits = Limits{Progress: 5 * time.Minute, Analysis: 4 * time.Minute, Migration: 15 * time.Minute, Verify: 5 * time.Minute}

func identity(version string) v1alpha1.ReleaseIdentity {
	return v1alpha1.ReleaseIdentity{Version: version, Digest: "of-" + version}
}

// running is a platform on which release v1 is complete.
func running(t *testing.T) *play {
	p := &play{T: t, facts: Facts{Now: start, Acting: start, Limits: limits, Wanted: identity("v1"), Prepared: true, Services: map[naming.Service]Service{}}}
	p.status = v1alpha1.ReleaseStatus{Current: identity("v1"), Target: identity("v1"), Phase: v1alpha1.PhaseComplete, Attempt: 1}
	p.set(Service{Set: "of-v1", Stands: true, Healthy: true}, naming.Services...)
	return p
}

// halfway is a release of v2 with its data services on the way.
func halfway(t *testing.T) *play {
	p := running(t)
	p.facts.Wanted = identity("v2")
	p.expect(v1alpha1.PhaseProgressing)
	p.set(Service{Set: "of-v2"}, naming.DataServices...)
	return p
}

// waiting is a release of v2 of which all services wait to be verified.
func waiting(t *testing.T) *play {
	p := halfway(t)
	p.set(Service{Set: "of-v2", AtBarrier: true}, naming.Services...)
	p.expect(v1alpha1.PhaseVerifying)
	return p
}

// committing is a release of v2 that has begun to be the stable one.
func committing(t *testing.T) *play {
	p := waiting(t)
	p.facts.Verify = Verdict{Outcome: Passed}
	p.expect(v1alpha1.PhaseCommitting)
	return p
}

func (p *play) set(s Service, services ...naming.Service) {
	for _, service := range services {
		p.facts.Services[service] = s
	}
}

// expect decides, and fails the test unless the release is in a phase then.
func (p *play) expect(phase v1alpha1.ReleasePhase) Decision {
	p.Helper()
	p.last = Decide(p.status, p.facts)
	p.status = p.last.Status
	if p.status.Phase != phase {
		p.Fatalf("the phase is %s, want %s: %+v", p.status.Phase, phase, p.status)
	}
	return p.last
}

// later lets time pass.
func (p *play) later(by time.Duration) { p.facts.Now = p.facts.Now.Add(by) }

func (p *play) on(data, frontend bool) {
	p.Helper()
	if p.last.DataOnTarget != data || p.last.FrontendOnTarget != frontend {
		p.Errorf("data services on the target: %v, frontend: %v; want %v and %v", p.last.DataOnTarget, p.last.FrontendOnTarget, data, frontend)
	}
}

func TestAReleaseGoesOutDataServicesFirstAndIsCommittedAsAWhole(t *testing.T) {
	p := running(t)
	p.facts.Wanted, p.facts.Prepared = identity("v2"), false
	p.expect(v1alpha1.PhaseMigrating)
	p.on(false, false)

	p.facts.Prepared = true
	p.expect(v1alpha1.PhaseProgressing)
	p.on(true, false)

	p.set(Service{Set: "of-v2", AtBarrier: true}, naming.User, naming.Content)
	p.set(Service{Set: "of-v2"}, naming.Comment)
	p.expect(v1alpha1.PhaseProgressing)
	p.on(true, false)

	p.set(Service{Set: "of-v2", AtBarrier: true}, naming.Comment)
	p.expect(v1alpha1.PhaseProgressing)
	p.on(true, true)

	p.set(Service{Set: "of-v2", AtBarrier: true}, naming.Frontend)
	p.facts.Verify = Verdict{Outcome: Passed} // of whatever was there before
	if d := p.expect(v1alpha1.PhaseVerifying); d.Window || len(d.Release) > 0 {
		t.Errorf("nothing may be committed yet: %+v", d)
	}
	p.facts.Verify = Verdict{}
	p.expect(v1alpha1.PhaseVerifying)
	p.facts.Verify = Verdict{Outcome: Passed}
	if d := p.expect(v1alpha1.PhaseCommitting); !d.Window || len(d.Release) > 0 {
		t.Errorf("the window opens before the first barrier is released: %+v", d)
	}
	p.set(Service{Set: "of-v2", AtBarrier: true, Window: true}, naming.User, naming.Frontend)
	if d := p.expect(v1alpha1.PhaseCommitting); len(d.Release) != 2 {
		t.Errorf("released: %v, want frontend and user", d.Release)
	}
	p.set(Service{Set: "of-v2", Stands: true}, naming.Services...)
	p.facts.Images = v1alpha1.Images{User: "user:v2"}
	if d := p.expect(v1alpha1.PhaseComplete); d.Window || p.status.Current.Version != "v2" || p.status.Current.Images.User != "user:v2" {
		t.Errorf("at the end: %+v", d)
	}
}

func TestWhatFailsTakesAllServicesBack(t *testing.T) {
	verdict := Verdict{Failed, "AnalysisFailed", "5% of the answers were errors"}
	broken := Verdict{Broken, "AnalysisError", "Prometheus did not answer"}
	cases := map[string]struct {
		given   func(*testing.T) *play
		happens func(*play)
		reason  string
		retried bool
	}{
		"a failed analysis": {halfway, func(p *play) { p.set(Service{Set: "of-v2", Trouble: verdict}, naming.Content) }, "AnalysisFailed", false},
		"a verdict counts more than what is broken": {halfway, func(p *play) {
			p.set(Service{Set: "of-v2", Trouble: broken}, naming.Content)
			p.set(Service{Set: "of-v2", Trouble: verdict}, naming.Comment)
		}, "AnalysisFailed", false},
		"a broken analysis":          {halfway, func(p *play) { p.set(Service{Set: "of-v2", Trouble: broken}, naming.User) }, "AnalysisError", true},
		"a failed Verify":            {waiting, func(p *play) { p.facts.Verify = Verdict{Failed, "VerifyFailed", "no page"} }, "VerifyFailed", false},
		"a Verify that cannot run":   {waiting, func(p *play) { p.facts.Verify = Verdict{Broken, "VerifyTimeout", "no pod"} }, "VerifyTimeout", true},
		"a Verify that never starts": {waiting, func(p *play) { p.expect(v1alpha1.PhaseVerifying); p.later(limits.Progress) }, "VerifyTimeout", true},
		"a canary that never starts": {halfway, func(p *play) { p.expect(v1alpha1.PhaseProgressing); p.later(limits.Progress) }, "DeadlineExceeded", true},
		"a request":                  {halfway, func(p *play) { p.facts.Request = "abort v2" }, "AbortRequested", false},
		"a request while committing": {committing, func(p *play) { p.facts.Request = "abort v2" }, "AbortRequested", false},
		"a commit that gets stuck":   {committing, func(p *play) { p.expect(v1alpha1.PhaseCommitting); p.later(limits.Progress) }, "CommitTimeout", true},
		"pods that die in a commit":  {committing, func(p *play) { p.set(Service{Set: "of-v2", Trouble: broken}, naming.User) }, "AnalysisError", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := c.given(t)
			c.happens(p)
			d := p.expect(v1alpha1.PhaseAborting)
			p.on(false, false)
			failure := FailureOf(p.status)
			if !d.Window || failure == nil || failure.Reason != c.reason || (failure.RetryTime != nil) != c.retried {
				t.Fatalf("%+v, failure %+v", d, failure)
			}
			if next := p.status.NextCheckTime; (next != nil) != c.retried {
				t.Errorf("it is looked at again at %v", next)
			}
			p.facts.Verify = Verdict{}
			p.set(Service{Set: "of-v1"}, naming.User)
			p.expect(v1alpha1.PhaseAborting)
			p.set(Service{Set: "of-v1", Stands: true}, naming.Services...)
			d = p.expect(v1alpha1.PhaseAborted)
			p.on(false, false)
			if d.Window || !d.Stopped() || d.Verifying() {
				t.Errorf("after the way back: %+v", d)
			}
			p.facts.Now = p.facts.Now.Add(365 * 24 * time.Hour)
			if want := v1alpha1.PhaseProgressing; c.retried {
				p.expect(want)
			} else {
				p.expect(v1alpha1.PhaseAborted)
			}
		})
	}
}

func TestTroubleWithTheCurrentReleaseIsNoFailureOfTheTarget(t *testing.T) {
	p := halfway(t)
	p.set(Service{Set: "of-v1", Trouble: Verdict{Broken, "DeadlineExceeded", "x"}}, naming.Frontend)
	p.expect(v1alpha1.PhaseProgressing)
}

func TestPausesBetweenAttemptsGrow(t *testing.T) {
	p := halfway(t)
	var pauses []string
	for range 8 {
		p.set(Service{Set: "of-v2", Trouble: Verdict{Broken, "DeadlineExceeded", "no such image"}}, naming.DataServices...)
		p.expect(v1alpha1.PhaseAborting)
		attempt, next := p.status.Attempt, p.status.NextCheckTime.Time
		pauses = append(pauses, next.Sub(p.facts.Now).String())
		p.set(Service{Set: "of-v1", Stands: true}, naming.Services...)
		p.expect(v1alpha1.PhaseAborted)
		p.facts.Now = next.Add(-time.Second)
		p.expect(v1alpha1.PhaseAborted)
		p.facts.Now = next
		p.expect(v1alpha1.PhaseProgressing)
		if p.status.Attempt != attempt+1 {
			t.Errorf("attempt %d follows %d", p.status.Attempt, attempt)
		}
	}
	if got, want := strings.Join(pauses, " "), "1m0s 2m0s 4m0s 8m0s 16m0s 32m0s 1h0m0s 1h0m0s"; got != want {
		t.Errorf("pauses %s, want %s", got, want)
	}
	if n := FailureOf(p.status).Count; n != 8 {
		t.Errorf("%d failures are remembered, want 8", n)
	}
}

func TestAFailedSetIsNotTriedAgainHoweverItComesBack(t *testing.T) {
	p := halfway(t)
	p.set(Service{Set: "of-v2", Trouble: Verdict{Failed, "AnalysisFailed", "bad"}}, naming.User)
	p.expect(v1alpha1.PhaseAborting)
	p.set(Service{Set: "of-v1", Stands: true}, naming.Services...)
	p.facts.Wanted = identity("v3")
	p.expect(v1alpha1.PhaseProgressing)
	p.facts.Wanted = identity("v2")
	p.expect(v1alpha1.PhaseAborted)
	p.on(false, false)
	p.facts.Request = "retry v2"
	p.expect(v1alpha1.PhaseProgressing)
	p.on(true, false)
}

// TestAReleaseThatIsEditedOnItsWayComesBackFirst: a share of the readers is led
// to the canary, whose pods must not be exchanged for others under them.
func TestAReleaseThatIsEditedOnItsWayComesBackFirst(t *testing.T) {
	p := waiting(t)
	p.facts.Wanted = identity("v3")
	before := p.status.Attempt
	p.expect(v1alpha1.PhaseMigrating)
	p.on(false, false)
	p.set(Service{Set: "of-v1", Stands: true}, naming.Frontend, naming.User)
	p.expect(v1alpha1.PhaseMigrating)
	p.set(Service{Set: "of-v1", Stands: true}, naming.Services...)
	d := p.expect(v1alpha1.PhaseProgressing)
	p.on(true, false)
	if d.Status.Attempt != before+1 || len(d.Status.Failures) > 0 {
		t.Errorf("%+v", d.Status)
	}
}

func TestACommitComesToItsEndBeforeTheNextRelease(t *testing.T) {
	p := committing(t)
	p.facts.Wanted = identity("v3")
	p.expect(v1alpha1.PhaseCommitting)
	if p.status.Target.Version != "v2" {
		t.Errorf("the target is %s", p.status.Target.Version)
	}
	p.set(Service{Set: "of-v2", Stands: true}, naming.Services...)
	p.expect(v1alpha1.PhaseComplete)
	p.expect(v1alpha1.PhaseProgressing)
	if p.status.Target.Version != "v3" || p.status.Current.Version != "v2" {
		t.Errorf("%+v", p.status)
	}
}

// TestAFixThatIsReleasedDuringACommitThatFails does not close the way back: a
// service that has committed alone takes the shortest one.
func TestAFixThatIsReleasedDuringACommitThatFails(t *testing.T) {
	p := committing(t)
	p.set(Service{Set: "of-v2", Stands: true, Healthy: true, Window: true}, naming.User, naming.Content)
	p.set(Service{Set: "of-v2", Window: true, Trouble: Verdict{Broken, "AnalysisError", "x"}}, naming.Comment)
	p.facts.Wanted = identity("v3")
	p.expect(v1alpha1.PhaseAborting)
	if d := p.expect(v1alpha1.PhaseMigrating); !d.Window {
		t.Error("the window is closed")
	}
	p.on(false, false)
	p.set(Service{Set: "of-v1", Window: true, AtBarrier: true}, naming.User, naming.Content)
	if d := p.expect(v1alpha1.PhaseMigrating); len(d.Release) != 2 {
		t.Errorf("%v are let go, want user and content", d.Release)
	}
	p.set(Service{Set: "of-v1", Stands: true}, naming.Services...)
	if d := p.expect(v1alpha1.PhaseProgressing); d.Window {
		t.Error("the window is open for v3")
	}
}

// TestAServiceThatServesNobodyTakesNoStepsThatProtectReaders: there are none, and they wait for the fix.
func TestAServiceThatServesNobodyTakesNoStepsThatProtectReaders(t *testing.T) {
	p := running(t)
	p.set(Service{Set: "of-v1", Stands: true, Down: true}, naming.Comment)
	p.facts.Wanted = identity("v2")
	d := p.expect(v1alpha1.PhaseProgressing)
	p.on(true, false)
	if len(d.Short) != 1 || d.Short[0] != naming.Comment {
		t.Errorf("short: %v", d.Short)
	}
}

// TestWithoutAFrontendNobodyIsServed: then all services go at once.
func TestWithoutAFrontendNobodyIsServed(t *testing.T) {
	p := running(t)
	p.set(Service{Set: "of-v1", Stands: true, Down: true}, naming.Frontend)
	p.facts.Wanted = identity("v2")
	d := p.expect(v1alpha1.PhaseProgressing)
	p.on(true, true)
	if len(d.Short) != 4 {
		t.Errorf("short: %v", d.Short)
	}
	p.set(Service{Set: "of-v2", Trouble: Verdict{Failed, "AnalysisFailed", "worse"}}, naming.Services...)
	if d = p.expect(v1alpha1.PhaseAborting); d.Short != nil {
		t.Errorf("on the way back: %v", d.Short)
	}
}

func TestGoingBackToTheCurrentReleaseIsOneEdit(t *testing.T) {
	p := waiting(t)
	p.facts.Wanted = identity("v1")
	d := p.expect(v1alpha1.PhaseProgressing)
	p.on(true, true)
	if !d.Window {
		t.Error("the way back has steps")
	}
	p.set(Service{Set: "of-v1", Stands: true}, naming.Services...)
	p.expect(v1alpha1.PhaseComplete)
	p.set(Service{Set: "of-v1"}, naming.User)
	p.expect(v1alpha1.PhaseComplete) // a pod that is restarted is no release
}

func TestAFirstReleaseIsJudgedByVerifyAlone(t *testing.T) {
	p := &play{T: t, facts: Facts{Now: start, Wanted: identity("v1"), Services: map[naming.Service]Service{}}}
	if d := p.expect(v1alpha1.PhaseInstalling); !d.Hold || !d.First || d.Direct {
		t.Errorf("before the migrations: %+v", d)
	}
	p.on(true, true)
	p.facts.Prepared = true
	p.set(Service{Set: "of-v1", Steps: true}, naming.Services...)
	p.expect(v1alpha1.PhaseInstalling)

	// What never ran is replaced without steps, which come back before Verify.
	p.facts.Wanted = identity("v2")
	if d := p.expect(v1alpha1.PhaseInstalling); !d.Direct {
		t.Errorf("another first release: %+v", d)
	}
	p.set(Service{Set: "of-v2"}, naming.Services...)
	if d := p.expect(v1alpha1.PhaseInstalling); !d.Direct {
		t.Errorf("on its way: %+v", d)
	}
	p.set(Service{Set: "of-v2", Stands: true, Healthy: true, Steps: true}, naming.Services...)
	if d := p.expect(v1alpha1.PhaseVerifying); d.Direct || !d.Verifying() {
		t.Errorf("when it is there: %+v", d)
	}
	p.facts.Verify = Verdict{Failed, "VerifyFailed", "no certificate"}
	p.expect(v1alpha1.PhaseVerifying)
	p.facts.Verify = Verdict{Outcome: Passed}
	p.expect(v1alpha1.PhaseComplete)
	if p.status.Current.Version != "v2" {
		t.Errorf("%+v", p.status)
	}
}

func TestAPausedReleaseHaltsUntilItIsResumed(t *testing.T) {
	p := halfway(t)
	p.facts.Request = "pause v2"
	if d := p.expect(v1alpha1.PhaseProgressing); !slices.Equal(d.Halted, naming.DataServices) {
		t.Errorf("%v halt, want the data services: the frontend has not begun, and scales on", d.Halted)
	}
	p.set(Service{Set: "of-v2", AtBarrier: true}, naming.DataServices...)
	if d := p.expect(v1alpha1.PhaseProgressing); len(d.Halted) > 0 {
		t.Errorf("%v halt, though they wait at the barrier anyway", d.Halted)
	}
	p.on(true, false)
	p.facts.Request = "resume v2"
	if d := p.expect(v1alpha1.PhaseProgressing); len(d.Halted) > 0 {
		t.Errorf("%+v", d)
	}
	p.on(true, true)
	p.set(Service{Set: "of-v2", AtBarrier: true}, naming.Frontend)
	p.facts.Request = "pause v2"
	if d := p.expect(v1alpha1.PhaseVerifying); len(d.Halted) > 0 {
		t.Errorf("%v halt at the barrier", d.Halted)
	}
	p.facts.Verify = Verdict{Outcome: Passed}
	p.expect(v1alpha1.PhaseVerifying)
	p.facts.Request = ""
	p.expect(v1alpha1.PhaseVerifying)
	p.facts.Request = "resume v2"
	p.expect(v1alpha1.PhaseCommitting)
}

func TestAPauseBeforeTheFirstPodHoldsItBack(t *testing.T) {
	p := running(t)
	p.facts.Wanted, p.facts.Prepared = identity("v2"), false
	p.expect(v1alpha1.PhaseMigrating)
	p.facts.Prepared, p.facts.Request = true, "pause v2"
	if d := p.expect(v1alpha1.PhaseMigrating); len(d.Halted) > 0 {
		t.Error("the current release is paused")
	}
	p.facts.Request = "resume v2"
	p.expect(v1alpha1.PhaseProgressing)
}

func TestARequestIsHonoredOnce(t *testing.T) {
	p := halfway(t)
	p.facts.Request = "abort v2"
	p.expect(v1alpha1.PhaseAborting)
	p.facts.Request = "retry v2" // waits until all are back
	p.expect(v1alpha1.PhaseAborting)
	p.set(Service{Set: "of-v1", Stands: true}, naming.Services...)
	p.expect(v1alpha1.PhaseAborted)
	p.expect(v1alpha1.PhaseProgressing)
	p.set(Service{Set: "of-v2", Trouble: Verdict{Failed, "AnalysisFailed", "bad"}}, naming.User)
	p.expect(v1alpha1.PhaseAborting)
	p.set(Service{Set: "of-v1", Stands: true}, naming.Services...)
	p.expect(v1alpha1.PhaseAborted)
	p.expect(v1alpha1.PhaseAborted) // the annotation is still there
	p.facts.Request = "retry v2 please"
	p.expect(v1alpha1.PhaseProgressing)
}

func TestARequestThatMakesNoSenseIsRefusedWithAReason(t *testing.T) {
	for request, says := range map[string]string{
		"abort":                      "write the verb and the version",
		"abort v9":                   "v9 is not the release that is worked towards, which is v1",
		"abort v1":                   "release v1 is not on its way: its phase is Complete",
		"pause v1":                   "release v1 is not on its way",
		"resume v1":                  "release v1 is not paused",
		"retry v1":                   "release v1 has not failed: its phase is Complete",
		"promote v1":                 `"promote" is none of pause, resume, abort and retry`,
		strings.Repeat("long ", 999): "write the verb and the version",
	} {
		p := running(t)
		p.facts.Request = request
		p.expect(v1alpha1.PhaseComplete)
		answer := p.status.Request
		if answer.Answer != v1alpha1.RequestRefused || !strings.Contains(answer.Message, says) || len(answer.Value) > maxRequest {
			t.Errorf("%.20q is answered %+v, want it to say %q", request, answer, says)
		}
	}
}

func TestNothingIsDecidedForASuspendedPlatform(t *testing.T) {
	p := waiting(t)
	p.facts.Verify, p.facts.Suspended, p.facts.Wanted = Verdict{Outcome: Passed}, true, identity("v3")
	before := *p.status.DeepCopy()
	d := p.expect(v1alpha1.PhaseVerifying)
	p.on(true, true)
	if len(d.Release) > 0 || d.Status.Target != before.Target {
		t.Errorf("%+v", d)
	}
}

func TestDecidingDoesNotTouchWhatItIsTold(t *testing.T) {
	p := halfway(t)
	p.status.Failures = []v1alpha1.ReleaseFailure{{Digest: "of-v2", Reason: "A"}, {Digest: "of-v0", Reason: "B"}}
	now := metav1.NewTime(start)
	p.status.PhaseTime = &now
	p.set(Service{Set: "of-v2", Trouble: Verdict{Failed, "AnalysisFailed", "bad"}}, naming.User)
	status := p.status.DeepCopy()
	Decide(p.status, p.facts)
	if p.status.Failures[0] != status.Failures[0] || p.status.Failures[1] != status.Failures[1] || !p.status.PhaseTime.Equal(status.PhaseTime) {
		t.Errorf("%+v", p.status)
	}
}

// TestAClosedGateHoldsTheNextAttempt: what broke in a window is not tried again
// out of it, neither by itself nor by request; nobody is woken up in between.
func TestAClosedGateHoldsTheNextAttempt(t *testing.T) {
	p := halfway(t)
	p.set(Service{Set: "of-v2", Trouble: Verdict{Broken, "AnalysisError", "Prometheus did not answer"}}, naming.Content)
	p.expect(v1alpha1.PhaseAborting)
	p.set(Service{Set: "of-v1", Stands: true, Healthy: true}, naming.Services...)
	p.expect(v1alpha1.PhaseAborted)
	retry := p.status.NextCheckTime
	if retry == nil {
		t.Fatal("it is never tried again")
	}
	p.facts.Closed = true
	if p.expect(v1alpha1.PhaseAborted); !p.status.NextCheckTime.Equal(retry) {
		t.Errorf("it is looked at again at %v, want %v", p.status.NextCheckTime, retry)
	}
	p.facts.Now = retry.Time
	if p.expect(v1alpha1.PhaseAborted); p.status.NextCheckTime != nil {
		t.Errorf("it is looked at again at %v, though only the gate knows when", p.status.NextCheckTime)
	}
	p.facts.Request = "retry v2"
	if p.expect(v1alpha1.PhaseAborted); p.status.Request.Answer != v1alpha1.RequestRefused || !strings.Contains(p.status.Request.Message, "window") {
		t.Errorf("the request is answered by %+v", p.status.Request)
	}
	p.facts.Closed = false
	p.expect(v1alpha1.PhaseProgressing)
}

// TestWhatOthersSayFitsIntoStatus: the API server would refuse a longer one with
// all the rest, and with it everything that follows from the decision.
func TestWhatOthersSayFitsIntoStatus(t *testing.T) {
	p := halfway(t)
	p.set(Service{Set: "of-v2", Trouble: Verdict{Failed, "AnalysisFailed", strings.Repeat("denié; ", 5000)}}, naming.User)
	p.expect(v1alpha1.PhaseAborting)
	if message := FailureOf(p.status).Message; utf8.RuneCountInString(message) != 1024 || !strings.HasSuffix(message, "…") {
		t.Errorf("the message of the failure has %d characters: %.40s", utf8.RuneCountInString(message), message)
	}
	p = running(t)
	p.facts.Request = strings.Repeat("\x01", 200) + " v1"
	p.expect(v1alpha1.PhaseComplete)
	if n := utf8.RuneCountInString(p.status.Request.Message); n > 512 {
		t.Errorf("a request is answered in %d characters", n)
	}
	if text := shortened("short", 5); text != "short" {
		t.Errorf("%q", text)
	}
}
