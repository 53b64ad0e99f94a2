package course

import (
	"cmp"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/release"
)

// Course is what one reconcile works towards.
type Course struct {
	// Problem says why the spec cannot be realised; nil if it can.
	Problem *plan.Problem
	// Gate says whether the platform may run the release of its spec.
	Gate promote.Decision
	// PodsWait says why the pods of the current release may not be replaced now by those
	// that the spec asks for, DatabaseWaits why PostgreSQL may not be restarted now. Both
	// are nil if nothing waits.
	PodsWait, DatabaseWaits *promote.Decision
	// Unsafe says why the release of the spec cannot run on the database any more.
	Unsafe error
	// Overridden is true if the gate lets a release begin now because of an override.
	Overridden bool
	// Target is the set that is worked towards, Good the one that was verified last,
	// nil before the first.
	Target plan.Set
	Good   *plan.Set
	// Release is how the release goes on.
	Release release.Decision
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

// Waiting is why something other than a release waits; nil if nothing does.
func (c Course) Waiting() *promote.Decision { return cmp.Or(c.PodsWait, c.DatabaseWaits) }
