package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/course"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/report"
	"blogplatform.io/operator/internal/stage"
)

// conflictTries is how often a child is built again after somebody else wrote it.
const conflictTries = 3

// enactment is the writes of one reconcile, and what they came to so far.
type enactment struct {
	*scope
	state  observed.State
	course course.Course
	plan   plan.Plan
	order  stage.Order
	// input is what a child is built from again after a conflict.
	input  plan.Input
	status v1alpha1.BlogPlatformStatus
	result stage.Result
	// complete is true while every child was applied, so that the rest may be pruned.
	complete bool
}

// enact writes the children: it applies them stage by stage, ends pauses of Rollouts, and
// deletes what is not planned any more. It answers what to remember of that, and what
// became of each child.
func (s *scope) enact(ctx context.Context, in report.Input, order stage.Order) (v1alpha1.BlogPlatformStatus, stage.Result, error) {
	e := &enactment{scope: s, state: in.State, course: in.Course, plan: in.Plan, order: order, input: in.Course.Input,
		status: *in.Status.DeepCopy(), complete: !s.suspended()}
	if e.course.Problem != nil {
		err := e.continueRelease(ctx)
		return e.status, e.result, err
	}
	if err := e.applyStages(ctx); err != nil {
		return e.status, e.result, err
	}
	e.endPauses(ctx)
	e.prune(ctx)
	e.rememberMigrations(ctx)
	return e.status, e.result, nil
}

// continueRelease takes a release that is under way one step on, or back, while the spec
// cannot be realised. Everything else stays as it is.
func (e *enactment) continueRelease(ctx context.Context) error {
	for _, child := range e.plan.Children {
		if err := e.reconcileChild(ctx, child, ""); err != nil {
			return err
		}
	}
	e.endPauses(ctx)
	return nil
}

// applyStages applies all children. What exists is applied whatever the earlier stages
// are like; what does not is created once all of them are ready.
func (e *enactment) applyStages(ctx context.Context) error {
	blockedBy := ""
	for _, current := range plan.Stages {
		first := len(e.result.Outcomes)
		required, err := e.requirements(ctx, current, blockedBy)
		if err != nil {
			return err
		}
		e.result.Outcomes = append(e.result.Outcomes, required...)
		blockedBy = cmp.Or(blockedBy, stage.BlockedBy(required))
		for _, child := range e.plan.Children {
			if child.Stage != current {
				continue
			}
			if err := e.reconcileChild(ctx, child, blockedBy); err != nil {
				return err
			}
		}
		blockedBy = cmp.Or(blockedBy, stage.BlockedBy(e.result.Outcomes[first:]))
	}
	e.keyring.sweep(key(e.platform))
	return nil
}

// reconcileChild applies one child, or says why not, and notes its outcome. An error
// means that it could not be read.
func (e *enactment) reconcileChild(ctx context.Context, child plan.Child, blockedBy string) error {
	outcome := stage.Outcome{Condition: stage.ConditionOf(child), Gates: child.Gates, Child: child}
	var err error
	if !e.watches.served(ctx, child.Object.GroupVersionKind()) {
		outcome.Verdict = e.writeFailed(child, apply.KindMissing(child.Object, e.watches.servedAs(child.Object.GroupVersionKind())))
	} else if outcome.Live, err = e.find(ctx, child.Object); err == nil {
		var action stage.Action
		action, outcome.Verdict = e.order.Action(child, outcome.Live, blockedBy)
		outcome, err = e.act(ctx, action, outcome)
	}
	e.result.Outcomes = append(e.result.Outcomes, outcome)
	return err
}

// act does with a child what the order says, and judges it.
func (e *enactment) act(ctx context.Context, action stage.Action, outcome stage.Outcome) (stage.Outcome, error) {
	switch action {
	case stage.Finished:
		return outcome, nil
	case stage.Wait:
		e.complete = false
		return outcome, nil
	case stage.Leave:
		e.complete = false
	case stage.Apply:
		if outcome.Live == nil {
			verdict, err := e.beforeCreation(ctx, outcome.Child)
			if outcome.Verdict = verdict; err != nil || verdict.State != "" {
				e.complete = false
				return outcome, err
			}
		}
		result, err := e.apply(ctx, outcome.Child)
		if err == nil {
			outcome.Live = result.Live
		} else if outcome.Verdict = e.writeFailed(outcome.Child, err); outcome.Verdict.State != "" {
			return outcome, nil
		}
	}
	var err error
	if outcome.Verdict, err = e.judge(ctx, outcome.Child, outcome.Live); err != nil {
		return outcome, err
	}
	return e.order.InRelease(outcome), nil
}

