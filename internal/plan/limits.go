package plan

import (
	"time"

	"blogplatform.io/operator/api/v1alpha1"
)

// Limits are how long a release of a platform may take without progress.
type Limits struct {
	// Progress is the limit for whatever does not take its time by design.
	Progress time.Duration
	// Analysis, Migration and Verify are what one of them takes at most by design.
	Analysis, Migration, Verify time.Duration
}

// LimitsOf follow from the spec and, where that says nothing, from its environment.
// An analysis waits for its load to start and for one window of data, and then
// measures up to twice as often as it has to (query).
func LimitsOf(platform *v1alpha1.BlogPlatform) Limits {
	v := valuesOf(platform)
	seconds := func(n int32) time.Duration { return time.Duration(n) * time.Second }
	return Limits{
		Progress:  seconds(v.progressDeadline),
		Analysis:  seconds(loadWaitSeconds + 3*v.analysis.DurationSeconds),
		Migration: seconds(v.migrationDeadline),
		Verify:    seconds(verifyDeadline),
	}
}
