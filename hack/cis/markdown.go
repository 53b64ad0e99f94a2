package cis

import (
	"fmt"
	"strings"
)

// Page is the document for readers, relative to the root of the repository, and
// begin and end are the marks between which the table stands in it.
const (
	Page  = "docs/cis.md"
	begin = "<!-- generated from cis.yaml: do not edit below -->\n"
	end   = "<!-- end of what is generated -->\n"
)

// Rewrite answers a page with the table of the checks between its marks.
func Rewrite(page string, checks []Check) (string, error) {
	before, rest, hasBegin := strings.Cut(page, begin)
	_, after, hasEnd := strings.Cut(rest, end)
	if !hasBegin || !hasEnd {
		return "", fmt.Errorf("%s lacks the marks of what is generated", Page)
	}
	return before + begin + "\n" + table(checks) + "\n" + end + after, nil
}

func table(checks []Check) string {
	counts := map[string]int{}
	var rows strings.Builder
	for _, c := range checks {
		state := c.claims()[0]
		counts[state]++
		fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", c.ID, c.Title, state, c.proof())
	}
	return fmt.Sprintf("%d checks: %d tested, %d configured, %d not applicable, %d waived.\n\n| Check | What it asks for | State | Proof |\n| --- | --- | --- | --- |\n%s",
		len(checks), counts[tested], counts[configured], counts[notApplicable], counts[waived], rows.String())
}

// proof says on one line what a claim rests on.
func (c Check) proof() string {
	var proof string
	switch {
	case len(c.Tests) > 0:
		var tests []string
		for _, test := range c.Tests {
			folder, name, _ := strings.Cut(test, " ")
			tests = append(tests, fmt.Sprintf("`%s` %s", folder, name))
		}
		proof = strings.Join(tests, "; ")
	case c.Kubeadm != nil:
		proof = c.Kubeadm.proof()
	case c.Setting != nil:
		proof = fmt.Sprintf("%s: `%s` is `%s`", link(c.Setting.File), c.Setting.Path, or(c.Setting.Value, "…"+c.Setting.Contains+"…"))
	case c.Text != nil:
		proof = link(c.Text.File) + ": " + said(c.Text.Has, c.Text.Lacks)
	case c.Waived != nil:
		proof = fmt.Sprintf("until %s: %s", c.Waived.Until, c.Waived.Why)
	default:
		proof = c.NotApplicable
	}
	if c.Note != "" {
		proof += ". " + c.Note
	}
	return strings.ReplaceAll(proof, "|", `\|`)
}

func (k Kubeadm) proof() string {
	if k.Mode != "" {
		return fmt.Sprintf("kubeadm writes `%s` with mode %s", k.File, k.Mode)
	}
	return fmt.Sprintf("kubeadm writes `%s`: %s", k.File, said(k.Has, k.Lacks))
}

// said names what a file has and lacks.
func said(has, lacks []string) string {
	var parts []string
	for _, text := range has {
		parts = append(parts, "`"+text+"`")
	}
	for _, text := range lacks {
		parts = append(parts, "no `"+text+"`")
	}
	return strings.Join(parts, ", ")
}

// link leads from the folder of the page to a file.
func link(file string) string {
	return fmt.Sprintf("[%s](../%s)", file[strings.LastIndex(file, "/")+1:], file)
}

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}
