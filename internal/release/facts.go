package release

import (
	"time"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// Facts are what a reconcile has observed.
type Facts struct {
	Now time.Time
	// Acting is since when the operator has looked after the platform without a
	// gap. What was not done before is nobody's fault.
	Acting time.Time
	// Limits are how long a release may take without progress.
	Limits Limits
	// Wanted is the set that the platform should run.
	Wanted v1alpha1.ReleaseIdentity
	// Images of the target.
	Images v1alpha1.Images
	// Prepared is true once the target is kept and its migrations are done, so
	// that its pods may start.
	Prepared bool
	// Services tells how far each Rollout has come.
	Services map[naming.Service]Service
	// Verify is the verdict of the target's Verify Job in this attempt.
	Verify Verdict
	// Migrations and Test tell how far the target's migrations and its Verify Job have come.
	Migrations, Test Task
	// Request is the value of the annotation blogplatform.io/request.
	Request string
	// Closed is true while no further attempt of a release that was taken back may begin.
	Closed bool
	// Suspended platforms are looked at, and nothing is decided.
	Suspended bool
}

// Limits are how long a release may take without progress.
type Limits struct {
	// Progress is the limit for whatever does not take its time by design.
	Progress time.Duration
	// Analysis, Migration and Verify come on top of it while one of them runs.
	Analysis, Migration, Verify time.Duration
}

// Task is how far Jobs have come that a phase waits for.
type Task struct {
	// Done is how many of them have finished well.
	Done int32
	// Started is true while a container of the next one runs, or once it has.
	Started bool
	// Cause is why they get no further, as far as that can be seen.
	Cause string
	// Expired names the one that Kubernetes has ended by its own deadline, if any.
	Expired string
}

// Service is how far the Rollout of a service has come with the set in its
// spec. Until Argo Rollouts has observed the spec, only Set is filled in.
type Service struct {
	// Set is the digest of the set that its pod template is of.
	Set string
	// Stands is true once the pods of that template are the stable ones,
	// Healthy if there are as many of them as there should be, too.
	Stands, Healthy bool
	// Down is true if no pod serves of a service that stands and should have some.
	Down bool
	// AtBarrier is true if they have all traffic and wait at the last step.
	AtBarrier bool
	// Window is true if the Rollout may take the shortest way, Steps if it has steps to take.
	Window, Steps bool
	// Step is the index of the canary step at hand, -1 where Argo Rollouts has not
	// seen the spec. Ready is how many pods of the template are ready.
	Step, Ready int32
	// Pause is how long the step lasts by design; Analyzing is true in one that
	// lasts as long as an analysis.
	Pause     time.Duration
	Analyzing bool
	// Trouble is a verdict of Argo Rollouts on them, if it has one.
	Trouble Verdict
	// Cause is why pods are not ready, as far as that can be seen.
	Cause string
}

// arrived at a set: it is stable, or all that it takes to be so is a word of the operator.
func (s Service) arrived(set string) bool { return s.Set == set && (s.Stands || s.AtBarrier) }

// stands tells whether the pods of a set are the stable ones.
func (s Service) stands(set string) bool { return s.Set == set && s.Stands }

// Outcome of a test of the target.
type Outcome string

// The outcomes. Failed is a verdict on the target: it would fail again. Broken
// is a test that could not be made, which says nothing of the target.
const (
	Open   Outcome = ""
	Passed Outcome = "Passed"
	Failed Outcome = "Failed"
	Broken Outcome = "Broken"
)

// Verdict is the outcome of a test and, unless it passed, why.
type Verdict struct {
	Outcome Outcome
	// Reason is CamelCase, Message names the object and what is wrong with it.
	Reason, Message string
}

// bad tells of a test after which the target goes no further.
func (v Verdict) bad() bool { return v.Outcome == Failed || v.Outcome == Broken }
