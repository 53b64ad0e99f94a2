package promote

import (
	"time"

	"blogplatform.io/operator/api/v1alpha1"
)

// soak is how long a platform has run images that it had verified.
type soak struct {
	verified bool
	// longest is the longest time that is over.
	longest time.Duration
	// since is when the time began that goes on, or zero.
	since time.Time
}

func (s soak) running() bool { return !s.since.IsZero() }

// soakOf reads it from a history, newest first. A time begins when the images
// are verified, and ends when the next other release begins that was verified,
// too: one that was taken back has replaced nothing.
func soakOf(history []v1alpha1.ReleaseRecord, images string) soak {
	var s soak
	for i := len(history) - 1; i >= 0; i-- {
		r := history[i]
		switch {
		case r.Outcome != v1alpha1.OutcomeSucceeded || r.CompletionTime == nil || images == "":
		case r.ImagesDigest == images:
			s.verified = true
			if !s.running() {
				s.since = r.CompletionTime.Time
			}
		case s.running():
			s.longest = max(s.longest, r.StartTime.Sub(s.since))
			s.since = time.Time{}
		}
	}
	return s
}
