// Package testreport reads what `go test -json` writes and says what its reader wants to know after a run:
// which tests were running when their package ended early, and which packages took longest.
package testreport

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Event is a line of `go test -json` (cmd/test2json).
type Event struct {
	Time    time.Time
	Action  string
	Package string
	// Test is empty in events of the package.
	Test string
	// Elapsed is in seconds.
	Elapsed float64
	Output  string
}

// Running is a test that had begun and not ended when its package ended.
type Running struct {
	Package, Test string
	// For is how long it had run, pauses included.
	For time.Duration
}

// Took is how long a package took.
type Took struct {
	Package string
	For     time.Duration
}

// Report is what a run tells.
type Report struct {
	// Running is sorted by package, the test that ran longest first. It holds the innermost tests only: a test waits for its subtests.
	Running []Running
	// Slowest is sorted by time, the longest first.
	Slowest []Took
}

type key struct{ pkg, test string }

// Read reads events, one a line. Lines that hold none, such as those of a program that printed past its test, are left out.
func Read(r io.Reader) (events []Event, err error) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e Event
		if json.Unmarshal(line, &e) == nil && e.Action != "" {
			events = append(events, e)
		}
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the events of go test: %w", err)
		}
	}
}

// Of sums events up.
func Of(events []Event) Report {
	var report Report
	began, paused, last := map[key]time.Time{}, map[key]bool{}, map[string]time.Time{}
	for _, e := range events {
		k := key{e.Package, e.Test}
		if e.Test == "" && (e.Action == "pass" || e.Action == "fail") {
			report.Slowest = append(report.Slowest, Took{e.Package, time.Duration(e.Elapsed * float64(time.Second))})
		}
		if e.Time.After(last[e.Package]) {
			last[e.Package] = e.Time
		}
		if e.Test == "" {
			continue
		}
		switch e.Action {
		case "run":
			began[k] = e.Time
		case "pause", "cont":
			paused[k] = e.Action == "pause"
		case "pass", "skip":
			delete(began, k)
		case "output":
			// The event "fail" is no evidence: tests that a limit ended have it, too.
			if strings.Contains(e.Output, "--- FAIL: "+e.Test+" (") {
				delete(began, k)
			}
		}
	}
	for k, at := range began {
		if !paused[k] && last[k.pkg].After(at) {
			report.Running = append(report.Running, Running{k.pkg, k.test, last[k.pkg].Sub(at)})
		}
	}
	report.Running = innermost(report.Running)
	slices.SortFunc(report.Running, func(a, b Running) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(b.For, a.For), cmp.Compare(a.Test, b.Test))
	})
	slices.SortStableFunc(report.Slowest, func(a, b Took) int { return cmp.Compare(b.For, a.For) })
	return report
}

func innermost(running []Running) []Running {
	return slices.DeleteFunc(slices.Clone(running), func(outer Running) bool {
		return slices.ContainsFunc(running, func(r Running) bool {
			return r.Package == outer.Package && strings.HasPrefix(r.Test, outer.Test+"/")
		})
	})
}

// Write prints the tests that were running, if any, each with how long, below its package; and the most slowest packages.
func (r Report) Write(w io.Writer, most int) {
	if len(r.Running) > 0 {
		fmt.Fprintln(w, "RUNNING when their package reached its limit or died (BLOGPLATFORM_TIME_FACTOR scales limits):")
	}
	last := ""
	for _, running := range r.Running {
		if running.Package != last {
			last = running.Package
			fmt.Fprintf(w, "  %s\n", last)
		}
		fmt.Fprintf(w, "  %8s  %s\n", running.For.Round(100*time.Millisecond), running.Test)
	}
	fmt.Fprintln(w, "Slowest packages:")
	for _, took := range r.Slowest[:min(most, len(r.Slowest))] {
		fmt.Fprintf(w, "  %8s  %s\n", took.For.Round(100*time.Millisecond), took.Package)
	}
}
