package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/internal/report"
)

// reportInput is what a report of the pass is made from, after the error that ended it.
func (p *pass) reportInput(err error) report.Input {
	in := report.Input{
		Now: p.now(), Platform: p.platform, Before: p.began, Status: p.platform.Status,
		State: p.state, Course: p.course, Plan: p.plan, Result: p.result, Err: err,
		Persists: p.failures.persist(p.platform.UID) || errors.Is(err, context.DeadlineExceeded),
	}
	if err != nil {
		in.Status = p.before
	}
	return in
}

// report writes what became of the pass, whatever ended it, and says when to look again.
func (p *pass) report(ctx context.Context, err error) (reconcile.Result, error) {
	if p.gone || apierrors.IsConflict(err) {
		return p.next(ctx, report.Report{}, err)
	}
	rep := report.Of(p.reportInput(err))
	p.platform.Status = rep.Status
	// The report is written even if the manager stops meanwhile.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	if writeErr := p.writeStatus(within); writeErr != nil {
		return p.next(ctx, report.Report{}, errors.Join(err, writeErr))
	}
	for _, event := range rep.Events {
		p.record(event)
	}
	if rep.Aborted != "" {
		p.counters.Aborted(key(p.platform), rep.Aborted)
	}
	if rep.Refused != "" {
		p.counters.Refused(key(p.platform), rep.Refused)
	}
	return p.next(ctx, rep, err)
}

func (p *pass) record(e report.Event) {
	p.recorder.Eventf(p.platform, nil, e.Type, e.Reason, e.Action, "%s", e.Note)
}

// writeStatus writes the status if it is not what the API server has.
func (p *pass) writeStatus(ctx context.Context) error {
	if equality.Semantic.DeepEqual(p.before, p.platform.Status) {
		return nil
	}
	base := p.platform.DeepCopy()
	base.Status = p.before
	err := p.client.Status().Patch(ctx, p.platform, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return fmt.Errorf("write status of BlogPlatform %s/%s: %w", p.names.Namespace, p.names.Name, err)
	}
	p.before = *p.platform.Status.DeepCopy()
	p.wrote()
	return nil
}

// next says when to look again. A platform that was out of date is no failure.
func (p *pass) next(ctx context.Context, rep report.Report, err error) (reconcile.Result, error) {
	if apierrors.IsConflict(err) {
		log.FromContext(ctx).V(1).Info("The platform was written by somebody else meanwhile, looking again")
		return reconcile.Result{RequeueAfter: staleRetry}, nil
	}
	if p.gone {
		return reconcile.Result{}, err
	}
	if err = errors.Join(append(p.result.Errs, err)...); err != nil {
		p.failures.add(p.platform.UID)
		return reconcile.Result{}, err
	}
	p.failures.forget(p.platform.UID)
	return reconcile.Result{RequeueAfter: requeueAfter(rep, p.now(), wait.Jitter(driftCheck*4/5, 0.5))}, nil
}

// requeueAfter is the time until the next reconcile, at the latest the next check for drift.
func requeueAfter(rep report.Report, now time.Time, drift time.Duration) time.Duration {
	after := drift
	if rep.Poll {
		after = lookAgain
	}
	if !rep.Next.IsZero() {
		after = min(after, max(rep.Next.Sub(now), staleRetry))
	}
	return after
}
