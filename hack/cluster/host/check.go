package host

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Verdict is what a check decides. Verdicts are ordered: a greater one is worse.
type Verdict int

// The verdicts.
const (
	// OK needs nobody.
	OK Verdict = iota
	// Warn may work, or work worse.
	Warn
	// Block can't work.
	Block
)

// Check is a row of the table.
type Check struct {
	// Name is what was looked at, Found what there is.
	Name, Found string
	Verdict     Verdict
	// Fix is what to do; empty where there is nothing to do.
	Fix string
}

// Print writes checks as a table: a mark, the name and what was found, and below a row the fix.
func Print(w io.Writer, checks []Check, colour bool) {
	width := 0
	for _, check := range checks {
		width = max(width, utf8.RuneCountInString(check.Name))
	}
	for _, check := range checks {
		mark := [...]string{"✔", "‼", "✖"}[check.Verdict]
		if colour {
			mark = "\x1b[" + [...]string{"32", "33", "31"}[check.Verdict] + "m" + mark + "\x1b[0m"
		}
		fmt.Fprintf(w, "%s %s%s   %s\n", mark, check.Name, strings.Repeat(" ", width-utf8.RuneCountInString(check.Name)), check.Found)
		if check.Fix != "" {
			fmt.Fprintf(w, "  %s → %s\n", strings.Repeat(" ", width+1), check.Fix)
		}
	}
}

// Blocked is an error that names the checks that block, or nil if none does.
func Blocked(checks []Check) error {
	var names []string
	for _, check := range checks {
		if check.Verdict == Block {
			names = append(names, check.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return errors.New("this machine is not ready (" + strings.Join(names, ", ") + "); the table says what to do; nothing was changed")
}
