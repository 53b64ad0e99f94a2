package promote

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) // a Wednesday

func at(minutes int) metav1.Time {
	return metav1.NewTime(noon.Add(time.Duration(minutes) * time.Minute))
}

// images of a build, as a registry names them.
func images(build, registry string) v1alpha1.Images {
	digest := fmt.Sprintf("@sha256:%x", sha256.Sum256([]byte(build)))
	return v1alpha1.Images{Frontend: registry + "/frontend" + digest, User: registry + "/user" + digest, Content: registry + "/content" + digest, Comment: registry + "/comment" + digest}
}

func releaseOf(build string) v1alpha1.Release {
	return v1alpha1.Release{Version: build, Images: images(build, "registry.example.com")}
}

// record of a release that began and ended so many minutes after noon.
func record(build string, outcome v1alpha1.ReleaseOutcome, from, to int) v1alpha1.ReleaseRecord {
	r := v1alpha1.ReleaseRecord{Version: build, Digest: "set-" + build, ImagesDigest: ImagesDigest(images(build, "x")), StartTime: at(from), Outcome: outcome}
	if outcome != v1alpha1.OutcomeInProgress {
		r.CompletionTime = new(at(to))
	}
	if outcome == v1alpha1.OutcomeAborted {
		r.Reason = "AnalysisFailed"
	}
	return r
}

// staging has a history, newest first.
// What it has verified has served users ever since.
func staging(history ...v1alpha1.ReleaseRecord) *v1alpha1.BlogPlatform {
	p := &v1alpha1.BlogPlatform{}
	p.Spec.Environment = v1alpha1.Staging
	for _, r := range slices.Backward(history) {
		p.Status.History = slices.Insert(p.Status.History, 0, r)
		if r.Outcome == v1alpha1.OutcomeSucceeded {
			p.Status.Release.Current = v1alpha1.ReleaseIdentity{Version: r.Version, Digest: r.Digest}
			p.Status.History = Soak(p.Status.History, p.Status.Release.Current, "", *r.CompletionTime)
		}
	}
	return p
}

// interrupted is a staging that did not serve between two times, in minutes after noon, or does not since.
func interrupted(p *v1alpha1.BlogPlatform, why string, from, to int) *v1alpha1.BlogPlatform {
	p.Status.History = Soak(p.Status.History, p.Status.Release.Current, why, at(from))
	if to > from {
		p.Status.History = Soak(p.Status.History, p.Status.Release.Current, "", at(to))
	}
	return p
}

// waits makes production remember that a release lacks an open window only.
func waits(version string) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) {
		p.Status.Release.Waiting = v1alpha1.WaitingStatus{Version: version, ImagesDigest: ImagesDigest(images(version, "x")), From: "stg/blog"}
	}
}

// production runs v1, and asks for another release.
func production(wants string, edits ...func(*v1alpha1.BlogPlatform)) *v1alpha1.BlogPlatform {
	p := &v1alpha1.BlogPlatform{}
	p.Spec.Environment, p.Spec.Release = v1alpha1.Production, releaseOf(wants)
	p.Spec.Promotion.From = v1alpha1.PlatformReference{Namespace: "stg", Name: "blog"}
	current := v1alpha1.ReleaseIdentity{Version: "v1", Digest: "set-v1", Images: images("v1", "registry.example.com")}
	p.Status.Release = v1alpha1.ReleaseStatus{Current: current, Target: v1alpha1.ReleaseIdentity{Version: "v1", Digest: "set-v1"}, Phase: v1alpha1.PhaseComplete}
	p.Status.History = []v1alpha1.ReleaseRecord{record("v1", v1alpha1.OutcomeSucceeded, -900, -890)}
	for _, edit := range edits {
		edit(p)
	}
	return p
}

func soaks(minutes int32) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) { p.Spec.Promotion.SoakSeconds = new(minutes * 60) }
}

func opens(windows ...v1alpha1.PromotionWindow) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) { p.Spec.Promotion.Windows = windows }
}

func overrides(value string) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) {
		p.Annotations = map[string]string{naming.AnnotationPromotionOverride: value}
	}
}

// began makes what production asks for the release that it works towards.
func began(phase v1alpha1.ReleasePhase) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) {
		version := p.Spec.Release.Version
		outcome := v1alpha1.OutcomeInProgress
		if phase == v1alpha1.PhaseAborted {
			outcome = v1alpha1.OutcomeAborted
		}
		p.Status.Release.Target = v1alpha1.ReleaseIdentity{Version: version, Digest: "set-" + version}
		p.Status.Release.Phase = phase
		p.Status.History = append([]v1alpha1.ReleaseRecord{record(version, outcome, -5, -1)}, p.Status.History...)
	}
}

