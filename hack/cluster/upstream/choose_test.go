package upstream

import (
	"context"
	"errors"
	"flag"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// locked is a lock of a file and two images, on three servers, for amd64 only.
func locked() Lock {
	digest := map[string]string{"amd64": strings.Repeat("a", 64)}
	return Lock{Components: []Component{{Name: "istio", Version: "v1", Entries: []Entry{
		{Name: "istioctl", Kind: File, From: "https://files.example/istioctl", SHA256: digest},
		{Name: "pilot", Kind: Image, From: "quay.io/istio/pilot:1", SHA256: digest},
		{Name: "proxyv2", Kind: Image, From: "ghcr.io/istio/proxyv2:1", SHA256: digest},
	}}}}
}

func all(Artifact) bool  { return true }
func none(Artifact) bool { return false }

func answers(context.Context, string) error { return nil }

// slow answers after a time, unless it is not waited for.
func slow(d time.Duration) Probe {
	return func(ctx context.Context, _ string) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestWhereProgramsComeFrom(t *testing.T) {
	down := func(_ context.Context, host string) error {
		if host == "quay.io" {
			return errors.New("connection refused")
		}
		return nil
	}
	for name, test := range map[string]struct {
		wanted  Origin
		arch    string
		missing func(Artifact) bool
		probe   Probe
		origin  Origin
		reason  string
		within  time.Duration
	}{
		"the servers answer":           {Auto, "amd64", all, answers, Upstream, "files.example, ghcr.io, quay.io answered", 0},
		"they answer late, but do":     {Auto, "amd64", all, slow(2 * time.Second), Upstream, "answered", 2 * time.Second},
		"they are too slow":            {Auto, "amd64", all, slow(time.Minute), Source, "ghcr.io did not answer within 3s", 3 * time.Second},
		"one is down":                  {Auto, "amd64", all, down, Source, "quay.io can't be used: connection refused", 0},
		"a digest is missing":          {Auto, "arm64", all, answers, Source, LockPath + " has no digest for arm64 of 3 of 3 entries", 0},
		"everything is in the cache":   {Auto, "amd64", none, down, Upstream, "the cache holds them", 0},
		"what the cache lacks answers": {Auto, "amd64", func(a Artifact) bool { return a.Name != "pilot" }, down, Upstream, "files.example, ghcr.io answered", 0},
		"source was asked for":         {Source, "amd64", all, down, Source, "asked for", 0},
		"upstream was asked for":       {Upstream, "amd64", all, down, Upstream, "asked for", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				choice, err := Choose(t.Context(), test.wanted, locked(), test.arch, test.missing, test.probe)
				if err != nil {
					t.Fatal(err)
				}
				if choice.Origin != test.origin || !strings.Contains(choice.String(), test.reason) {
					t.Errorf("it is %q: %s; want %q: %s", choice.Origin, choice, test.origin, test.reason)
				}
				if took := time.Since(began); took != test.within {
					t.Errorf("it took %s, want %s", took, test.within)
				}
			})
		})
	}
}

func TestNothingIsAskedWhereTheAnswerIsKnown(t *testing.T) {
	var asked atomic.Int32
	probe := func(context.Context, string) error { asked.Add(1); return nil }
	for _, wanted := range []Origin{Source, Upstream} {
		if _, err := Choose(t.Context(), wanted, locked(), "amd64", all, probe); err != nil {
			t.Error(err)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("%d servers were asked", asked.Load())
	}
	if _, err := Choose(t.Context(), Auto, locked(), "amd64", all, probe); err != nil || asked.Load() != 3 {
		t.Errorf("%d servers were asked, want each of 3 once: %v", asked.Load(), err)
	}
}

func TestUpstreamWithoutAllDigestsIsRefusedWithTheNextStep(t *testing.T) {
	_, err := Choose(t.Context(), Upstream, locked(), "arm64", all, answers)
	if err == nil {
		t.Fatal("it was chosen")
	}
	for _, want := range []string{LockPath, "arm64", "istioctl, pilot, proxyv2", "make lock-upstream", "leave CLUSTER_FROM out"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestAnOriginIsTheValueOfAFlag(t *testing.T) {
	for value, want := range map[string]Origin{"": Auto, "--from=source": Source, "--from=upstream": Upstream, "--from=auto": Auto, "--from=internet": ""} {
		var origin Origin
		flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		flags.TextVar(&origin, "from", Auto, "where programs come from")
		var args []string
		if value != "" {
			args = []string{value}
		}
		err := flags.Parse(args)
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "write auto, source or upstream") {
				t.Errorf("%s: the error is %v", value, err)
			}
			continue
		}
		if err != nil || origin != want {
			t.Errorf("%q is %q, %v, want %q", value, origin, err, want)
		}
	}
}
