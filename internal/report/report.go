package report

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/course"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/stage"
)

// Input is everything that a report is made from. It is never modified.
type Input struct {
	Now time.Time
	// Platform is the object; of its status nothing is read.
	Platform *v1alpha1.BlogPlatform
	// Before is the status with which the reconcile began: events report changes of it.
	Before v1alpha1.BlogPlatformStatus
	// Status is what the reconcile has decided to remember so far.
	Status v1alpha1.BlogPlatformStatus
	State  observed.State
	Course course.Course
	Plan   plan.Plan
	Result stage.Result
	// Err ended the reconcile before everything was observed, decided and written.
	Err error
	// Persists is true if reconciles have failed for some time.
	Persists bool
}

// Report is how a platform is.
type Report struct {
	// Status to be written.
	Status v1alpha1.BlogPlatformStatus
	Events []Event
	// Aborted is the reason for which a release was aborted in this reconcile, and
	// Refused the one for which the gate refuses since; empty if there is none.
	Aborted, Refused string
	// Next is when to look again though nothing happens; zero leaves that to the
	// regular check for drift. Poll asks for one soon.
	Next time.Time
	Poll bool
}

// reporter makes one report.
type reporter struct {
	Input
	names naming.Platform
}

func newReporter(in Input) reporter {
	return reporter{Input: in, names: naming.Of(keyOf(in.Platform))}
}

// Of reports on a reconcile, however it ended.
func Of(in Input) Report {
	r := newReporter(in)
	if in.Err != nil {
		return Report{Status: r.statusAfterError()}
	}
	now := r.conditions()
	status := *in.Status.DeepCopy()
	status.ObservedGeneration = in.Platform.Generation
	status.Conditions = r.merge(status.Conditions, now)
	if !r.deleting() {
		r.reportParts(&status)
		r.recordSoak(&status, now)
	}
	return Report{
		Status: status, Events: r.events(now, status),
		Aborted: aborted(in.Before.Release, status.Release), Refused: refused(in.Before.Conditions, status.Conditions),
		Next: r.next(), Poll: r.poll(),
	}
}

func (r reporter) deleting() bool { return !r.Platform.DeletionTimestamp.IsZero() }

func (r reporter) suspended() bool { return r.Platform.Spec.Suspend != nil && *r.Platform.Spec.Suspend }

// recordSoak notes, on Staging, for how long the current release has served users.
func (r reporter) recordSoak(status *v1alpha1.BlogPlatformStatus, now []condition) {
	if r.Platform.Spec.Environment != v1alpha1.Staging {
		return
	}
	interruption := ""
	switch available := find(now, v1alpha1.ConditionAvailable); {
	case r.suspended():
		interruption = "spec.suspend is true"
	case available.status != metav1.ConditionTrue:
		interruption = message.Quote(available.message)
	}
	status.History = promote.Soak(status.History, status.Release.Current, interruption, metav1.NewTime(r.Now).Rfc3339Copy())
}
