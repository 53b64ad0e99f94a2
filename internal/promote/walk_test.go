package promote

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// life is a staging and a production at random, and what an onlooker with a
// good memory knows of them.
type life struct {
	*testing.T
	random              *rand.Rand
	now                 time.Time
	staging, production *v1alpha1.BlogPlatform
	// runs is what staging has verified and runs, soaked the longest time without
	// a break for which it has run each build, in seconds.
	runs   string
	soaked map[string]int
	streak int
	// down is true while staging does not serve, failed are builds that failed there after all.
	down   bool
	failed map[string]bool
	// waiting is the build that has passed all but the window.
	waiting string
	// verifiedHere are the builds that production has verified itself.
	verifiedHere map[string]bool
}

var builds = []string{"v1", "v2", "v3", "v4"}

func newLife(t *testing.T, seed uint64) *life {
	l := &life{T: t, random: rand.New(rand.NewPCG(seed, 2)), now: noon, staging: staging(), production: production("v1"), soaked: map[string]int{}, failed: map[string]bool{}, verifiedHere: map[string]bool{"v1": true}}
	if l.chance(70) {
		l.production.Spec.Promotion.SoakSeconds = new(1 + l.random.Int32N(1200))
	}
	if l.chance(70) {
		l.production.Spec.Promotion.Windows = []v1alpha1.PromotionWindow{{Days: []v1alpha1.Day{"Wed", "Thu"}, Start: "12:10", DurationMinutes: 1 + l.random.Int32N(40)}}
	}
	return l
}

func (l *life) chance(percent int) bool { return l.random.IntN(100) < percent }
func (l *life) build() string           { return builds[l.random.IntN(len(builds))] }

// pass lets time go by.
func (l *life) pass() {
	seconds := 1 + l.random.IntN(120)
	if l.chance(2) {
		seconds += 11 * 3600
	}
	l.now = l.now.Add(time.Duration(seconds) * time.Second)
	if l.runs != "" && !l.down {
		l.streak += seconds
		l.soaked[l.runs] = max(l.soaked[l.runs], l.streak)
	}
}

// stage has staging verify a build, or fail to.
func (l *life) stage() {
	build, outcome := l.build(), v1alpha1.OutcomeSucceeded
	if l.chance(30) {
		outcome = v1alpha1.OutcomeAborted
	}
	r := record(build, outcome, 0, 0)
	r.StartTime, r.CompletionTime = metav1.NewTime(l.now), new(metav1.NewTime(l.now))
	if outcome == v1alpha1.OutcomeSucceeded && l.runs != build {
		if l.was(build) {
			l.soaked[l.runs] = 0 // it went back
		}
		l.runs, l.streak = build, 0
	}
	l.staging.Status.History = slices.Insert(l.staging.Status.History, 0, r)
	l.failed[build] = outcome != v1alpha1.OutcomeSucceeded
	if outcome == v1alpha1.OutcomeSucceeded {
		l.soaked[build] += 0
		l.staging.Status.Release.Current = v1alpha1.ReleaseIdentity{Version: r.Version, Digest: r.Digest}
	}
	l.serve()
}

// was tells whether staging ran a build before the one that it runs.
func (l *life) was(build string) bool {
	return slices.ContainsFunc(l.staging.Status.History, func(r v1alpha1.ReleaseRecord) bool {
		return r.Version == build && r.Outcome == v1alpha1.OutcomeSucceeded
	})
}

// serve has staging note whether it serves.
func (l *life) serve() {
	why := ""
	if l.down {
		why, l.streak = "spec.suspend is true", 0
		l.soaked[l.runs] = 0
	}
	if l.runs == "" {
		delete(l.soaked, "")
	}
	l.staging.Status.History = Soak(l.staging.Status.History, l.staging.Status.Release.Current, why, metav1.NewTime(l.now))
}

// deliver has production do what the gate allows.
func (l *life) deliver(d Decision) {
	p, version := l.production, l.production.Spec.Release.Version
	if !d.Allowed || p.Status.Release.Target.Version == version {
		return
	}
	r := record(version, v1alpha1.OutcomeInProgress, 0, 0)
	p.Status.History = slices.Insert(p.Status.History, 0, r)
	p.Status.Release.Target, p.Status.Release.Phase = v1alpha1.ReleaseIdentity{Version: version, Digest: r.Digest}, v1alpha1.PhaseProgressing
}

