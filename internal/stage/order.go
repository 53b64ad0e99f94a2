package stage

import (
	"cmp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/course"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
)

// Action is what a reconcile does with a child.
type Action string

// The actions.
const (
	// Apply writes the child.
	Apply Action = "Apply"
	// Leave does not write it; it is judged as it is.
	Leave Action = "Leave"
	// Wait does not write it before an earlier stage is ready.
	Wait Action = "Wait"
	// Finished is for a Job that need not run again.
	Finished Action = "Finished"
)

// Order decides about the children of one reconcile.
type Order struct {
	names     naming.Platform
	suspended bool
	course    course.Course
	services  map[naming.Service]release.Service
}

// Of is the order of the writes that lead to the course of a platform.
func Of(platform *v1alpha1.BlogPlatform, state observed.State, course course.Course) Order {
	return Order{
		names:     naming.Platform{Namespace: platform.Namespace, Name: platform.Name},
		suspended: platform.Spec.Suspend != nil && *platform.Spec.Suspend,
		course:    course, services: state.Services,
	}
}

// Action is what to do with a child, of which the live object is nil if it does not
// exist, while an earlier stage is blocked by a condition, if any. What exists is
// applied whatever blocks it; what does not is created once nothing does. The verdict
// is set if the child is not to be judged: it is finished, or waits.
func (o Order) Action(child plan.Child, live *unstructured.Unstructured, blockedBy string) (Action, ready.Verdict) {
	if live == nil && o.mustNotChange(child) {
		blockedBy = cmp.Or(blockedBy, v1alpha1.ConditionMigrationsReady)
	}
	switch {
	case (live == nil || !live.GetDeletionTimestamp().IsZero()) && o.Done(child):
		return Finished, ready.Verdict{State: ready.Ready}
	case blockedBy != "" && live == nil:
		return Wait, ready.Verdict{State: ready.Progressing, Reason: ReasonWaiting, Message: "waits for " + blockedBy}
	case blockedBy != "" && o.advances(child, live):
		return Wait, ready.Verdict{State: ready.Progressing, Reason: ReasonWaiting, Message: fields.Name(child.Object) + " runs what it did, and waits for " + blockedBy}
	case o.suspended || o.mustNotChange(child):
		return Leave, ready.Verdict{}
	}
	return Apply, ready.Verdict{}
}

// Done tells whether a Job need not run again: a migration that status remembers, or
// the verification of the current release.
func (o Order) Done(child plan.Child) bool {
	switch child.Stage {
	case plan.StageContract, plan.StageMigrations:
		return release.MigrationDone(o.course.Status.Migrations, child.Object.GetName())
	case plan.StageVerify:
		return o.course.Release.Status.Phase == v1alpha1.PhaseComplete
	}
	return false
}

// mustNotChange tells whether a Rollout must not change yet: the migrations are not done, and no
// earlier release is known.
func (o Order) mustNotChange(child plan.Child) bool {
	return child.Object.GetKind() == "Rollout" && o.course.Release.Hold
}

// advances tells whether a Rollout would begin with the target. It does so only if all
// earlier stages are ready; a set that it already runs is applied in any case.
func (o Order) advances(child plan.Child, live *unstructured.Unstructured) bool {
	set := child.Object.GetAnnotations()[naming.AnnotationSet]
	isGood := o.course.Good != nil && o.course.Good.Digest == set
	return child.Object.GetKind() == "Rollout" && !isGood && live.GetAnnotations()[naming.AnnotationSet] != set
}

// InRelease judges a Rollout as a part of a release, and leaves other children as they
// are. A Rollout that waits for its turn is not ready. One at the barrier has finished:
// it waits for Verify, and does not block it.
func (o Order) InRelease(outcome Outcome) Outcome {
	if outcome.Kind() != "Rollout" {
		return outcome
	}
	service, phase := o.names.ServiceOf(outcome.Child.Object.GetName()), o.course.Release.Status.Phase
	outcome.Gates = phase != v1alpha1.PhaseVerifying && phase != v1alpha1.PhaseCommitting
	isReady := outcome.Verdict.State == ready.Ready
	switch {
	case isReady && (o.mustNotChange(outcome.Child) || phase == v1alpha1.PhaseMigrating):
		outcome.Verdict = ready.Verdict{State: ready.Progressing, Reason: ReasonHeldByMigrations,
			Message: "the release before " + o.course.Target.Release.Version + " runs on until the migrations are done; see " + v1alpha1.ConditionMigrationsReady}
	case isReady && phase == v1alpha1.PhaseProgressing && service == naming.Frontend && !o.course.Release.FrontendOnTarget:
		outcome.Verdict = ready.Verdict{State: ready.Progressing, Reason: ReasonNextInLine,
			Message: fields.Name(outcome.Child.Object) + " follows once the data services have come to the end of their steps"}
	case o.services[service].AtBarrier:
		outcome.Verdict = ready.Verdict{State: ready.Progressing, Reason: ReasonAtBarrier,
			Message: fields.Name(outcome.Child.Object) + " has come to the end of its steps, and waits until the release is verified as a whole"}
	}
	return outcome
}