// beforeCreation does what a child needs before it is created. Its verdict is set if the
// child has to wait for something.
func (e *enactment) beforeCreation(ctx context.Context, child plan.Child) (ready.Verdict, error) {
	switch {
	case child.Stage == plan.StageContract:
		return ready.Verdict{}, e.beginContract(ctx)
	case len(child.SecretKeys) > 0:
		return e.formerSecret(ctx, child)
	}
	return ready.Verdict{}, nil
}

// apply writes a child. After a conflict it is built again from what the API
// server has, because somebody else has written the fields that the plan keeps.
func (e *enactment) apply(ctx context.Context, child plan.Child) (apply.Result, error) {
	for try := 1; ; try++ {
		result, err := e.applier.Apply(ctx, e.platform, apply.Child{Object: child.Object, Retain: child.Retain})
		if err == nil {
			e.counters.Applied(key(e.platform), child.Object.GetKind(), result.Skipped, result.Repaired)
		}
		if !apierrors.IsConflict(err) || try == conflictTries {
			return result, err
		}
		if child, err = e.rebuild(ctx, child); err != nil {
			return apply.Result{}, err
		}
	}
}

// rebuild plans a child again, from its live object.
func (e *enactment) rebuild(ctx context.Context, child plan.Child) (plan.Child, error) {
	live, err := get(ctx, e.live, child.Object)
	if err != nil {
		return child, err
	}
	same := func(other *unstructured.Unstructured) bool { return fields.Name(other) == fields.Name(child.Object) }
	e.input.Observed = slices.DeleteFunc(slices.Clone(e.input.Observed), same)
	if live != nil {
		e.input.Observed = append(e.input.Observed, live)
	}
	children, err := e.children(e.course, e.input)
	if err != nil {
		return child, err
	}
	for _, again := range children {
		if same(again.Object) {
			return again, nil
		}
	}
	return child, fmt.Errorf("%s is not planned any more", fields.Name(child.Object))
}

// prune deletes what is not planned any more, and updates the inventory. Where something
// could not be applied nothing is deleted: it may be the replacement of what would go.
func (e *enactment) prune(ctx context.Context) {
	stale := notPlanned(e.status.Inventory, e.plan)
	if e.complete {
		stale = e.pruneStale(ctx, stale)
	}
	if e.suspended() {
		return
	}
	if e.complete {
		e.status.Hosts = sorted(slices.Clone(e.platform.Spec.Hosts))
	}
	for _, o := range e.result.Outcomes {
		if o.Child.Object != nil && e.tracked(o.Child) {
			stale = append(stale, e.line(o.Child, o.Live))
		}
	}
	e.status.Inventory = sorted(stale)
}

// pruneStale deletes what is not planned any more, and answers the inventory lines of what
// is still there.
func (e *enactment) pruneStale(ctx context.Context, stale []string) []string {
	survivors, err := e.applier.Prune(ctx, e.platform, retained(e.plan.Children), stale)
	e.fail(err)
	if e.platform.Spec.TLS.DeletionPolicy == v1alpha1.Retain {
		return survivors
	}
	if err := e.deleteKeyPairs(ctx, without(stale, survivors)); err != nil {
		e.fail(err)
		return stale // to be tried again
	}
	return survivors
}

// fail notes an error after which the reconcile is retried.
func (e *enactment) fail(err error) {
	if err != nil {
		e.result.Errs = append(e.result.Errs, err)
	}
}

// endPauses lets the Rollouts go on that the release names, past their last pause. For
// one that was written since it was observed, its event starts another reconcile.
func (e *enactment) endPauses(ctx context.Context) {
	if e.suspended() {
		return
	}
	for _, service := range e.course.Release.Release {
		if err := e.applier.EndPause(ctx, e.state.Rollout(e.names, service)); !apierrors.IsConflict(err) {
			e.fail(err)
		}
	}
}
