package promote

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// Soak notes in the history of a Staging platform, newest first, since when its current
// release has served users without a break. At first that is since it was verified. An
// interruption, which says why users are not served, resets that time; so does going
// back to an earlier release. The argument is not modified.
func Soak(history []v1alpha1.ReleaseRecord, current v1alpha1.ReleaseIdentity, interruption string, now metav1.Time) []v1alpha1.ReleaseRecord {
	history = slices.Clone(history)
	runs := slices.IndexFunc(history, func(r v1alpha1.ReleaseRecord) bool {
		return r.Outcome == v1alpha1.OutcomeSucceeded && r.Digest == current.Digest && r.Version == current.Version
	})
	if runs < 0 {
		return history
	}
	for i := range history {
		if i != runs && history[i].HealthySince != nil {
			replace(history, i, runs)
		}
	}
	switch r := &history[runs]; {
	case interruption != "":
		lose(history, r.ImagesDigest, interruption)
	case r.HealthySince == nil && r.SoakInterruption == "" && r.CompletionTime != nil:
		r.HealthySince = r.CompletionTime.DeepCopy()
	case r.HealthySince == nil:
		r.HealthySince = &now
	}
	return history
}

// replace ends the soak of a record because another one is current. The same
// images in another set soak on.
func replace(history []v1alpha1.ReleaseRecord, old, current int) {
	before, after := &history[old], &history[current]
	wasBefore := slices.ContainsFunc(history[old+1:], func(r v1alpha1.ReleaseRecord) bool {
		return r.Outcome == v1alpha1.OutcomeSucceeded && r.ImagesDigest == after.ImagesDigest
	})
	switch {
	case before.ImagesDigest == after.ImagesDigest && after.HealthySince == nil:
		after.HealthySince = before.HealthySince
	case wasBefore:
		lose(history, before.ImagesDigest, "it went back to release "+after.Version)
	default:
		before.SoakedSeconds = max(before.SoakedSeconds, int64(after.StartTime.Sub(before.HealthySince.Time)/time.Second))
	}
	before.HealthySince = nil
}

// lose takes from images what they have soaked.
func lose(history []v1alpha1.ReleaseRecord, images, interruption string) {
	for i := range history {
		if r := &history[i]; r.ImagesDigest == images && r.Outcome == v1alpha1.OutcomeSucceeded {
			r.HealthySince, r.SoakedSeconds, r.SoakInterruption = nil, 0, interruption
		}
	}
}

// soak is what a platform has to say of images.
type soak struct {
	// verified is true of images that it has verified, failed if it has aborted them since.
	verified bool
	failed   *v1alpha1.ReleaseRecord
	// longest is the time for which it ran them until another release replaced them.
	longest time.Duration
	// since is when the time began that goes on, or zero.
	since time.Time
	// interruption says why that was not earlier, if something came between.
	interruption string
}

func (s soak) running() bool { return !s.since.IsZero() }

// soakOf reads it from a history, newest first.
func soakOf(history []v1alpha1.ReleaseRecord, images string) soak {
	var s soak
	for i := range history {
		r := &history[i]
		switch {
		case r.ImagesDigest != images || images == "":
		case r.Outcome == v1alpha1.OutcomeAborted && !s.verified && s.failed == nil:
			s.failed = r
		case r.Outcome == v1alpha1.OutcomeSucceeded:
			if !s.verified {
				s.interruption = r.SoakInterruption
			}
			s.verified = true
			s.longest = max(s.longest, time.Duration(r.SoakedSeconds)*time.Second)
			if r.HealthySince != nil {
				s.since = r.HealthySince.Time
			}
		}
	}
	return s
}
