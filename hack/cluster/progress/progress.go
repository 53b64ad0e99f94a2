// Package progress tells a person what a long command is doing.
//
// Its rule: one line per step that has ended, with the time that it took. On a
// terminal the lines below it say what runs now; elsewhere a line says so every
// half minute.
package progress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

const (
	// redraw is how often the lines of what runs are drawn anew on a terminal.
	redraw = 250 * time.Millisecond
	// quiet is how long nothing is said of what runs where there is no terminal.
	quiet = 30 * time.Second
)

// Progress shows the steps of one command, which may run side by side.
type Progress struct {
	out io.Writer
	// width answers the columns of the terminal, or 0 where there is none.
	width   func() int
	now     func() time.Time
	started time.Time
	stop    chan struct{}
	stopped sync.WaitGroup

	mu      sync.Mutex
	running []*Step
	// drawn is the number of lines below the cursor's first one that the next drawing replaces.
	drawn    int
	lastSaid time.Time
}

// New is the progress of a command that starts now and writes to out. Close ends it.
func New(out *os.File) *Progress {
	width := func() int { return 0 }
	if term.IsTerminal(int(out.Fd())) {
		width = func() int {
			if columns, _, err := term.GetSize(int(out.Fd())); err == nil && columns > 0 {
				return columns
			}
			return 80
		}
	}
	p := newProgress(out, width, time.Now)
	p.stopped.Go(p.tick)
	return p
}

func newProgress(out io.Writer, width func() int, now func() time.Time) *Progress {
	return &Progress{out: out, width: width, now: now, started: now(), lastSaid: now(), stop: make(chan struct{})}
}

func (p *Progress) tick() {
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.show()
		}
	}
}

// Close ends the lines of what runs.
func (p *Progress) Close() {
	close(p.stop)
	p.stopped.Wait()
	p.Say("")
}

// Elapsed is how long the command has run.
func (p *Progress) Elapsed() time.Duration { return p.now().Sub(p.started) }

// Step is something that goes on, of which one line will tell.
type Step struct {
	of           *Progress
	verb, object string
	begun        time.Time
	detail       string
	silent       bool
}

// Run runs one step, such as build Istio. A step that ends because the command is canceled gets no line.
func (p *Progress) Run(verb, object string, do func(step *Step) error) error {
	step := &Step{of: p, verb: verb, object: object, begun: p.now()}
	p.mu.Lock()
	p.running = append(p.running, step)
	p.mu.Unlock()
	err := do(step)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = slices.DeleteFunc(p.running, func(s *Step) bool { return s == step })
	switch {
	case errors.Is(err, context.Canceled), err == nil && step.silent:
	case err != nil:
		p.print(p.line("✖", step))
	default:
		p.print(p.line("✔", step))
	}
	return err
}

// Detail says what a step is doing.
func (s *Step) Detail(detail string) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.detail = detail
}

// Silence makes a step that ends well end without a line: there was nothing to do.
func (s *Step) Silence() { s.silent = true }

// Say prints a text between the lines of steps. Nothing of it can be overwritten.
func (p *Progress) Say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print(text)
}

func (p *Progress) line(mark string, step *Step) string {
	return fmt.Sprintf("%s %-6s %-20s %7s  (%s)\n", mark, step.verb, step.object, round(p.now().Sub(step.begun)), round(p.Elapsed()))
}

// show says what runs, if it is time.
func (p *Progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.width() > 0:
		p.print("")
	case len(p.running) > 0 && p.now().Sub(p.lastSaid) >= quiet:
		p.lastSaid = p.now()
		var steps []string
		for _, step := range p.running {
			steps = append(steps, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", step.verb, step.object, round(p.now().Sub(step.begun)), cut(step.detail, 80))))
		}
		p.print(fmt.Sprintf("… %s: %s\n", round(p.Elapsed()), strings.Join(steps, "; ")))
	}
}

// print writes a text in the place of the lines of what runs, and those below it.
func (p *Progress) print(text string) {
	width := p.width()
	if width == 0 {
		fmt.Fprint(p.out, text)
		return
	}
	var frame strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&frame, "\x1b[%dA", p.drawn)
	}
	frame.WriteString("\r\x1b[J" + text)
	for _, step := range p.running {
		// A line that is as wide as the terminal would wrap, and the next drawing start too low.
		frame.WriteString(cut(fmt.Sprintf("… %-6s %-20s %7s  %s", step.verb, step.object, round(p.now().Sub(step.begun)), step.detail), width-1) + "\n")
	}
	p.drawn = len(p.running)
	fmt.Fprint(p.out, frame.String())
}

// cut is the first line of a text, and of it at most some characters.
func cut(text string, limit int) string {
	text, _, _ = strings.Cut(text, "\n")
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}

func round(d time.Duration) string { return d.Round(time.Second).String() }