// inherits makes production one that was created again over its data, and has run nothing yet.
func inherits(p *v1alpha1.BlogPlatform) {
	p.Status = v1alpha1.BlogPlatformStatus{Release: v1alpha1.ReleaseStatus{Inherited: new(true)}}
}

var (
	mornings   = v1alpha1.PromotionWindow{Days: []v1alpha1.Day{"Mon", "Tue", "Wed", "Thu"}, Start: "09:00", DurationMinutes: 60}
	allDay     = v1alpha1.PromotionWindow{Days: []v1alpha1.Day{"Wed"}, Start: "00:00", DurationMinutes: 1440}
	inColombo  = v1alpha1.PromotionWindow{Days: []v1alpha1.Day{"Wed"}, Start: "17:30", DurationMinutes: 1, Timezone: "Asia/Colombo"} // 12:00 UTC
	onVulcan   = v1alpha1.PromotionWindow{Days: []v1alpha1.Day{"Wed"}, Start: "09:00", DurationMinutes: 60, Timezone: "Vulcan/Gol"}
	goodInStg  = record("v2", v1alpha1.OutcomeSucceeded, -100, -60)
	badInStg   = record("v3", v1alpha1.OutcomeAborted, -50, -40)
	afterGood  = record("v4", v1alpha1.OutcomeSucceeded, -30, -20)
	emergency  = "v9 the shop is down"
	refusalFor = "release v9"
)

