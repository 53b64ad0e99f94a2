package alerts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Runbook is what docs/runbooks says to do about an alert.
type Runbook struct {
	// Alert is its name.
	Alert string
	// Diagnosis holds the commands of that section, one a line, as they are written.
	Diagnosis []string
	// Mitigation holds the points of that section.
	Mitigation []Point
}

// Point is one item of a list.
type Point struct {
	// Text is all of it, without the dash.
	Text string
	// Spans are the texts between backticks, in their order.
	Spans []string
}

var (
	fence = regexp.MustCompile("(?s)```sh\n(.*?)```")
	span  = regexp.MustCompile("`([^`]+)`")
	// unfilled is what somebody who follows a runbook has to fill in: $NS or <pod of the database>.
	unfilled = regexp.MustCompile(`\$[A-Z]+|<[a-z][a-z -]*>`)
)

// ReadRunbook reads the runbook of an alert in the repository at root.
func ReadRunbook(root, alert string) (Runbook, error) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "runbooks", alert+".md"))
	if err != nil {
		return Runbook{}, fmt.Errorf("read the runbook of %s: %w", alert, err)
	}
	return ParseRunbook(alert, string(text))
}

// ParseRunbook reads the Markdown of a runbook.
func ParseRunbook(alert, text string) (Runbook, error) {
	r := Runbook{Alert: alert}
	for _, block := range fence.FindAllStringSubmatch(section(text, "Diagnosis"), -1) {
		r.Diagnosis = append(r.Diagnosis, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	for line := range strings.Lines(section(text, "Mitigation")) {
		item, found := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if !found {
			continue
		}
		p := Point{Text: item}
		for _, match := range span.FindAllStringSubmatch(item, -1) {
			p.Spans = append(p.Spans, match[1])
		}
		r.Mitigation = append(r.Mitigation, p)
	}
	if len(r.Diagnosis) == 0 || len(r.Mitigation) == 0 {
		return Runbook{}, fmt.Errorf("the runbook of %s has %d commands in Diagnosis and %d points in Mitigation", alert, len(r.Diagnosis), len(r.Mitigation))
	}
	return r, nil
}

// section is what stands below a heading of the second level.
func section(text, heading string) string {
	_, after, _ := strings.Cut(text, "\n## "+heading+"\n")
	before, _, _ := strings.Cut(after, "\n## ")
	return before
}

// Command is the command of Mitigation that begins with a text. There has to be exactly one.
func (r Runbook) Command(begins string) (string, error) {
	var found []string
	for _, command := range r.commands() {
		if strings.HasPrefix(command, begins) {
			found = append(found, command)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("the runbook of %s has %d commands in Mitigation that begin with %q, want 1", r.Alert, len(found), begins)
	}
	return found[0], nil
}

// commands are the spans of Mitigation that a shell can run.
func (r Runbook) commands() []string {
	var all []string
	for _, p := range r.Mitigation {
		for _, s := range p.Spans {
			if strings.HasPrefix(s, "kubectl ") {
				all = append(all, s)
			}
		}
	}
	return all
}

// Advises returns an error unless a point of Mitigation holds a text. A test calls it
// before it does something that no command does, as the point says.
func (r Runbook) Advises(text string) error {
	if slices.ContainsFunc(r.Mitigation, func(p Point) bool { return strings.Contains(p.Text, text) }) {
		return nil
	}
	return fmt.Errorf("no point in Mitigation of the runbook of %s holds %q", r.Alert, text)
}

// Fill puts values in the place of what a command leaves open, such as $NS or
// <pod of the database>. It returns an error that names what has no value.
func Fill(command string, values map[string]string) (string, error) {
	var missing []string
	filled := unfilled.ReplaceAllStringFunc(command, func(name string) string {
		value, known := values[name]
		if !known {
			missing = append(missing, name)
		}
		return value
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("%q has no value for %s", command, strings.Join(missing, ", "))
	}
	return filled, nil
}
