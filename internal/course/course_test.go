package course

import (
	"testing"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/release"
)

func versionOf(version string) plan.Set {
	return plan.Set{Digest: "of-" + version, Release: v1alpha1.Release{Version: version}}
}

func TestReadersSeeTheGoodReleaseUntilTheFrontendGoesToTheTarget(t *testing.T) {
	good := versionOf("v1")
	for name, c := range map[string]struct {
		course            Course
		serving, migrated string
	}{
		"first install": {Course{Target: versionOf("v1")}, "v1", "v1"},
		"under way":     {Course{Target: versionOf("v2"), Good: &good}, "v1", "v2"},
		"the frontend":  {Course{Target: versionOf("v2"), Good: &good, Release: release.Decision{FrontendOnTarget: true}}, "v2", "v2"},
		"aborted":       {Course{Target: versionOf("v2"), Good: &good, Release: release.Decision{Status: v1alpha1.ReleaseStatus{Phase: v1alpha1.PhaseAborted}}}, "v1", "v1"},
	} {
		if serving, migrated := c.course.Serving().Version, c.course.Migrated().Version; serving != c.serving || migrated != c.migrated {
			t.Errorf("%s: serves %s, migrated %s", name, serving, migrated)
		}
	}
}

func TestAProblemIsOfTheGateOnlyIfTheGateRefuses(t *testing.T) {
	refused := promote.Decision{Reason: promote.ReasonSoaking}
	for name, c := range map[string]struct {
		course Course
		want   bool
	}{
		"no problem":     {Course{Gate: refused}, false},
		"that of a host": {Course{Gate: refused, Problem: &plan.Problem{Reason: "HostConflict"}}, false},
		"the gate's":     {Course{Gate: refused, Problem: &plan.Problem{Reason: promote.ReasonSoaking}}, true},
		"it allows":      {Course{Gate: promote.Decision{Allowed: true, Reason: "X"}, Problem: &plan.Problem{Reason: "X"}}, false},
	} {
		if got := c.course.RefusedByGate(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
