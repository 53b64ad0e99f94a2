package promote

import (
	"fmt"
	"strings"
	"time"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// Reasons of the condition PromotionAllowed.
const (
	// Of a release that may run.
	ReasonAllowed    = "Allowed"
	ReasonOverridden = "Overridden"

	// Of one that may not.
	ReasonStagingNotFound  = "StagingNotFound"
	ReasonNotWatched       = "StagingNotWatched"
	ReasonNotStaging       = "NotStaging"
	ReasonImagesByTag      = "ImagesByTag"
	ReasonNotVerified      = "NotVerified"
	ReasonFailedInStaging  = "FailedInStaging"
	ReasonSoaking          = "Soaking"
	ReasonSoakInterrupted  = "SoakInterrupted"
	ReasonWindowClosed     = "WindowClosed"
	ReasonTimeZoneNotFound = "TimeZoneNotFound"
)

// maxOverride is how long an override may be: status and history keep it whole.
const maxOverride = 256

// Decision of the gate about the release that a spec asks for.
type Decision struct {
	// Allowed tells whether the platform may run it.
	Allowed bool
	// Reason in one word, and a message that names what is missing and what to do. Neither holds a time.
	Reason, Message string
	// NextCheck is when the answer changes though nothing happens, or zero.
	NextCheck time.Time
	// Closed is true of a release that was let through, and of which no other attempt may begin now.
	Closed bool
	// Override is the value of the annotation that let it through now, where nothing else did.
	Override string
	// Waiting is what to remember of a release that lacks nothing but an open window; else it is empty.
	Waiting v1alpha1.WaitingStatus
}

// NotWatched stands for a Staging platform in a namespace that the operator does not watch.
var NotWatched = &v1alpha1.BlogPlatform{}

// Gated tells whether a platform has a gate.
func Gated(platform *v1alpha1.BlogPlatform) bool { return platform.Spec.Promotion.From.Name != "" }

// gate is one look at the two platforms.
type gate struct {
	production, staging *v1alpha1.BlogPlatform
	images              string
	now                 time.Time
}

// Decide tells whether production may run the release that its spec asks for.
// Staging is the platform that spec.promotion.from names, nil if there is none,
// or NotWatched.
func Decide(production, staging *v1alpha1.BlogPlatform, now time.Time) Decision {
	g := gate{production, staging, ImagesDigest(production.Spec.Release.Images), now}
	switch {
	case !Gated(production):
	case g.neverVerified() && !g.inherited(): // there is nothing to protect
	case g.allowedBefore():
		return g.goesOn()
	case g.wayBack():
	default:
		return g.judge()
	}
	return g.allowed()
}

// neverVerified tells of a platform that has never verified a release. Readers have nothing
// yet, so it need not wait for a window.
func (g gate) neverVerified() bool { return g.production.Status.Release.Current.Digest == "" }

// inherited tells of a platform that was created over the data of one before it. To
// delete a platform and create it again is no way around the gate.
func (g gate) inherited() bool {
	inherited := g.production.Status.Release.Inherited
	return inherited != nil && *inherited
}

// judge asks what a release has to have done before it begins, one after another.
func (g gate) judge() Decision {
	for _, check := range []func() Decision{g.found, g.verified, g.soaked} {
		if refusal := check(); !refusal.Allowed {
			return g.orOverridden(refusal)
		}
	}
	if refusal := g.inWindow(); !refusal.Allowed && !g.neverVerified() {
		d := g.orOverridden(refusal)
		if !d.Allowed {
			d.Waiting = g.waiting()
		}
		return d
	}
	return g.allowed()
}

// waiting is the release in question, as status remembers it once it waits for a window.
func (g gate) waiting() v1alpha1.WaitingStatus {
	return v1alpha1.WaitingStatus{Version: g.version(), ImagesDigest: g.images, From: g.from()}
}

// passed tells of a release that had been verified and had soaked before.
func (g gate) passed() bool { return g.production.Status.Release.Waiting == g.waiting() }

func refused(reason, format string, args ...any) Decision {
	return Decision{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Stuck tells of a refusal, by its reason, that needs a person: it does not pass
// by time, nor by what staging is about to do.
func Stuck(reason string) bool {
	switch reason {
	case ReasonStagingNotFound, ReasonNotWatched, ReasonNotStaging, ReasonImagesByTag, ReasonFailedInStaging, ReasonSoakInterrupted, ReasonTimeZoneNotFound:
		return true
	}
	return false
}

func (g gate) version() string { return g.production.Spec.Release.Version }

func (g gate) from() string {
	from := g.production.Spec.Promotion.From
	return from.Namespace + "/" + from.Name
}

func (g gate) allowed() Decision {
	return Decision{Allowed: true, Reason: ReasonAllowed, Message: "release " + g.version() + " may run on this platform"}
}

func (g gate) overridden(value string) Decision {
	return Decision{Allowed: true, Reason: ReasonOverridden, Message: "an override let a release through: " + value}
}

// allowedBefore tells whether the release is the current one or under way.
func (g gate) allowedBefore() bool {
	status := g.production.Status
	current := status.Release.Current
	if current.Version == g.version() && ImagesDigest(current.Images) == g.images {
		return true
	}
	return g.underway() != nil
}

// underway is the record of the release that is worked towards, if it is the one in question.
func (g gate) underway() *v1alpha1.ReleaseRecord {
	status := g.production.Status
	if len(status.History) == 0 {
		return nil
	}
	head, target := &status.History[0], status.Release.Target
	if head.Version != target.Version || head.Digest != target.Digest || head.Version != g.version() || head.ImagesDigest != g.images {
		return nil
	}
	return head
}

// goesOn lets what has begun come to its end. Only a further attempt, after one
// that was taken back, waits for a window again.
func (g gate) goesOn() Decision {
	d := g.allowed()
	if head := g.underway(); head != nil && head.Override != "" {
		d = g.overridden(head.Override)
	}
	if phase := g.production.Status.Release.Phase; phase != v1alpha1.PhaseAborting && phase != v1alpha1.PhaseAborted {
		return d
	}
	again := g.inWindow()
	if !again.Allowed {
		again = g.orOverridden(again)
	}
	if again.Allowed {
		d.Override = again.Override
		return d
	}
	d.Closed, d.NextCheck = true, again.NextCheck
	return d
}

// wayBack tells of a release that this platform has verified itself.
func (g gate) wayBack() bool {
	for _, r := range g.production.Status.History {
		if r.Outcome == v1alpha1.OutcomeSucceeded && r.Version == g.version() && r.ImagesDigest == g.images && g.images != "" {
			return true
		}
	}
	return false
}

// found: there is a Staging platform of that name.
func (g gate) found() Decision {
	switch {
	case g.staging == nil:
		return refused(ReasonStagingNotFound, "spec.promotion.from: there is no BlogPlatform %s; name the Staging platform that verifies releases", g.from())
	case g.staging == NotWatched:
		return refused(ReasonNotWatched, "spec.promotion.from: the operator does not watch namespace %s, so it cannot see what BlogPlatform %s has verified; have the namespace added to the operator's --watch-namespaces, or name a Staging platform in one of these",
			g.production.Spec.Promotion.From.Namespace, g.from())
	case g.staging.Spec.Environment != v1alpha1.Staging:
		return refused(ReasonNotStaging, "spec.promotion.from: BlogPlatform %s is of environment %s; name one of environment Staging", g.from(), g.staging.Spec.Environment)
	case g.images == "":
		return refused(ReasonImagesByTag, "release %s names an image by its tag; name all four by digest", g.version())
	}
	return Decision{Allowed: true}
}

// verified: it has verified exactly these images, and they have not failed since.
func (g gate) verified() Decision {
	soak := soakOf(g.staging.Status.History, g.images)
	switch {
	case soak.failed != nil:
		return refused(ReasonFailedInStaging, "release %s failed on %s (%s); repair it, or ask for another release here", g.version(), g.from(), soak.failed.Reason)
	case soak.verified, g.passed():
		return Decision{Allowed: true}
	}
	return refused(ReasonNotVerified, "%s has not verified release %s, by these digests; release it there first", g.from(), g.version())
}

// soaked: it has run them for long enough since.
func (g gate) soaked() Decision {
	length := g.production.Spec.Promotion.SoakSeconds
	if length == nil || g.passed() {
		return Decision{Allowed: true}
	}
	needed, soak := time.Duration(*length)*time.Second, soakOf(g.staging.Status.History, g.images)
	if soak.longest >= needed || soak.running() && !g.now.Before(soak.since.Add(needed)) {
		return Decision{Allowed: true}
	}
	if !soak.running() && soak.interruption != "" {
		return refused(ReasonSoakInterrupted, "the soak of release %s on %s was interrupted (%s) and is lost; it begins anew once that runs the release again and serves users", g.version(), g.from(), soak.interruption)
	}
	if !soak.running() {
		return refused(ReasonSoakInterrupted, "%s ran release %s for less than spec.promotion.soakSeconds before another one replaced it; release it there again", g.from(), g.version())
	}
	anew := ""
	if soak.interruption != "" {
		anew = "; the time began anew after an interruption (" + soak.interruption + ")"
	}
	d := refused(ReasonSoaking, "%s has verified release %s, and runs it until spec.promotion.soakSeconds have passed%s; see release.nextCheckTime in the status", g.from(), g.version(), anew)
	d.NextCheck = soak.since.Add(needed)
	return d
}

// inWindow: one of the windows is open.
func (g gate) inWindow() Decision {
	open, next, err := opening(g.production.Spec.Promotion.Windows, g.now)
	switch {
	case err != nil:
		return refused(ReasonTimeZoneNotFound, "spec.promotion.windows: %s; write a name of the IANA database, such as Asia/Colombo", err)
	case open:
		return Decision{Allowed: true}
	}
	d := refused(ReasonWindowClosed, "release %s waits until a window of spec.promotion.windows opens; see release.nextCheckTime in the status", g.version())
	d.NextCheck = next
	return d
}

// orOverridden lets a release through that was refused, if somebody has taken
// that upon themselves: by an annotation with its version and a reason, which
// was not used for other images before.
func (g gate) orOverridden(refusal Decision) Decision {
	value := strings.Join(strings.Fields(g.production.Annotations[naming.AnnotationPromotionOverride]), " ")
	version, reason, _ := strings.Cut(value, " ")
	used := g.production.Status.Release.Override
	problem := ""
	switch {
	case version != g.version():
		return refusal
	case reason == "":
		problem = "gives no reason after the version"
	case len(value) > maxOverride:
		problem = "is too long"
	case used.Value == value && used.ImagesDigest != g.images:
		problem = "was used for other images of that version"
	default:
		d := g.overridden(value)
		d.Override = value
		return d
	}
	refusal.Message += fmt.Sprintf("; the annotation %s %s", naming.AnnotationPromotionOverride, problem)
	return refusal
}
