package cluster

import (
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// phase is one of the things that take time until a component is ready.
type phase int

const (
	built phase = iota
	processor
	loaded
	started
	waited
	phases
)

// times are how long each phase of each component took.
type times struct {
	names []string
	mu    sync.Mutex
	took  map[string]*[phases]time.Duration
	made  map[string]bool
}

func newTimes(names []string) *times {
	t := &times{names: names, took: map[string]*[phases]time.Duration{}, made: map[string]bool{}}
	for _, name := range names {
		t.took[name] = &[phases]time.Duration{}
	}
	return t
}

// spent adds the processor time of a build. What belongs to no component is not counted.
func (t *times) spent(name string, time time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if took := t.took[name]; took != nil {
		took[processor] += time
		t.made[name] = true
	}
}

// built sets how long a build took. It answers whether everything was cached.
func (t *times) built(name string, real time.Duration) (cached bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made[name] {
		t.took[name][built] = real
	}
	return !t.made[name]
}

// measure begins a phase. The answer ends it.
func (t *times) measure(name string, p phase) (end func()) {
	begun := time.Now()
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.took[name][p] = time.Since(begun)
	}
}

// ownProcessor is the processor time of this process so far. It packs images and talks to the API server.
func ownProcessor() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0 // only for a wrong argument, getrusage(2)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// table shows the times and the processor time of this process, and says what kind of start it was.
func (t *times) table(elapsed, own time.Duration) string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "component\tbuilt in\tprocessor\tloaded in\tstarted in\twaited\t")
	all := own
	for _, name := range t.names {
		fmt.Fprintf(table, "%s\t", name)
		for _, took := range t.took[name] {
			fmt.Fprintf(table, "%s\t", short(took))
		}
		fmt.Fprintln(table)
		all += t.took[name][processor]
	}
	fmt.Fprintf(table, "bin/cluster\t-\t%s\t-\t-\t-\t\n", short(own))
	_ = table.Flush() // to memory
	if len(t.made) == 0 {
		return fmt.Sprintf("%sWarm start of %d components in %s: nothing had to be built.", text.String(), len(t.names), elapsed.Round(time.Second))
	}
	return fmt.Sprintf("%sCold start of %d components in %s: %d of them were built. That and bin/cluster took %.1f processor minutes.",
		text.String(), len(t.names), elapsed.Round(time.Second), len(t.made), all.Minutes())
}

// short is a time in a table; what took no time worth a mention is a dash.
func short(d time.Duration) string {
	if d < 50*time.Millisecond {
		return "-"
	}
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
