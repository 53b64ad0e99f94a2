package promote

import (
	"strings"
	"testing"
	"time"

	"blogplatform.io/operator/api/v1alpha1"
)

// TestWhatReplacesPodsMayWaitForAWindow though it is no release.
func TestWhatReplacesPodsMayWaitForAWindow(t *testing.T) {
	holds := func(p *v1alpha1.BlogPlatform) { p.Spec.Promotion.WindowScope = v1alpha1.WindowsHoldPods }
	for name, c := range map[string]struct {
		edits  []func(*v1alpha1.BlogPlatform)
		reason string
	}{
		"the windows hold releases only":    {[]func(*v1alpha1.BlogPlatform){opens(mornings)}, ReasonAllowed},
		"they are closed":                   {[]func(*v1alpha1.BlogPlatform){opens(mornings), holds}, ReasonWindowClosed},
		"one of them is open":               {[]func(*v1alpha1.BlogPlatform){opens(mornings, allDay), holds}, ReasonAllowed},
		"somebody takes that on themselves": {[]func(*v1alpha1.BlogPlatform){opens(mornings), holds, overrides("v1 more memory, now")}, ReasonOverridden},
		"that is for another release":       {[]func(*v1alpha1.BlogPlatform){opens(mornings), holds, overrides(emergency)}, ReasonWindowClosed},
		"nobody knows the time zone":        {[]func(*v1alpha1.BlogPlatform){opens(onVulcan), holds}, ReasonTimeZoneNotFound},
		"there is no gate": {[]func(*v1alpha1.BlogPlatform){opens(mornings), holds, func(p *v1alpha1.BlogPlatform) {
			p.Spec.Promotion.From = v1alpha1.PlatformReference{}
		}}, ReasonAllowed},
	} {
		d := Pods(production("v1", c.edits...), noon)
		if d.Reason != c.reason || d.Allowed != (c.reason == ReasonAllowed || c.reason == ReasonOverridden) || (d.Override != "") != (c.reason == ReasonOverridden) {
			t.Errorf("%s: %+v, want %s", name, d, c.reason)
		}
		database := Database(production("v1", c.edits...), noon)
		if database.Allowed != d.Allowed || database.Reason != d.Reason || !d.Allowed && !strings.HasPrefix(database.Message, "a change that restarts PostgreSQL waits: ") {
			t.Errorf("%s: of the database: %+v", name, database)
		}
		if closed := c.reason == ReasonWindowClosed; closed != d.NextCheck.Equal(noon.Add(21*time.Hour)) || closed && !strings.HasPrefix(d.Message, "other pods of the same images wait: ") {
			t.Errorf("%s: it looks again at %v: %s", name, d.NextCheck, d.Message)
		}
	}
}
