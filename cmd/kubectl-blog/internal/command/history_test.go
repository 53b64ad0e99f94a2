package command

import (
	"testing"

	"blogplatform.io/operator/api/v1alpha1"
)

func TestTheHistoryTellsWhyAReleaseEndedAndHowItBegan(t *testing.T) {
	for want, record := range map[string]v1alpha1.ReleaseRecord{
		"": {},
		"AnalysisFailed: 5% of the answers were errors":                   {Reason: "AnalysisFailed", Message: "5% of the answers were errors"},
		"let through by an override: v3 the shop is down":                 {Override: "v3 the shop is down"},
		"AnalysisFailed: let through by an override: v3 the shop is down": {Reason: "AnalysisFailed", Override: "v3 the shop is down"},
	} {
		if got := why(record); got != want {
			t.Errorf("the history says %q, want %q", got, want)
		}
	}
}