// finish ends what is on its way in production.
func (l *life) finish() {
	status := &l.production.Status
	if status.Release.Phase != v1alpha1.PhaseProgressing {
		return
	}
	head := &status.History[0]
	head.CompletionTime = new(metav1.NewTime(l.now))
	if l.chance(40) {
		head.Outcome, status.Release.Phase = v1alpha1.OutcomeAborted, v1alpha1.PhaseAborted
		return
	}
	head.Outcome, status.Release.Phase = v1alpha1.OutcomeSucceeded, v1alpha1.PhaseComplete
	status.Release.Current = v1alpha1.ReleaseIdentity{Version: head.Version, Digest: head.Digest, Images: releaseOf(head.Version).Images}
	l.verifiedHere[head.Version] = true
}

// fair is what the onlooker thinks of a release that would begin.
func (l *life) fair(version string) bool {
	soaked, verified := l.soaked[version]
	if l.waiting == version {
		return !l.failed[version] && l.open()
	}
	needed := 0
	if s := l.production.Spec.Promotion.SoakSeconds; s != nil {
		needed = int(*s)
	}
	if !verified || l.failed[version] || soaked < needed {
		return false
	}
	if !l.open() {
		l.waiting = version
	}
	return l.open()
}

func (l *life) open() bool {
	windows := l.production.Spec.Promotion.Windows
	if len(windows) == 0 {
		return true
	}
	start := time.Date(l.now.Year(), l.now.Month(), l.now.Day(), 12, 10, 0, 0, time.UTC)
	day := l.now.Weekday()
	return (day == time.Wednesday || day == time.Thursday) && !l.now.Before(start) && l.now.Before(start.Add(time.Duration(windows[0].DurationMinutes)*time.Minute))
}

// TestTheGateIsFairAndLooksAgainInTime: whatever happens, a release begins if
// and only if an onlooker would say that it may, what has begun or was verified
// here is let through always, and a refusal ends exactly when it said, or not
// without an event.
func TestTheGateIsFairAndLooksAgainInTime(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(400) {
		l := newLife(t, seed)
		for step := range 120 {
			l.pass()
			switch {
			case l.chance(8):
				l.stage()
			case l.chance(5):
				l.down = !l.down
				l.serve()
			case l.chance(10):
				l.production.Spec.Release = releaseOf(l.build())
			case l.chance(15):
				l.finish()
			}
			d := l.check(fmt.Sprintf("seed %d, step %d", seed, step))
			seen[d.Reason]++
			if l.production.Status.Release.Waiting = d.Waiting; d.Waiting.Version == "" {
				l.waiting = ""
			}
			l.deliver(d)
		}
	}
	for _, reason := range []string{ReasonAllowed, ReasonNotVerified, ReasonFailedInStaging, ReasonSoaking, ReasonSoakInterrupted, ReasonWindowClosed} {
		if seen[reason] < 50 {
			t.Errorf("of %s there were only %d cases: %v", reason, seen[reason], seen)
		}
	}
}

func (l *life) check(where string) Decision {
	l.Helper()
	version := l.production.Spec.Release.Version
	begun := l.production.Status.Release.Target.Version == version || l.production.Status.Release.Current.Version == version
	d := Decide(l.production, l.staging, l.now)
	if want := begun || l.verifiedHere[version] || l.fair(version); d.Allowed != want {
		l.Fatalf("%s: %s is allowed: %v, want %v: %+v", where, version, d.Allowed, want, d)
	}
	if d.Allowed {
		if aborted := l.production.Status.Release.Phase == v1alpha1.PhaseAborted; d.Closed != (begun && aborted && !l.open()) {
			l.Fatalf("%s: %+v, and the window is open: %v", where, d, l.open())
		}
		return d
	}
	if d.NextCheck.IsZero() {
		if later := Decide(l.production, l.staging, l.now.Add(30*24*time.Hour)); later.Reason != d.Reason {
			l.Fatalf("%s: %+v becomes %+v by itself", where, d, later)
		}
		return d
	}
	before, then := Decide(l.production, l.staging, d.NextCheck.Add(-time.Second)), Decide(l.production, l.staging, d.NextCheck)
	if !d.NextCheck.After(l.now) || before.Reason != d.Reason || then.Reason == d.Reason {
		l.Fatalf("%s: at %s %+v\n a second before its time: %+v\n then: %+v", where, l.now, d, before, then)
	}
	return d
}
