package vm

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Result is the outcome of one check in a machine.
type Result struct {
	// Check is the name of the check, one of [Checks].
	Check string
	// Reason is empty for a check that passed, else one line that says what was found.
	Reason string
}

// Outcome is "ok" or "FAILED".
func (r Result) Outcome() string {
	if r.Reason == "" {
		return "ok"
	}
	return "FAILED"
}

// Report holds what one machine printed.
type Report struct {
	// System is the name of the distribution and its release, such as "Debian 12".
	System string
	// Results are the checks that the machine came to, in their order.
	Results []Result
	// Failure is the reason why the machine ended before its last check, if it did.
	Failure string
}

// marker begins each line of the serial port that is a result: marker, check, and the reason of a failure, separated by "|".
const marker = "vm-check|"

// Parse reads a result from a line of the serial port. Other lines, such as those of the kernel, are none. A line may begin with what
// another program printed without a line break.
func Parse(line string) (Result, bool) {
	_, text, found := strings.Cut(strings.TrimRight(line, "\r\n"), marker)
	if !found {
		return Result{}, false
	}
	check, reason, found := strings.Cut(text, "|")
	if !found || !slices.Contains(Checks, check) {
		return Result{}, false
	}
	return Result{Check: check, Reason: strings.TrimSpace(reason)}, true
}

// outcome is the cell of a check in the table, and the reason of its failure.
func (r Report) outcome(check string) (cell, reason string) {
	for _, result := range r.Results {
		if result.Check != check {
			continue
		}
		return result.Outcome(), result.Reason
	}
	if r.Failure != "" {
		return "FAILED", "not reached: " + r.Failure
	}
	return "FAILED", "not reached: the machine ended without a result"
}

// Table writes a row per check and a column per machine, then a line per failure with its reason. It returns whether every check passed
// in every machine.
func Table(w io.Writer, reports []Report) (bool, error) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	header := []string{"CHECK"}
	for _, report := range reports {
		header = append(header, strings.ToUpper(report.System))
	}
	fmt.Fprintln(columns, strings.Join(header, "\t"))
	var failures []string
	for _, check := range Checks {
		row := []string{check}
		for _, report := range reports {
			cell, reason := report.outcome(check)
			row = append(row, cell)
			if reason != "" {
				failures = append(failures, fmt.Sprintf("%s, %s: %s", report.System, check, reason))
			}
		}
		fmt.Fprintln(columns, strings.Join(row, "\t"))
	}
	if err := columns.Flush(); err != nil {
		return false, err
	}
	for _, failure := range failures {
		if _, err := fmt.Fprintln(w, failure); err != nil {
			return false, err
		}
	}
	return len(failures) == 0, nil
}
