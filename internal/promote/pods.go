package promote

import (
	"time"

	"blogplatform.io/operator/api/v1alpha1"
)

// Pods tells whether production may replace the pods of the release that runs by
// others with the same images, which a change of the spec or another version of the
// operator asks for. It may, unless spec.promotion.windowScope has its windows hold that.
func Pods(production *v1alpha1.BlogPlatform, now time.Time) Decision {
	return mayReplace(production, now, "other pods of the same images wait: ")
}

// Database tells the same of PostgreSQL, which a change of the spec or another version of
// the operator would restart.
func Database(production *v1alpha1.BlogPlatform, now time.Time) Decision {
	return mayReplace(production, now, "a change that restarts PostgreSQL waits: ")
}

func mayReplace(production *v1alpha1.BlogPlatform, now time.Time, what string) Decision {
	g := gate{production: production, images: ImagesDigest(production.Spec.Release.Images), now: now}
	if !Gated(production) || production.Spec.Promotion.WindowScope != v1alpha1.WindowsHoldPods {
		return g.allowed()
	}
	refusal := g.inWindow()
	if refusal.Allowed {
		return g.allowed()
	}
	refusal.Message = what + refusal.Message
	return g.orOverridden(refusal)
}
