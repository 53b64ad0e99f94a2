// Package progress tells a person what a long command is doing.
//
// Its rule: one line per step, with the time that it took.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Progress shows one line per step with the time it took. On a terminal the
// line of the current step also shows what is being done right now.
type Progress struct {
	out      io.Writer
	terminal bool
	started  time.Time

	mu      sync.Mutex
	step    string
	begun   time.Time
	lastLog time.Time
}

// quiet is how often a step that goes on says so where there is no terminal.
const quiet = 30 * time.Second

// New is the progress of a command that starts now and writes to out.
func New(out *os.File) *Progress {
	return &Progress{out: out, terminal: term.IsTerminal(int(out.Fd())), started: time.Now()}
}

// Run runs one step.
func (p *Progress) Run(step string, do func() error) error {
	p.mu.Lock()
	p.step, p.begun, p.lastLog = step, time.Now(), time.Now()
	p.mu.Unlock()
	p.Detail("")
	err := do()
	p.mu.Lock()
	defer p.mu.Unlock()
	mark := "✔"
	if err != nil {
		mark = "✖"
	}
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	fmt.Fprintf(p.out, "%s %-58s %6s  (%s)\n", mark, step, elapsed(p.begun), elapsed(p.started))
	return err
}

// Detail says what the current step is doing.
func (p *Progress) Detail(detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.terminal:
		fmt.Fprintf(p.out, "\r\x1b[K… %-58s %6s  %.60s", p.step, elapsed(p.begun), detail)
	case detail != "" && time.Since(p.lastLog) > quiet:
		p.lastLog = time.Now()
		fmt.Fprintf(p.out, "… %-58s %6s  %.80s\n", p.step, elapsed(p.begun), detail)
	}
}

func elapsed(since time.Time) string { return time.Since(since).Round(time.Second).String() }