func TestWhatMayRunInProduction(t *testing.T) {
	second := func(p *v1alpha1.BlogPlatform) { p.Spec.Release.Images.User = images("other", "x").User }
	for name, c := range map[string]struct {
		production *v1alpha1.BlogPlatform
		staging    *v1alpha1.BlogPlatform
		reason     string
		says       string
		next       int // minutes after noon, or 0
	}{
		"what staging has verified": {production("v2"), staging(goodInStg), ReasonAllowed, "may run", 0},
		"without a gate, anything":  {production("v9", func(p *v1alpha1.BlogPlatform) { p.Spec.Promotion = v1alpha1.Promotion{} }), nil, ReasonAllowed, "", 0},
		"the first release, whatever it is": {production("v9", opens(mornings), soaks(9), func(p *v1alpha1.BlogPlatform) {
			p.Status = v1alpha1.BlogPlatformStatus{}
		}), nil, ReasonAllowed, "", 0},
		"the first release that is verified, over data of a platform before": {production("v2", inherits), staging(goodInStg), ReasonAllowed, "", 0},
		"and that at any hour, since nothing runs":                           {production("v2", inherits, opens(mornings)), staging(goodInStg), ReasonAllowed, "", 0},
		"nothing else over data of a platform before":                        {production("v9", inherits), staging(goodInStg), ReasonNotVerified, "", 0},
		"nor what has not soaked":                                            {production("v2", inherits, soaks(61)), staging(goodInStg), ReasonSoaking, "", 1},
		"unless somebody takes that upon themselves":                         {production("v9", inherits, overrides(emergency)), nil, ReasonOverridden, emergency, 0},
		"what runs already, staging or not":                                  {production("v1", opens(mornings)), nil, ReasonAllowed, "", 0},
		"what was verified from another registry": {production("v2", func(p *v1alpha1.BlogPlatform) {
			p.Spec.Release.Images = images("v2", "mirror.example.com:5000/blog")
		}), staging(goodInStg), ReasonAllowed, "", 0},

		"nothing, if there is no such staging":              {production("v2"), nil, ReasonStagingNotFound, "there is no BlogPlatform stg/blog", 0},
		"nothing, if staging cannot be seen":                {production("v2"), NotWatched, ReasonNotWatched, "the operator does not watch namespace stg, so it cannot see what BlogPlatform stg/blog has verified; have the namespace added to the operator's --watch-namespaces", 0},
		"nothing, if it is another production":              {production("v2"), production("v2"), ReasonNotStaging, "is of environment Production", 0},
		"nothing that staging does not know":                {production("v9"), staging(goodInStg), ReasonNotVerified, "stg/blog has not verified release v9", 0},
		"nothing that staging is still looking at":          {production("v9"), staging(record("v9", v1alpha1.OutcomeInProgress, -1, 0)), ReasonNotVerified, "", 0},
		"nothing that staging has given up on":              {production("v9"), staging(record("v9", v1alpha1.OutcomeSuperseded, -9, -8)), ReasonNotVerified, "", 0},
		"nothing of which one image is another":             {production("v2", second), staging(goodInStg), ReasonNotVerified, "by these digests", 0},
		"nothing that failed in staging":                    {production("v3"), staging(badInStg, goodInStg), ReasonFailedInStaging, "release v3 failed on stg/blog (AnalysisFailed)", 0},
		"what failed in staging once and then came through": {production("v2"), staging(goodInStg, record("v2", v1alpha1.OutcomeAborted, -300, -200)), ReasonAllowed, "", 0},
		"nothing by a tag":                                  {production("v2", func(p *v1alpha1.BlogPlatform) { p.Spec.Release.Images.User = "x/user:v2" }), staging(goodInStg), ReasonImagesByTag, "by digest", 0},

		"nothing before it has soaked":                     {production("v2", soaks(61)), staging(goodInStg), ReasonSoaking, "soakSeconds", 1},
		"what has soaked to the second":                    {production("v2", soaks(60)), staging(goodInStg), ReasonAllowed, "", 0},
		"a failure in staging does not end the soak":       {production("v2", soaks(60)), staging(badInStg, goodInStg), ReasonAllowed, "", 0},
		"nothing whose soak was cut short":                 {production("v2", soaks(40)), staging(afterGood, goodInStg), ReasonSoakInterrupted, "release it there again", 0},
		"what had soaked before staging went on":           {production("v2", soaks(30)), staging(afterGood, goodInStg), ReasonAllowed, "", 0},
		"what soaks again counts from then":                {production("v2", soaks(35)), staging(record("v2", v1alpha1.OutcomeSucceeded, -10, -5), afterGood, goodInStg), ReasonSoaking, "", 30},
		"another set of the same images soaks on":          {production("v2", soaks(60)), staging(record("v2", v1alpha1.OutcomeSucceeded, -10, -5), goodInStg), ReasonAllowed, "", 0},
		"nothing while staging does not serve":             {production("v2", soaks(30)), interrupted(staging(goodInStg), "no pod of blog-user is available", -1, -1), ReasonSoakInterrupted, "(no pod of blog-user is available) and is lost; it begins anew", 0},
		"nothing that staging serves again just now":       {production("v2", soaks(30)), interrupted(staging(goodInStg), "spec.suspend is true", -20, -10), ReasonSoaking, "began anew after an interruption (spec.suspend is true)", 20},
		"what has soaked again after an interruption":      {production("v2", soaks(10)), interrupted(staging(goodInStg), "spec.suspend is true", -20, -10), ReasonAllowed, "", 0},
		"nothing that staging went back from":              {production("v4", soaks(5)), staging(record("v2", v1alpha1.OutcomeSucceeded, -10, -5), afterGood, goodInStg), ReasonSoakInterrupted, "it went back to release v2", 0},
		"nothing that failed in staging after it was good": {production("v2"), staging(record("v2", v1alpha1.OutcomeAborted, -50, -40), goodInStg), ReasonFailedInStaging, "release v2 failed", 0},
		"what had passed before staging forgot it":         {production("v2", soaks(60), opens(allDay), waits("v2")), staging(afterGood), ReasonAllowed, "", 0},
		"nothing that fails while it waits":                {production("v2", opens(allDay), waits("v2")), staging(record("v2", v1alpha1.OutcomeAborted, -50, -40)), ReasonFailedInStaging, "", 0},
		"nothing because another version waited":           {production("v9", opens(allDay), waits("v2")), staging(goodInStg), ReasonNotVerified, "", 0},
		"nothing out of the windows":                       {production("v2", opens(mornings)), staging(goodInStg), ReasonWindowClosed, "window", 21 * 60},
		"what one of the windows is open for":              {production("v2", opens(mornings, allDay)), staging(goodInStg), ReasonAllowed, "", 0},
		"windows are by the clocks of their time zone":     {production("v2", opens(inColombo)), staging(goodInStg), ReasonAllowed, "", 0},
		"nothing in a time zone that nobody knows":         {production("v2", opens(onVulcan)), staging(goodInStg), ReasonTimeZoneNotFound, "Vulcan/Gol", 0},
		"the soak comes first, and then the window":        {production("v2", soaks(61), opens(mornings)), staging(goodInStg), ReasonSoaking, "", 1},
		"what has begun when the window closes":            {production("v2", opens(mornings), began(v1alpha1.PhaseProgressing)), staging(goodInStg), ReasonAllowed, "", 0},
		"what has begun when staging is deleted":           {production("v2", began(v1alpha1.PhaseVerifying)), nil, ReasonAllowed, "", 0},
		"nothing else when something has begun":            {production("v9", began(v1alpha1.PhaseMigrating), func(p *v1alpha1.BlogPlatform) { p.Spec.Release = releaseOf("v8") }), staging(goodInStg), ReasonNotVerified, "v8", 0},
		"no other images under the version that has begun": {production("v2", began(v1alpha1.PhaseMigrating), second), staging(goodInStg), ReasonNotVerified, "", 0},
		"the way back, at any hour": {production("v0", opens(mornings), func(p *v1alpha1.BlogPlatform) {
			p.Status.History = append(p.Status.History, record("v0", v1alpha1.OutcomeSucceeded, -999, -990))
		}), staging(), ReasonAllowed, "", 0},
		"no way back to what failed here": {production("v0", func(p *v1alpha1.BlogPlatform) {
			p.Status.History = append(p.Status.History, record("v0", v1alpha1.OutcomeAborted, -999, -990))
		}), staging(), ReasonNotVerified, "", 0},

		"what somebody takes upon themselves":    {production("v9", overrides(emergency)), nil, ReasonOverridden, emergency, 0},
		"an override for soak and window, too":   {production("v2", soaks(90), opens(mornings), overrides("v2 hotfix")), staging(goodInStg), ReasonOverridden, "hotfix", 0},
		"an override that is not needed is none": {production("v2", overrides("v2 hotfix")), staging(goodInStg), ReasonAllowed, "", 0},
		"an override of another version is none": {production("v9", overrides("v8 hotfix")), staging(), ReasonNotVerified, refusalFor, 0},
		"an override without a reason is none":   {production("v9", overrides("v9 ")), staging(), ReasonNotVerified, "gives no reason", 0},
		"an override like a novel is none":       {production("v9", overrides("v9 "+strings.Repeat("because ", 40))), staging(), ReasonNotVerified, "is too long", 0},
		"an override that was used for other images is none": {production("v9", overrides(emergency), func(p *v1alpha1.BlogPlatform) {
			p.Status.Release.Override = v1alpha1.OverrideStatus{Value: emergency, ImagesDigest: ImagesDigest(images("evil", "x"))}
		}), staging(), ReasonNotVerified, "was used for other images", 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := Decide(c.production, c.staging, noon)
			if d.Reason != c.reason || !strings.Contains(d.Message, c.says) {
				t.Fatalf("the gate answers %+v, want %s and something of %q", d, c.reason, c.says)
			}
			if d.Allowed != (c.reason == ReasonAllowed || c.reason == ReasonOverridden) || Stuck(d.Reason) && (d.Allowed || c.next != 0) {
				t.Errorf("%+v contradicts itself", d)
			}
			if (d.Override != "") != (c.reason == ReasonOverridden) {
				t.Errorf("override %q is used up for %s", d.Override, d.Reason)
			}
			if (d.Waiting.Version != "") != (d.Reason == ReasonWindowClosed || d.Reason == ReasonTimeZoneNotFound) {
				t.Errorf("%s: it remembers %+v", d.Reason, d.Waiting)
			}
			if want := noon.Add(time.Duration(c.next) * time.Minute); c.next != 0 && !d.NextCheck.Equal(want) || c.next == 0 && !d.NextCheck.IsZero() {
				t.Errorf("it looks again at %s, want %d minutes after noon", d.NextCheck, c.next)
			}
		})
	}
}

