package cluster

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAColdStartSaysWhatWasBuiltAndWhatItTook(t *testing.T) {
	took := newTimes([]string{"Kubernetes", "CoreDNS"})
	took.spent("Kubernetes", 8*time.Minute)
	took.spent("Kubernetes", 90*time.Second)
	took.spent("", time.Hour) // of no component
	if took.built("Kubernetes", 5*time.Minute) || !took.built("CoreDNS", 30*time.Millisecond) {
		t.Error("it is not known what was cached")
	}
	took.took["CoreDNS"][started], took.took["CoreDNS"][waited] = 340*time.Millisecond, 12*time.Second
	want := "" +
		"    component  built in  processor  loaded in  started in  waited\n" +
		"   Kubernetes      5m0s      9m30s          -           -       -\n" +
		"      CoreDNS         -          -          -       300ms     12s\n" +
		"  bin/cluster         -        30s          -           -       -\n" +
		"Cold start of 2 components in 5m20s: 1 of them were built. That and bin/cluster took 10.0 processor minutes."
	if diff := cmp.Diff(want, took.table(320*time.Second, 30*time.Second)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAWarmStartSaysThatNothingHadToBeBuilt(t *testing.T) {
	took := newTimes([]string{"CoreDNS"})
	took.built("CoreDNS", time.Second)
	took.measure("CoreDNS", waited)()
	want := "" +
		"    component  built in  processor  loaded in  started in  waited\n" +
		"      CoreDNS         -          -          -           -       -\n" +
		"  bin/cluster         -         1s          -           -       -\n" +
		"Warm start of 1 components in 3s: nothing had to be built."
	if diff := cmp.Diff(want, took.table(3*time.Second, time.Second)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
