package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"blogplatform.io/operator/test/bench/measure"
)

// report prints figures beside their targets.
func report(out io.Writer, f figures) {
	fmt.Fprintln(out)
	table := measure.NewTable(out)
	for _, n := range []int{small, large} {
		operator, waiting, bare := median(f.operator[n]), median(f.waiting[n]), median(f.bare[n])
		table.Figure(fmt.Sprintf("%d platforms, operator", n), spread(f.operator[n]))
		table.Figure("  bare client with faked controllers", spread(f.waiting[n]))
		table.Figure("  bare client without", spread(f.bare[n]))
		table.Figure("  ratio with faked controllers on both sides", fmt.Sprintf("%.2f", operator.took.Seconds()/waiting.took.Seconds()))
		ratio := f.ratio(n)
		table.Gate("  ratio without their share", fmt.Sprintf("%.2f", ratio), "at most 1.25", ratio <= 1.25)
		table.Figure("  requests a platform, operator", perPlatform(operator))
		table.Figure("  requests a platform, bare client", perPlatform(bare))
		table.Figure("  processor time of the operator a platform", fmt.Sprintf("%d ms", operator.processor.Milliseconds()/int64(n)))
	}
	growth := median(f.operator[large]).each().Seconds() / median(f.operator[small]).each().Seconds()
	table.Gate(fmt.Sprintf("time a platform, %d to %d", large, small), fmt.Sprintf("%.2f", growth), "at most 1.10", growth <= 1.10)
	table.Gate("requests in a minute at rest", fmt.Sprint(len(f.atRest)), "0", len(f.atRest) == 0)
	table.Gate(fmt.Sprintf("resident memory at %d platforms", large), fmt.Sprintf("%.0f MiB (highest %.0f)", f.now, f.highest), "under 120 MiB", f.highest < 120)
	p99 := measure.Percentile(f.repairs, 99)
	table.Gate(fmt.Sprintf("repair of drift, p99 of %d", len(f.repairs)), fmt.Sprintf("%d ms (p50 %d)", p99.Milliseconds(), measure.Percentile(f.repairs, 50).Milliseconds()), "under 250 ms", p99 < 250*time.Millisecond)
	_ = table.Flush()
	for _, line := range []struct {
		what string
		of   []request
	}{
		{fmt.Sprintf("requests of the operator for %d platforms", large), median(f.operator[large]).requests},
		{fmt.Sprintf("requests of the bare client for %d platforms", large), median(f.bare[large]).requests},
		{"requests at rest", f.atRest},
	} {
		if len(line.of) > 0 {
			fmt.Fprintf(out, "\n%s: %s\n", line.what, strings.Join(summary(line.of), ", "))
		}
	}
}

// ratio of the operator's own time to that of a bare client. What the faked
// controllers cost the bare client is taken off the operator's time.
func (f figures) ratio(n int) float64 {
	operator, waiting, bare := median(f.operator[n]).took, median(f.waiting[n]).took, median(f.bare[n]).took
	return (operator - (waiting - bare)).Seconds() / bare.Seconds()
}

// spread is the median of the rounds, and the rounds.
func spread(rounds []creation) string {
	var all []string
	for _, c := range rounds {
		all = append(all, fmt.Sprintf("%.1f", c.took.Seconds()))
	}
	return fmt.Sprintf("%.1f s (%s)", median(rounds).took.Seconds(), strings.Join(all, ", "))
}

func perPlatform(c creation) string {
	n := float64(c.platforms)
	w := float64(writes(c.requests))
	return fmt.Sprintf("%.1f writes, %.1f reads", w/n, (float64(len(c.requests))-w)/n)
}
