package measure

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// Table sets figures beside their targets.
type Table struct{ out *tabwriter.Writer }

// NewTable begins a table. [Table.Flush] prints it.
func NewTable(out io.Writer) *Table {
	t := &Table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	fmt.Fprintln(t.out, "\tmeasured\ttarget\tmet")
	return t
}

// Figure adds what has no target.
func (t *Table) Figure(what, measured string) {
	fmt.Fprintf(t.out, "%s\t%s\t\t\n", what, measured)
}

// Gate adds what has one.
func (t *Table) Gate(what, measured, target string, met bool) {
	fmt.Fprintf(t.out, "%s\t%s\t%s\t%s\n", what, measured, target, map[bool]string{true: "yes", false: "NO"}[met])
}

// Flush prints the table.
func (t *Table) Flush() error { return t.out.Flush() }

// Percentile by the nearest rank, 0 of nothing.
func Percentile(durations []time.Duration, p float64) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[max(0, int(math.Ceil(p/100*float64(len(sorted))))-1)]
}
