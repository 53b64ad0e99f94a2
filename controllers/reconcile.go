package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/course"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/report"
	"blogplatform.io/operator/internal/stage"
)

// Reconcile makes the cluster hold what one platform asks for, as far as it can now.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	platform := &v1alpha1.BlogPlatform{}
	if err := r.client.Get(ctx, request.NamespacedName, platform); apierrors.IsNotFound(err) {
		r.forget(request.NamespacedName)
		return reconcile.Result{}, nil
	} else if err != nil {
		return reconcile.Result{}, err
	}
	r.meet(request.NamespacedName, platform.UID)
	if r.stale(platform) {
		return reconcile.Result{RequeueAfter: staleRetry}, nil
	}
	if err := r.watches.start(ctx); err != nil {
		return reconcile.Result{}, err
	}
	s := r.newScope(platform)
	if s.deleting() {
		return s.reconcileDelete(ctx)
	}
	return s.report(ctx, s.reconcile(ctx))
}

// reconcile observes, decides, plans and writes. What it returns is reported, whatever
// ended it.
func (s *scope) reconcile(ctx context.Context) report.Input {
	in := report.Input{Platform: s.platform, Before: s.platform.Status}
	if in.Err = s.ensureFinalizer(ctx); in.Err != nil {
		return in
	}
	if in.State, in.Err = s.observe(ctx); in.Err != nil {
		return in
	}
	now := s.now()
	if in.Course, in.Plan, in.Err = s.plan(now, in.State); in.Err != nil {
		return in
	}
	if in.Status, in.Err = s.persist(ctx, now, in); in.Err != nil {
		return in
	}
	order := stage.Of(s.platform, in.State, in.Course)
	in.Status, in.Result, in.Err = s.enact(ctx, in, order)
	return in
}

// reconcileDelete deletes the children, and then lets the platform go.
func (s *scope) reconcileDelete(ctx context.Context) (reconcile.Result, error) {
	in := report.Input{Platform: s.platform, Before: s.platform.Status, Status: s.platform.Status}
	switch {
	case !controllerutil.ContainsFinalizer(s.platform, naming.Finalizer):
		return reconcile.Result{}, nil
	case s.suspended(): // spec.suspend holds the deletion, too
		return s.report(ctx, in)
	}
	var gone bool
	in.Result, gone, in.Err = s.delete(ctx)
	if gone {
		return s.next(ctx, report.Report{}, in)
	}
	return s.report(ctx, in)
}

// plan decides how the release goes on, and plans the desired state for that. With a
// problem in the spec only the Rollouts of a release that is under way are planned.
func (s *scope) plan(now time.Time, state observed.State) (course.Course, plan.Plan, error) {
	c, err := course.Of(now, s.platform, state)
	if err != nil {
		return c, plan.Plan{}, err
	}
	if c.Problem == nil {
		planned, problem, err := s.build(c.Input)
		if err != nil || problem == nil {
			return c, planned, err
		}
		if c, err = course.WithProblem(now, s.platform, state, problem); err != nil {
			return c, plan.Plan{}, err
		}
	}
	children, err := s.children(c, c.Input)
	return c, plan.Plan{Children: children}, err
}

// build plans the whole platform, or says why the spec cannot be realised.
func (s *scope) build(in plan.Input) (plan.Plan, *plan.Problem, error) {
	planned, err := plan.Build(in)
	if problem := (*plan.Problem)(nil); errors.As(err, &problem) {
		return plan.Plan{}, problem, nil
	}
	if err != nil {
		return plan.Plan{}, nil, fmt.Errorf("plan BlogPlatform %s/%s: %w", s.names.Namespace, s.names.Name, err)
	}
	return planned, s.foreignNamespace(planned), nil
}

// children are those that a course plans: all, or the Rollouts alone while the spec
// cannot be realised, or none if no release is under way then.
func (s *scope) children(c course.Course, in plan.Input) ([]plan.Child, error) {
	if c.Problem == nil {
		planned, err := plan.Build(in)
		return planned.Children, err
	}
	if c.Release.Status.Phase == "" {
		return nil, nil
	}
	children, err := plan.Rollouts(in)
	if err != nil {
		return nil, fmt.Errorf("plan BlogPlatform %s/%s: %w", s.names.Namespace, s.names.Name, err)
	}
	return children, nil
}

// foreignNamespace keeps a tenant from having the operator write into the
// namespace of somebody else.
func (s *scope) foreignNamespace(planned plan.Plan) *plan.Problem {
	for _, child := range planned.Children {
		if namespace := child.Object.GetNamespace(); !s.mayWriteInto(namespace) {
			return &plan.Problem{Reason: reasonNamespaceNotAllowed, Message: fmt.Sprintf(
				"spec.gateway.namespace: the operator may not write into namespace %s; name another, or have it added to the operator's --gateway-namespaces", namespace)}
		}
	}
	return nil
}

