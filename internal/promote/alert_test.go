package promote

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheAlertOnGatesNamesTheReasonsThatNeedAPerson, and no other: a soak ends by itself.
func TestTheAlertOnGatesNamesTheReasonsThatNeedAPerson(t *testing.T) {
	rules, err := os.ReadFile("../../config/monitoring/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`type="PromotionAllowed",reason=~"([A-Za-z|]+)"`).FindSubmatch(rules)
	if match == nil {
		t.Fatal("no alert asks why a gate refuses")
	}
	named := map[string]bool{}
	for _, reason := range strings.Split(string(match[1]), "|") {
		named[reason] = true
	}
	for _, reason := range []string{
		ReasonStagingNotFound, ReasonNotWatched, ReasonNotStaging, ReasonImagesByTag, ReasonNotVerified,
		ReasonFailedInStaging, ReasonSoaking, ReasonSoakInterrupted, ReasonWindowClosed, ReasonTimeZoneNotFound,
	} {
		if named[reason] != Stuck(reason) {
			t.Errorf("%s needs a person: %t; it is in the alert: %t", reason, Stuck(reason), named[reason])
		}
		delete(named, reason)
	}
	if len(named) > 0 {
		t.Errorf("the gate has no such reasons: %v", named)
	}
}