// TestWhatWasTakenBackIsNotTriedAgainOutOfHours: the first attempt was in a window.
func TestWhatWasTakenBackIsNotTriedAgainOutOfHours(t *testing.T) {
	for name, c := range map[string]struct {
		edits    []func(*v1alpha1.BlogPlatform)
		closed   bool
		override string
	}{
		"out of the windows":        {[]func(*v1alpha1.BlogPlatform){opens(mornings)}, true, ""},
		"in one of them":            {[]func(*v1alpha1.BlogPlatform){opens(allDay)}, false, ""},
		"without windows":           {nil, false, ""},
		"as somebody asks for":      {[]func(*v1alpha1.BlogPlatform){opens(mornings), overrides("v2 it must be out today")}, false, "v2 it must be out today"},
		"in a time zone of fantasy": {[]func(*v1alpha1.BlogPlatform){opens(onVulcan)}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := Decide(production("v2", append(c.edits, began(v1alpha1.PhaseAborted))...), staging(goodInStg), noon)
			if !d.Allowed || d.Closed != c.closed || d.Override != c.override {
				t.Errorf("the gate answers %+v", d)
			}
		})
	}
}

func TestAnOverrideIsToldForAsLongAsItsReleaseRuns(t *testing.T) {
	p := production("v9", overrides(emergency), began(v1alpha1.PhaseProgressing))
	p.Status.History[0].Override = emergency
	p.Annotations = nil
	if d := Decide(p, nil, noon); d.Reason != ReasonOverridden || !d.Allowed || d.Override != "" {
		t.Errorf("on its way: %+v", d)
	}
	p.Status.Release.Current = v1alpha1.ReleaseIdentity{Version: "v9", Digest: "set-v9", Images: p.Spec.Release.Images}
	if d := Decide(p, nil, noon); d.Reason != ReasonOverridden || !d.Allowed {
		t.Errorf("once it is current: %+v", d)
	}
}

