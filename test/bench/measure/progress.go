package measure

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"
)

var started = time.Now()

// Step announces what is measured next.
func Step(format string, args ...any) {
	Finish()
	fmt.Printf("%4.0f s  %s\n", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
}

// Progress shows on a terminal how far the step is.
func Progress(format string, args ...any) {
	if term.IsTerminal(int(os.Stdout.Fd())) {
		fmt.Printf("\r\033[K        %s", fmt.Sprintf(format, args...))
	}
}

// Finish clears the line of progress.
func Finish() {
	if term.IsTerminal(int(os.Stdout.Fd())) {
		fmt.Print("\r\033[K")
	}
}
