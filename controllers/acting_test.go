package controllers

import (
	"testing"
	"time"
)

func TestOnlyTimeInWhichTheOperatorActedCounts(t *testing.T) {
	var a acting
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(minutes float64) time.Time { return start.Add(time.Duration(minutes * float64(time.Minute))) }
	for _, pass := range []struct{ now, since float64 }{{0, 0}, {1, 0}, {2.9, 0}, {15, 15}, {16, 15}} {
		if got := a.at("p", at(pass.now)); !got.Equal(at(pass.since)) {
			t.Errorf("in minute %v it acts since %v, want %v", pass.now, got.Sub(start), at(pass.since).Sub(start))
		}
	}
	if got := a.at("q", at(16)); !got.Equal(at(16)) {
		t.Errorf("another platform: since %v", got.Sub(start))
	}
	a.reset("p")
	if got := a.at("p", at(16.1)); !got.Equal(at(16.1)) {
		t.Errorf("after a rest: since %v", got.Sub(start))
	}
}