func TestWhatStagingSaysOfItsRelease(t *testing.T) {
	ready := func() *v1alpha1.BlogPlatform {
		p := staging(goodInStg)
		p.Spec.Release = releaseOf("v2")
		p.Status.Release.Current = v1alpha1.ReleaseIdentity{Version: "v2", Digest: "set-v2", Images: p.Spec.Release.Images}
		p.Status.Release.Target, p.Status.Release.Phase = p.Status.Release.Current, v1alpha1.PhaseComplete
		return p
	}
	for name, c := range map[string]struct {
		happens func(*v1alpha1.BlogPlatform)
		reason  string
	}{
		"verified":           {func(*v1alpha1.BlogPlatform) {}, ReasonVerified},
		"installing":         {func(p *v1alpha1.BlogPlatform) { p.Status = v1alpha1.BlogPlatformStatus{} }, ReasonNotVerified},
		"another is wanted":  {func(p *v1alpha1.BlogPlatform) { p.Spec.Release = releaseOf("v3") }, ReasonNotVerified},
		"other images of it": {func(p *v1alpha1.BlogPlatform) { p.Spec.Release.Images = images("x", "x") }, ReasonNotVerified},
		"another size of it": {func(p *v1alpha1.BlogPlatform) { p.Status.Release.Target.Digest = "larger" }, ReasonVerified},
		"by tags": {func(p *v1alpha1.BlogPlatform) {
			p.Spec.Release.Images.User = "user:v2"
			p.Status.Release.Current.Images.User = "user:v2"
		}, ReasonImagesByTag},
		"another has failed": {func(p *v1alpha1.BlogPlatform) {
			p.Spec.Release = releaseOf("v3")
			p.Status.Release.Target, p.Status.Release.Phase = v1alpha1.ReleaseIdentity{Version: "v3", Digest: "set-v3"}, v1alpha1.PhaseAborted
		}, ReasonAborted},
	} {
		t.Run(name, func(t *testing.T) {
			p := ready()
			c.happens(p)
			if promotable, reason, message := Promotable(p); reason != c.reason || promotable != (c.reason == ReasonVerified) || message == "" {
				t.Errorf("staging says %v, %s: %s; want %s", promotable, reason, message, c.reason)
			}
		})
	}
}

func TestImagesAreTheSameWhereverTheyArePulledFrom(t *testing.T) {
	here, there := images("v1", "a.example.com"), images("v1", "b.example.com:5000/team")
	there.User = strings.Replace(there.User, "@", ":v1@", 1)
	if ImagesDigest(here) != ImagesDigest(there) || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(ImagesDigest(here)) {
		t.Errorf("%s and %s", ImagesDigest(here), ImagesDigest(there))
	}
	swapped := images("v1", "x")
	swapped.User, swapped.Content = images("v2", "x").User, images("v3", "x").Content
	again := images("v1", "x")
	again.User, again.Content = images("v3", "x").User, images("v2", "x").Content
	if ImagesDigest(swapped) == ImagesDigest(again) {
		t.Error("user and content can be swapped")
	}
}

func TestTheSameDigestsAreTheSameReleaseUnderAnyName(t *testing.T) {
	tagged := images("v1", "a.example.com")
	tagged.User = "a.example.com/user:v1"
	renamed := images("v1", "b.example.com")
	renamed.Content = strings.Replace(renamed.Content, "@", ":v1@", 1)
	moved := tagged
	moved.User = "b.example.com/user:v1"
	for name, c := range map[string]struct {
		a, b v1alpha1.Images
		same bool
	}{
		"another registry, a tag before a digest": {images("v1", "a.example.com"), renamed, true},
		"another digest":                   {images("v1", "a.example.com"), images("v2", "a.example.com"), false},
		"the same tag":                     {tagged, tagged, true},
		"the same tag of another registry": {tagged, moved, false},
		"a tag and a digest":               {tagged, images("v1", "a.example.com"), false},
	} {
		if SameImages(c.a, c.b) != c.same || SameImages(c.b, c.a) != c.same {
			t.Errorf("%s: the same is %v, want %v", name, !c.same, c.same)
		}
	}
}
