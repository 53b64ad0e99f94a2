package screen

import (
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// Mark says at a glance how something stands. Marks are ordered: a greater one is worse.
type Mark int

// The marks, which are the exit codes of the commands that show them, too.
const (
	// OK needs nobody.
	OK Mark = iota
	// Attention is under way, or waits for something.
	Attention
	// Failed needs a person.
	Failed
)

// String is the word for a mark, for programs that read the output.
func (m Mark) String() string { return [...]string{"OK", "Attention", "Failed"}[m] }

// MarshalText writes the word, in JSON too.
func (m Mark) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Style writes with colours or without.
type Style struct{ Colour bool }

// StyleFor colours what goes to a terminal, unless the user wants none: by flag,
// or by the variables NO_COLOR (no-color.org) and TERM=dumb.
func StyleFor(out io.Writer, noColor bool) Style {
	return Style{Colour: !noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && IsTerminal(out)}
}

// IsTerminal tells whether a person looks at what is written.
func IsTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// The codes of colours and weights (ECMA-48, select graphic rendition).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s Style) paint(code, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Mark is the sign of a mark: one column wide.
func (s Style) Mark(m Mark) string {
	return s.paint([...]string{green, yellow, red}[m], [...]string{"✔", "‼", "✖"}[m])
}

// Bold is for names.
func (s Style) Bold(text string) string { return s.paint(bold, text) }

// Dim is for what can be skipped.
func (s Style) Dim(text string) string { return s.paint(dim, text) }

// Good is text in the colour of OK.
func (s Style) Good(text string) string { return s.paint(green, text) }

// Warn is text in the colour of Attention.
func (s Style) Warn(text string) string { return s.paint(yellow, text) }

// Bad is text in the colour of Failed.
func (s Style) Bad(text string) string { return s.paint(red, text) }

// Diff colours a unified diff line by line.
func (s Style) Diff(unified string) string {
	lines := strings.SplitAfter(unified, "\n")
	for i, line := range lines {
		text, end, _ := strings.Cut(line, "\n")
		if strings.HasSuffix(line, "\n") {
			end = "\n"
		}
		switch {
		case strings.HasPrefix(text, "--- "), strings.HasPrefix(text, "+++ "):
			text = s.Bold(text)
		case strings.HasPrefix(text, "-"):
			text = s.Bad(text)
		case strings.HasPrefix(text, "+"):
			text = s.Good(text)
		case strings.HasPrefix(text, "@@"):
			text = s.Dim(text)
		}
		lines[i] = text + end
	}
	return strings.Join(lines, "")
}

// Time is a point in time as people compare it with their clocks: to the second, in UTC.
func Time(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// Pad fills text up with spaces to a width in characters.
func Pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// Table sets rows in columns, three spaces apart. The first row is the head.
func (s Style) Table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(Pad(cell, widths[i]+3))
		}
		text := strings.TrimRight(line.String(), " ")
		if n == 0 {
			text = s.Dim(text)
		}
		out.WriteString(text + "\n")
	}
	return out.String()
}
