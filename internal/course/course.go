package course

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/release"
)

// Course is what one reconcile works towards.
type Course struct {
	// Problem says why the spec cannot be realised; nil if it can.
	Problem *plan.Problem
	// Status is what to remember. It is written before anything is done that could
	// not be understood without it.
	Status v1alpha1.BlogPlatformStatus
	// WriteAhead is true if a reconcile that does not know Status would decide differently.
	WriteAhead bool
	// Gate says whether the platform may run the release of its spec.
	Gate promote.Decision
	// PodsWait says why the pods of the current release may not be replaced now by those
	// that the spec asks for, DatabaseWaits why PostgreSQL may not be restarted now. Both
	// are nil if nothing waits.
	PodsWait, DatabaseWaits *promote.Decision
	// Unsafe says why the release of the spec cannot run on the database any more.
	Unsafe error
	// Lost is the version of a release under way whose set was deleted; usually empty.
	Lost string
	// Overridden is true if the gate lets a release begin now because of an override.
	Overridden bool
	// Target is the set that is worked towards, Good the one that was verified last,
	// nil before the first.
	Target plan.Set
	Good   *plan.Set
	// Release is how the release goes on. It is empty if nothing may run.
	Release release.Decision
	// Input is what the desired state is planned from.
	Input plan.Input
}

// Of decides what to work towards. An error is a defect.
func Of(now time.Time, platform *v1alpha1.BlogPlatform, state observed.State) (Course, error) {
	if problem := hostProblem(platform, state.Hosts); problem != nil {
		return WithProblem(now, platform, state, problem)
	}
	d := newDecider(now, platform, state)
	d.inherit()
	wanted := d.askGate()
	if wanted.Version == "" { // the gate refuses the first release
		return refusedByGate(now, platform, state, d.Gate), nil
	}
	d.askDatabase()
	if err := d.findSets(wanted); err != nil {
		return Course{}, err
	}
	err := d.decide()
	return d.Course, err
}

// WithProblem is the course of a platform whose spec cannot be realised. Nothing new
// begins, but a release that is under way goes on or back, by the sets that were kept.
func WithProblem(now time.Time, platform *v1alpha1.BlogPlatform, state observed.State, problem *plan.Problem) (Course, error) {
	d := newDecider(now, platform, state)
	d.Problem = problem
	status := d.Status.Release
	if status.Current.Digest == "" || !release.Underway(status.Phase) {
		return d.Course, nil
	}
	target, good := d.keptSet(status.Target.Digest), d.keptSet(status.Current.Digest)
	if target == nil || good == nil {
		return d.Course, nil
	}
	d.Target, d.Good = *target, good
	d.Gate = promote.Decision{Closed: true} // no further attempt begins
	err := d.decide()
	return d.Course, err
}

// refusedByGate is the course of a platform whose gate refuses the first release.
// Nothing is created.
func refusedByGate(now time.Time, platform *v1alpha1.BlogPlatform, state observed.State, gate promote.Decision) Course {
	d := newDecider(now, platform, state)
	d.Gate, d.Problem = gate, &plan.Problem{Reason: gate.Reason, Message: gate.Message}
	d.Release.Status.NextCheckTime = d.nextCheck()
	d.Status.Release.NextCheckTime = d.Release.Status.NextCheckTime
	return d.Course
}

// Serving is the release that readers see when the platform is as the course wants it.
func (c Course) Serving() v1alpha1.Release {
	if c.Release.FrontendOnTarget || c.Good == nil {
		return c.Target.Release
	}
	return c.Good.Release
}

// Migrated is the release whose migrations MigrationsReady reports: the last good
// one after an abort, else the target.
func (c Course) Migrated() v1alpha1.Release {
	if c.Release.Stopped() && c.Good != nil {
		return c.Good.Release
	}
	return c.Target.Release
}

// RefusedByGate tells whether the problem is that the gate refuses the first release.
func (c Course) RefusedByGate() bool {
	return c.Problem != nil && !c.Gate.Allowed && c.Problem.Reason == c.Gate.Reason
}

// decider makes one course. Its Status is a copy.
type decider struct {
	Course
	now      time.Time
	platform *v1alpha1.BlogPlatform
	names    naming.Platform
	state    observed.State
}

func newDecider(now time.Time, platform *v1alpha1.BlogPlatform, state observed.State) *decider {
	d := &decider{Course: Course{Status: *platform.Status.DeepCopy()}, now: now, platform: platform, names: naming.Of(keyOf(platform)), state: state}
	d.noticeDatabase()
	return d
}

// withStatus is the platform with the status that was decided so far.
func (d *decider) withStatus() *v1alpha1.BlogPlatform {
	platform := *d.platform
	platform.Status = d.Status
	return &platform
}

func (d *decider) suspended() bool { return d.platform.Spec.Suspend != nil && *d.platform.Spec.Suspend }

// noticeDatabase forgets what migrations have reported of the database if it is a
// different one now, or was restored. They run again on it, and report what they find.
func (d *decider) noticeDatabase() {
	identity, known := plan.DatabaseIdentity(d.state.Database), &d.Status.Database
	if identity != "" && identity != known.Identity {
		known.Identity, known.Schemas = identity, nil
	}
}

