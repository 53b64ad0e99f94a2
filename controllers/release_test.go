package controllers

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// releases plays a series of releases, of which those in failed are never verified, an hour after each other.
func releases(failed map[int]bool, n int) []string {
	var history []v1alpha1.ReleaseRecord
	for i := range n {
		now := metav1.NewTime(time.Unix(int64(i)*3600, 0))
		target := v1alpha1.ReleaseIdentity{Version: fmt.Sprint("v", i), Digest: fmt.Sprint(i)}
		history = record(history, target, false, now)
		history = record(history, target, !failed[i], now)
	}
	var told []string
	for _, r := range history {
		told = append(told, r.Version+" "+string(r.Outcome))
	}
	return told
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

func TestTheSameReleaseIsRecordedOnce(t *testing.T) {
	now := metav1.NewTime(time.Unix(0, 0))
	target := v1alpha1.ReleaseIdentity{Version: "v1", Digest: "d"}
	once := record(nil, target, true, now)
	again := record(append([]v1alpha1.ReleaseRecord(nil), once...), target, true, metav1.NewTime(time.Unix(99, 0)))
	if diff := cmp.Diff(once, again); diff != "" {
		t.Error(diff)
	}
}
