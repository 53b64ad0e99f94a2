package release

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// at is a phase of a release.
func at(version string, phase v1alpha1.ReleasePhase) v1alpha1.ReleaseStatus {
	return v1alpha1.ReleaseStatus{Target: v1alpha1.ReleaseIdentity{Version: version, Digest: "of-" + version}, Phase: phase}
}

// releases plays a series of releases, of which those in failed are never verified, an hour after each other.
func releases(failed map[int]bool, n int) []string {
	var history []v1alpha1.ReleaseRecord
	for i := range n {
		now := metav1.NewTime(time.Unix(int64(i)*3600, 0))
		history = Record(history, at(fmt.Sprint("v", i), v1alpha1.PhaseProgressing), now)
		if !failed[i] {
			history = Record(history, at(fmt.Sprint("v", i), v1alpha1.PhaseComplete), now)
		}
	}
	return outcomes(history)
}

func outcomes(history []v1alpha1.ReleaseRecord) []string {
	var all []string
	for _, r := range history {
		all = append(all, r.Version+" "+string(r.Outcome))
	}
	return all
}

func TestHistoryTellsHowEachReleaseEnded(t *testing.T) {
	got := releases(map[int]bool{1: true, 3: true}, 4)
	want := []string{"v3 InProgress", "v2 Succeeded", "v1 Superseded", "v0 Succeeded"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHistoryKeepsTheLastGoodReleaseHoweverManyFail(t *testing.T) {
	failed := map[int]bool{}
	for i := 1; i < 30; i++ {
		failed[i] = true
	}
	got := releases(failed, 30)
	if len(got) != maxHistory || got[0] != "v29 InProgress" || got[maxHistory-1] != "v0 Succeeded" {
		t.Errorf("history: %v", got)
	}
}

// TestFailuresDoNotPushGoodReleasesOutOfTheHistory, which can be gone back to,
// and which production may still want.
func TestFailuresDoNotPushGoodReleasesOutOfTheHistory(t *testing.T) {
	failed := map[int]bool{}
	for i := 3; i < 40; i++ {
		failed[i] = true
	}
	got := releases(failed, 40)
	if tail := got[len(got)-3:]; len(got) != maxHistory || !slices.Equal(tail, []string{"v2 Succeeded", "v1 Succeeded", "v0 Succeeded"}) {
		t.Errorf("after many failures: %v", got)
	}
	// Among good ones a failure is remembered as long as they are.
	for i := 3; i < 40; i++ {
		failed[i] = i%10 == 0
	}
	got = releases(failed, 38)
	if n := strings.Count(strings.Join(got, " "), "Superseded"); n != 1 || got[0] != "v37 Succeeded" || got[len(got)-1] != "v28 Succeeded" {
		t.Errorf("after many good ones: %v", got)
	}
}

// TestAFailureThatTookSomethingAwayIsRemembered: it decides how far back the way is.
func TestAFailureThatTookSomethingAwayIsRemembered(t *testing.T) {
	history := []v1alpha1.ReleaseRecord{ran("v0", v1alpha1.OutcomeSucceeded)}
	history = slices.Insert(history, 0, ran("v2", v1alpha1.OutcomeAborted, "user contract 1 -> 2"), ran("v1", v1alpha1.OutcomeSucceeded))
	for i := range 30 {
		history = Record(history, at(fmt.Sprint("w", i), v1alpha1.PhaseAborting), metav1.NewTime(time.Unix(int64(i), 0)))
	}
	if _, err := Rollback(history, nil, "v0"); err == nil || !strings.Contains(err.Error(), "release v2 has run the contract migration of v1") {
		t.Errorf("the way back to v0: %v in %v", err, outcomes(history))
	}
}

func TestTheSameReleaseIsRecordedOnce(t *testing.T) {
	once := Record(nil, at("v1", v1alpha1.PhaseComplete), metav1.NewTime(time.Unix(0, 0)))
	for _, phase := range []v1alpha1.ReleasePhase{v1alpha1.PhaseComplete, v1alpha1.PhaseProgressing} {
		if diff := cmp.Diff(once, Record(once, at("v1", phase), metav1.NewTime(time.Unix(99, 0)))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAnAbortIsRecordedWithItsReasonUntilItIsTriedAgain(t *testing.T) {
	aborted := at("v2", v1alpha1.PhaseAborting)
	aborted.Failures = []v1alpha1.ReleaseFailure{{Digest: "of-v2", Reason: "VerifyFailed", Message: "no page"}}
	history := Record(nil, at("v1", v1alpha1.PhaseComplete), metav1.NewTime(time.Unix(0, 0)))
	history = Record(history, at("v2", v1alpha1.PhaseProgressing), metav1.NewTime(time.Unix(1, 0)))
	history = Record(history, aborted, metav1.NewTime(time.Unix(2, 0)))
	if head := history[0]; head.Outcome != v1alpha1.OutcomeAborted || head.Reason != "VerifyFailed" || head.Message != "no page" || head.CompletionTime == nil {
		t.Errorf("after the abort: %+v", head)
	}
	history = Record(history, at("v2", v1alpha1.PhaseMigrating), metav1.NewTime(time.Unix(3, 0)))
	if head := history[0]; head.Outcome != v1alpha1.OutcomeInProgress || head.CompletionTime != nil || head.Reason != "VerifyFailed" {
		t.Errorf("when it is tried again: %+v", head)
	}
	if diff := cmp.Diff([]string{"v2 InProgress", "v1 Succeeded"}, outcomes(history)); diff != "" {
		t.Error(diff)
	}
}

func TestAMigrationThatChangedNothingIsNotRecorded(t *testing.T) {
	for versions, want := range map[string]string{"2 -> 3": "user expand 2 -> 3", "3 -> 3": "", "": "user expand unknown"} {
		if got := Migration(naming.User, naming.PhaseExpand, versions); got != want {
			t.Errorf("%q is recorded as %q, want %q", versions, got, want)
		}
	}
}

// ran is a release of the past.
func ran(version string, outcome v1alpha1.ReleaseOutcome, migrations ...string) v1alpha1.ReleaseRecord {
	return v1alpha1.ReleaseRecord{Version: version, Digest: "of-" + version, Outcome: outcome, Migrations: migrations}
}

func TestOneStepBackIsAlwaysSafeAndALongerOneIsUnlessAContractLiesBetween(t *testing.T) {
	const good, aborted = v1alpha1.OutcomeSucceeded, v1alpha1.OutcomeAborted
	cases := map[string]struct {
		history []v1alpha1.ReleaseRecord // newest first
		to      string
		refused string // part of the error
	}{
		"one step over a contract of the release itself": {
			[]v1alpha1.ReleaseRecord{ran("v3", good, "user contract 1 -> 2"), ran("v2", good), ran("v1", good)}, "v2", ""},
		"two steps over a contract": {
			[]v1alpha1.ReleaseRecord{ran("v3", good, "user contract 1 -> 2"), ran("v2", good), ran("v1", good)}, "v1",
			"release v3 has run the contract migration of v2 (user contract 1 -> 2), which took away what releases before v2 need; the newest release to go back to is v2"},
		"two steps over a contract that has begun": {
			[]v1alpha1.ReleaseRecord{ran("v3", v1alpha1.OutcomeSuperseded, "user contract begun"), ran("v2", good), ran("v1", good)}, "v1",
			"(user contract begun), which took away what releases before v2 need; there is no release to go back to: release a fix"},
		"two steps over expansions": {
			[]v1alpha1.ReleaseRecord{ran("v3", good, "user expand 1 -> 2"), ran("v2", good, "user expand 0 -> 1"), ran("v1", good)}, "v1", ""},
		"two steps over the contract of the older one": {
			[]v1alpha1.ReleaseRecord{ran("v3", good), ran("v2", good, "user contract 0 -> 1"), ran("v1", good)}, "v1", ""},
		"an aborted release may have contracted, too": {
			[]v1alpha1.ReleaseRecord{ran("v4", good), ran("v3", aborted, "comment contract unknown"), ran("v2", good), ran("v1", good)}, "v1",
			"release v3 has run the contract migration of v2 (comment contract unknown)"},
		"one step after a release that was aborted had contracted": {
			[]v1alpha1.ReleaseRecord{ran("v3", aborted, "user contract 1 -> 2"), ran("v2", good), ran("v1", good)}, "v1",
			"which took away what releases before v2 need"},
		"the current one":   {[]v1alpha1.ReleaseRecord{ran("v1", good)}, "v1", "is the current one"},
		"one that failed":   {[]v1alpha1.ReleaseRecord{ran("v3", good), ran("v2", aborted), ran("v1", good)}, "v2", "that succeeded: v1"},
		"nothing yet":       {nil, "v1", "no release has been verified yet"},
		"one that is gone":  {[]v1alpha1.ReleaseRecord{ran("v9", good)}, "v1", "there is none"},
		"before a rollback": {[]v1alpha1.ReleaseRecord{ran("v1", good), ran("v2", good), ran("v1", good)}, "v2", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			record, err := Rollback(c.history, nil, c.to)
			switch {
			case c.refused == "" && (err != nil || record.Version != c.to):
				t.Errorf("%v, %v", record, err)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
				t.Errorf("the error is %v, want it to say %q", err, c.refused)
			}
		})
	}
}

// TestAContractIsUnsafeFromBeforeItBegins: what becomes of its Job is not always seen.
func TestAContractIsUnsafeFromBeforeItBegins(t *testing.T) {
	const good = v1alpha1.OutcomeSucceeded
	before := []v1alpha1.ReleaseRecord{ran("v2", v1alpha1.OutcomeInProgress, "user expand 1 -> 2"), ran("v1", good), ran("v0", good)}
	history := BeginContract(BeginContract(before, nil, naming.User, naming.Content), nil, naming.User)
	if diff := cmp.Diff([]string{"user expand 1 -> 2", "user contract begun", "content contract begun"}, history[0].Migrations); diff != "" {
		t.Error(diff)
	}
	if len(before[0].Migrations) != 1 {
		t.Errorf("the argument was modified: %v", before[0].Migrations)
	}
	// Somebody goes back meanwhile.
	history = append([]v1alpha1.ReleaseRecord{ran("v1", good)}, history...)
	history[1].Outcome = v1alpha1.OutcomeSuperseded
	if err := Unsafe(history, nil, "v0", ""); err == nil || !strings.Contains(err.Error(), "user contract begun") {
		t.Errorf("the way to v0: %v", err)
	}
	// Another release comes to see the end of it.
	history = append([]v1alpha1.ReleaseRecord{ran("v3", v1alpha1.OutcomeInProgress)}, history[1:]...)
	history = Migrated(Migrated(history, naming.User, naming.PhaseContract, "1 -> 1"), naming.Content, naming.PhaseContract, "1 -> 2")
	if diff := cmp.Diff([][]string{{"content contract 1 -> 2"}, {"user expand 1 -> 2"}}, [][]string{history[0].Migrations, history[1].Migrations}); diff != "" {
		t.Error(diff)
	}
}

// TestAMigrationThatRunsAgainIsRecordedOnce: status holds one of each service and phase.
func TestAMigrationThatRunsAgainIsRecordedOnce(t *testing.T) {
	history := []v1alpha1.ReleaseRecord{ran("v2", v1alpha1.OutcomeSucceeded)}
	for _, versions := range []string{"1 -> 3", "2 -> 3", "3 -> 3"} {
		for _, service := range naming.DataServices {
			for _, phase := range []string{naming.PhaseContract, naming.PhaseExpand} {
				history = Migrated(history, service, phase, versions)
			}
		}
	}
	if m := history[0].Migrations; len(m) != 6 || !slices.Contains(m, "user contract 2 -> 3") || !slices.Contains(m, "comment expand 2 -> 3") {
		t.Errorf("recorded are %v", m)
	}
}

func TestAReleaseOfThePastIsKnownByItsDigests(t *testing.T) {
	digests := func(r v1alpha1.ReleaseRecord, images string) v1alpha1.ReleaseRecord {
		r.ImagesDigest = images
		return r
	}
	const good, aborted = v1alpha1.OutcomeSucceeded, v1alpha1.OutcomeAborted
	history := []v1alpha1.ReleaseRecord{
		digests(ran("v3", good, "user contract 1 -> 2"), "c"), digests(ran("v2", good), "b"), digests(ran("v1", good), "a"), ran("by-tag", good), digests(ran("v0", aborted), "z"),
	}
	for name, c := range map[string]struct {
		version, images string
		past, safe      bool
	}{
		"the current one":                {"v3", "c", true, true},
		"one step back":                  {"v2", "b", true, true},
		"one step back by another name":  {"v2-again", "b", true, true},
		"two steps back":                 {"v1", "a", true, false},
		"two steps back by another name": {"v4", "a", true, false},
		"other images of an old version": {"v1", "new", false, true},
		"one that is named by a tag":     {"by-tag", "", true, false},
		"one that failed":                {"v0", "z", false, true},
		"a new one":                      {"v4", "d", false, true},
	} {
		if Past(history, c.version, c.images) != c.past || (Unsafe(history, nil, c.version, c.images) == nil) != c.safe {
			t.Errorf("%s: past %v, %v", name, Past(history, c.version, c.images), Unsafe(history, nil, c.version, c.images))
		}
	}
}