// inherit notes that the platform was created over the data of one before it, while
// it has begun no release itself.
func (d *decider) inherit() {
	data := d.state.Database != nil || slices.ContainsFunc(d.state.Volumes, func(claim corev1.PersistentVolumeClaim) bool { return claim.DeletionTimestamp == nil })
	if data && len(d.Status.History) == 0 {
		d.Status.Release.Inherited = new(true)
	}
}

// decide asks internal/release how the release goes on.
func (d *decider) decide() error {
	prepared, migrations, err := d.prepared()
	if err != nil {
		return err
	}
	verdict, test := d.verify()
	before := d.Status.Release
	d.Release = release.Decide(before, release.Facts{
		Now: d.now, Acting: d.state.Acting, Limits: release.Limits(plan.LimitsOf(d.platform)),
		Wanted: identityOf(d.Target), Images: d.Target.Release.Images, Prepared: prepared, Migrations: migrations, Services: d.state.Services,
		Verify: verdict, Test: test, Request: d.platform.Annotations[naming.AnnotationRequest], Closed: d.Gate.Closed, Suspended: d.suspended(),
	})
	d.Release.Status.NextCheckTime = d.nextCheck()
	reportCanary(&d.Release.Status, d.names, d.state)
	d.Input = d.input()
	d.remember()
	after := d.Release.Status
	d.WriteAhead = !d.Release.First && (before.Phase != after.Phase || before.Attempt != after.Attempt || !equality.Semantic.DeepEqual(before.Failures, after.Failures))
	return nil
}

// remember puts the decision into the status.
func (d *decider) remember() {
	d.Status.Release = d.Release.Status
	d.Status.History = release.Record(d.Status.History, d.Release.Status, metav1.NewTime(d.now).Rfc3339Copy())
	if d.Problem == nil {
		d.rememberGate()
	}
}

// rememberGate notes in the history what later decisions of gates go by, and an
// override, which is used up by that. It also notes a release that waits for a window.
func (d *decider) rememberGate() {
	defer func() { d.Status.Release.Waiting = d.Gate.Waiting }()
	head := &d.Status.History[0]
	if head.Version != d.Target.Release.Version || head.Digest != d.Target.Digest {
		return // a suspended platform keeps its target
	}
	head.ImagesDigest = promote.ImagesDigest(d.Target.Release.Images)
	if d.Gate.Override != "" && d.Target.Release == d.platform.Spec.Release {
		d.Overridden = head.Override != d.Gate.Override
		head.Override = d.Gate.Override
		d.Status.Release.Override = v1alpha1.OverrideStatus{Value: d.Gate.Override, ImagesDigest: head.ImagesDigest}
	}
}

// nextCheck is when to look at the release again: at the time that the release names
// or, if that is earlier, when the answer of the gate changes. For a release that the
// gate let through that matters only if it is to be tried again.
func (d *decider) nextCheck() *metav1.Time {
	next, at := d.Release.Status.NextCheckTime, metav1.NewTime(d.Gate.NextCheck.UTC())
	waiting, failure := cmp.Or(d.PodsWait, d.DatabaseWaits), release.FailureOf(d.Release.Status)
	if waiting != nil {
		at = metav1.NewTime(waiting.NextCheck.UTC())
	}
	if at.IsZero() || d.suspended() || waiting == nil && d.Gate.Closed && (failure == nil || failure.RetryTime == nil) {
		return next
	}
	if next == nil || at.Before(next) {
		return &at
	}
	return next
}

// input is what the desired state is planned from.
func (d *decider) input() plan.Input {
	in := d.before()
	r := d.Release
	if !r.DataOnTarget {
		in.Run.Data = d.Good
	}
	if !r.FrontendOnTarget {
		in.Run.Frontend = d.Good
	}
	in.Run.Attempt = r.Status.Attempt
	in.Run.Direct, in.Run.Committing, in.Run.Short, in.Run.Paused = r.Direct, r.Window, r.Short, r.Halted
	in.Run.WithoutMigrations, in.Run.WithoutVerify = r.Stopped(), !r.Verifying()
	return in
}

// before is the input before the decision, as if all services ran the target.
func (d *decider) before() plan.Input {
	return plan.Input{
		Platform: d.platform, Release: d.Target.Release,
		Run:      plan.Run{Target: &d.Target, Kept: d.kept(), Contract: d.contract(), Good: d.Good},
		Observed: d.state.CoWritten, Database: d.state.Database, Volumes: d.state.Volumes, HoldDatabase: d.DatabaseWaits != nil,
	}
}

func identityOf(set plan.Set) v1alpha1.ReleaseIdentity {
	return v1alpha1.ReleaseIdentity{Version: set.Release.Version, Digest: set.Digest}
}

// planError names the platform whose plan has a defect.
func (d *decider) planError(err error) error {
	return fmt.Errorf("plan BlogPlatform %s/%s: %w", d.names.Namespace, d.names.Name, err)
}
