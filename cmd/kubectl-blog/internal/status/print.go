package status

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
)

// partWidth is the column of the names of what a part consists of.
const partWidth = 10

// Print writes the report for a person.
func Print(r Report, style screen.Style) string {
	var out strings.Builder
	title := style.Bold(r.Namespace+"/"+r.Name) + "  " + r.Environment
	if r.URL != "" {
		title += "  " + r.URL
	}
	out.WriteString(title + "\n\n")
	nameWidth := 0
	for _, line := range r.Lines {
		nameWidth = max(nameWidth, utf8.RuneCountInString(line.Name)+2)
	}
	for _, line := range r.Lines {
		fmt.Fprintf(&out, "%s %s %s\n", style.Mark(line.Mark), style.Bold(screen.Pad(line.Name, nameWidth)), line.Text)
		next(&out, style, strings.Repeat(" ", nameWidth+3), line.Next)
		for i, part := range line.Parts {
			branch, stem := "├─", "│ "
			if i == len(line.Parts)-1 {
				branch, stem = "└─", "  "
			}
			fmt.Fprintf(&out, "  %s %s %s %s\n", style.Dim(branch), style.Mark(part.Mark), screen.Pad(part.Name, partWidth), part.Text)
			next(&out, style, "  "+style.Dim(stem)+strings.Repeat(" ", partWidth+4), part.Next)
		}
	}
	return out.String()
}

func next(out *strings.Builder, style screen.Style, indent, text string) {
	if text != "" {
		out.WriteString(indent + style.Dim("→ ") + text + "\n")
	}
}

// Age is a duration as kubectl writes it.
func Age(d time.Duration) string { return duration.HumanDuration(d) }

func in(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return " (in " + Age(d) + ")"
}
