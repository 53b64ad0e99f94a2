package controllers

import (
	"context"
	"fmt"

	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/release"
)

// planUnderway plans for the release that is under way or on its way back, from
// the sets that were kept of it, while the spec cannot be realised.
func (p *pass) planUnderway(ctx context.Context) error {
	status := *p.began.Release.DeepCopy()
	p.platform.Status.Release, p.course.Release, p.plan = status, release.Decision{}, plan.Plan{}
	if status.Current.Digest == "" || !release.Underway(status.Phase) {
		return nil
	}
	target, err := p.keptSet(ctx, status.Target.Digest)
	if err != nil || target == nil {
		return err
	}
	good, err := p.keptSet(ctx, status.Current.Digest)
	if err != nil || good == nil {
		return err
	}
	p.course.Target, p.course.Good = *target, good
	p.course.Gate = promote.Decision{Closed: true} // no further attempt begins
	if err := p.decide(ctx); err != nil {
		return err
	}
	p.plan.Children, err = p.children()
	return err
}

// children are those of the plan, or the Rollouts alone while the spec cannot be realised.
func (p *pass) children() ([]plan.Child, error) {
	if p.course.Problem == nil {
		planned, err := plan.Build(p.input())
		return planned.Children, err
	}
	children, err := plan.Rollouts(p.input())
	if err != nil {
		return nil, fmt.Errorf("plan BlogPlatform %s/%s: %w", p.names.Namespace, p.names.Name, err)
	}
	return children, nil
}

// goOn takes a release one step on, or back, and leaves everything else as it is.
func (p *pass) goOn(ctx context.Context) error {
	if p.course.RefusedByGate() {
		p.lookAtGateAgain()
		p.platform.Status.Release.NextCheckTime = p.course.Release.Status.NextCheckTime
	}
	if p.course.Release.Status.Phase == "" {
		return nil
	}
	if err := p.writeAhead(ctx); err != nil {
		return err
	}
	for _, child := range p.plan.Children {
		o, err := p.attend(ctx, child, "")
		if err != nil {
			return err
		}
		p.result.Outcomes = append(p.result.Outcomes, o)
	}
	p.releaseBarriers(ctx)
	return nil
}