func (s *scope) mayWriteInto(namespace string) bool {
	return namespace == s.names.Namespace || slices.Contains(s.GatewayNamespaces, namespace)
}

// persist writes what must be remembered before the first child is written: a reconcile
// after a crash then decides as this one did. It is the only such write, but for the
// begin of contract migrations.
func (s *scope) persist(ctx context.Context, now time.Time, in report.Input) (v1alpha1.BlogPlatformStatus, error) {
	in.Now, in.Status = now, *in.Course.Status.DeepCopy()
	status := in.Status
	if in.Course.Lost != "" {
		log.FromContext(ctx).Info("The set of the release under way was deleted, going back to the current release", "version", in.Course.Lost)
	}
	if in.Course.WriteAhead && in.Course.Problem == nil {
		status.Conditions = report.WriteAhead(in)
	}
	if in.Course.Problem == nil && !s.suspended() {
		inventory, err := s.announced(ctx, status.Inventory, in.Plan)
		if err != nil {
			return status, err
		}
		status.Hosts, status.Inventory = hostsOf(s.platform), inventory
		return status, s.writeStatus(ctx, status)
	}
	if in.Course.WriteAhead {
		return status, s.writeStatus(ctx, status)
	}
	return status, nil
}

// announced are the inventory lines of all tracked children, planned or still there.
// They are written before the first of them is applied, so that after a crash it is
// known what may have been written.
func (s *scope) announced(ctx context.Context, inventory []string, planned plan.Plan) ([]string, error) {
	lines := notPlanned(inventory, planned)
	for _, child := range planned.Children {
		if !s.tracked(child) {
			continue
		}
		live, err := s.findServed(ctx, child.Object)
		if err != nil {
			return nil, err
		}
		lines = append(lines, s.line(child, live))
	}
	return sorted(lines), nil
}

// report writes how the platform is, whatever ended the reconcile, and says when the
// next one is due.
func (s *scope) report(ctx context.Context, in report.Input) (reconcile.Result, error) {
	if apierrors.IsConflict(in.Err) {
		return s.next(ctx, report.Report{}, in)
	}
	in.Now = s.now()
	in.Persists = s.failures.persist(s.platform.UID) || errors.Is(in.Err, context.DeadlineExceeded)
	if in.Err != nil {
		in.Status = s.written.Status
	}
	rep := report.Of(in)
	// The report is written even if the manager stops meanwhile.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	if err := s.writeStatus(within, rep.Status); err != nil {
		in.Err = errors.Join(in.Err, err)
		return s.next(ctx, report.Report{}, in)
	}
	for _, event := range rep.Events {
		s.record(event)
	}
	if rep.Aborted != "" {
		s.counters.Aborted(key(s.platform), rep.Aborted)
	}
	if rep.Refused != "" {
		s.counters.Refused(key(s.platform), rep.Refused)
	}
	return s.next(ctx, rep, in)
}

// next says when the next reconcile is due. A platform that was out of date is no failure.
func (s *scope) next(ctx context.Context, rep report.Report, in report.Input) (reconcile.Result, error) {
	if apierrors.IsConflict(in.Err) {
		log.FromContext(ctx).V(1).Info("The platform was written by somebody else meanwhile, looking again")
		return reconcile.Result{RequeueAfter: staleRetry}, nil
	}
	if err := errors.Join(append(in.Result.Errs, in.Err)...); err != nil {
		s.failures.add(s.platform.UID)
		return reconcile.Result{}, err
	}
	s.failures.forget(s.platform.UID)
	return reconcile.Result{RequeueAfter: requeueAfter(rep, s.now(), wait.Jitter(driftInterval*4/5, 0.5))}, nil
}

// requeueAfter is the time until the next reconcile, at the latest the next check for drift.
func requeueAfter(rep report.Report, now time.Time, drift time.Duration) time.Duration {
	after := drift
	if rep.Poll {
		after = pollInterval
	}
	if !rep.Next.IsZero() {
		after = min(after, max(rep.Next.Sub(now), staleRetry))
	}
	return after
}

// retained makes children what apply.Prune keeps.
func retained(children []plan.Child) []apply.Child {
	keep := make([]apply.Child, 0, len(children))
	for _, child := range children {
		keep = append(keep, apply.Child{Object: child.Object, Retain: child.Retain})
	}
	return keep
}
