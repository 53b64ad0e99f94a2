package promote

import (
	"fmt"

	"blogplatform.io/operator/api/v1alpha1"
)

// Reasons of the condition Promotable, beside those that it shares with PromotionAllowed.
const (
	ReasonVerified = "Verified"
	ReasonAborted  = "ReleaseAborted"
)

// Promotable tells whether staging has verified, by digests, the release that its
// spec asks for, and with what reason and message. Since when it has, its history tells.
func Promotable(staging *v1alpha1.BlogPlatform) (promotable bool, reason, message string) {
	wanted, release := staging.Spec.Release, staging.Status.Release
	verified := release.Current.Digest != "" && release.Current.Version == wanted.Version && release.Current.Images == wanted.Images
	aborted := release.Phase == v1alpha1.PhaseAborting || release.Phase == v1alpha1.PhaseAborted
	switch {
	case !verified && aborted && release.Target.Version == wanted.Version:
		return false, ReasonAborted, fmt.Sprintf("release %s failed; see Ready", wanted.Version)
	case !verified:
		return false, ReasonNotVerified, fmt.Sprintf("release %s is not verified yet; see Ready", wanted.Version)
	case ImagesDigest(wanted.Images) == "":
		return false, ReasonImagesByTag, fmt.Sprintf("release %s is verified, and names an image by its tag, which can change what it means; release it by digests", wanted.Version)
	}
	return true, ReasonVerified, fmt.Sprintf("release %s is verified: Production may follow with the same digests", wanted.Version)
}
