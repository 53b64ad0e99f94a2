package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"blogplatform.io/operator/test/bench/measure"
)

// The targets.
const (
	leastShare  = 0.5
	latest      = 25 * time.Millisecond
	mostLoaded  = 64 // MiB
	mostIdle    = 30 // MiB
	mostImage   = 25 // MiB
	mostReady   = 300 * time.Millisecond
	mostGrowth  = 2
	shareTarget = "at least 0.50"
)

// report prints figures beside their targets.
func report(out io.Writer, f figures) error {
	fmt.Fprintln(out)
	table := measure.NewTable(out)
	table.Figure("cached page, requests a second", rates(f.cached))
	table.Figure("  bare handler", rates(f.page))
	share := ratio(f.cached, f.page)
	table.Gate("  share", share.String(), shareTarget, share.median >= leastShare)
	table.Figure("  processor time a request, bare handler's", costs(f.cached, f.page))
	reportPaced(table, f.cachedPaced, f.pagePaced, "bare handler")

	table.Figure("uncached page, requests a second", rates(f.uncached))
	table.Figure("  bare chain", rates(f.chain))
	share = ratio(f.uncached, f.chain)
	table.Gate("  share", share.String(), shareTarget, share.median >= leastShare)
	table.Figure("  processor time a request, bare chain's", costs(f.uncached, f.chain))
	table.Figure("  single handler with one query", rates(f.query))
	table.Figure("  share", ratio(f.uncached, f.query).String())
	reportPaced(table, f.uncachedPaced, f.chainPaced, "bare chain")

	for _, m := range []struct {
		what   string
		of     map[string]float64
		target float64
	}{
		{"resident memory under that load, highest", f.loaded, mostLoaded}, {"resident memory at rest", f.idle, mostIdle}, {"compressed image", f.images, mostImage},
	} {
		for _, service := range services {
			table.Gate(fmt.Sprintf("%s, %s", m.what, service), fmt.Sprintf("%.1f MiB", m.of[service]), fmt.Sprintf("under %.0f MiB", m.target), m.of[service] < m.target)
		}
	}
	for _, service := range services {
		slowest := slices.Max(f.ready[service])
		table.Gate(fmt.Sprintf("ready after exec, %s, slowest of %d", service, len(f.ready[service])),
			fmt.Sprintf("%d ms (p50 %d)", slowest.Milliseconds(), measure.Percentile(f.ready[service], 50).Milliseconds()), "within 300 ms", slowest <= mostReady)
	}
	for _, list := range f.lists {
		table.Gate(fmt.Sprintf("%s, %d rows to %d", list.name, list.rows[1], list.rows[0]),
			fmt.Sprintf("%.2f (%.2f ms, %.2f ms)", list.ratio(), milliseconds(list.many), milliseconds(list.few)), "at most 2.00", list.ratio() <= mostGrowth)
	}
	return table.Flush()
}

func reportPaced(table *measure.Table, own, bare []time.Duration, name string) {
	figure := func(took []time.Duration) string {
		return fmt.Sprintf("%.1f ms (p50 %.1f)", milliseconds(measure.Percentile(took, 99)), milliseconds(measure.Percentile(took, 50)))
	}
	table.Gate(fmt.Sprintf("  at half the rate, p99 of %d", len(own)), figure(own), "under 25 ms", measure.Percentile(own, 99) < latest)
	table.Figure(fmt.Sprintf("  %s at that rate, p99 of %d", name, len(bare)), figure(bare))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// rates is the median of the rounds, and the rounds.
func rates(rounds []side) string {
	var all []string
	for _, round := range rounds {
		all = append(all, fmt.Sprintf("%.0f", round.perSecond()))
	}
	return fmt.Sprintf("%.0f (%s)", median(rounds, side.perSecond), strings.Join(all, ", "))
}

func costs(own, bare []side) string {
	return fmt.Sprintf("%d µs, %d µs", median(own, side.cost).Microseconds(), median(bare, side.cost).Microseconds())
}

// shares of the rounds, each of which measured both sides one after the other.
type shares struct{ least, median, most float64 }

func ratio(own, bare []side) shares {
	var all []float64
	for i := range own {
		all = append(all, own[i].perSecond()/bare[i].perSecond())
	}
	slices.SortFunc(all, cmp.Compare[float64])
	return shares{all[0], all[len(all)/2], all[len(all)-1]}
}

// String tells the median, and between what the rounds lie.
func (s shares) String() string {
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.median, s.least, s.most)
}
