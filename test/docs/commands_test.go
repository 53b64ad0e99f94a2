package docs

import (
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Command is one call of a program, as a document shows it.
type Command struct {
	// Document is the path of the document.
	Document string
	// Words are the program and its arguments, without redirections.
	Words []string
}

func (c Command) String() string { return strings.Join(c.Words, " ") }

// Commands are the calls in a document: those of blocks for a shell, of lines that
// begin with a prompt ($), and of code between backquotes that begins with one of
// the programs. The error names what no shell can read.
func (d Document) Commands(programs []string) ([]Command, error) {
	var all []Command
	for _, script := range d.scripts(programs) {
		file, err := syntax.NewParser().Parse(strings.NewReader(script), d.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: no shell can read %q: %w", d.Path, script, err)
		}
		syntax.Walk(file, func(node syntax.Node) bool {
			if call, isCall := node.(*syntax.CallExpr); isCall {
				if words := called(call); len(words) > 0 && slices.Contains(programs, words[0]) {
					all = append(all, Command{Document: d.Path, Words: words})
				}
			}
			return true
		})
	}
	return all, nil
}

// scripts are the texts in a document that are for a shell.
func (d Document) scripts(programs []string) []string {
	var scripts []string
	for _, block := range d.Blocks {
		switch block.Language {
		case "sh", "bash", "shell":
			scripts = append(scripts, block.Text)
		case "", "console":
			scripts = append(scripts, prompted(block.Text)...)
		}
	}
	for _, code := range d.Codes {
		if words := called(wordsOf(code)); len(words) > 1 && slices.Contains(programs, words[0]) {
			scripts = append(scripts, code)
		}
	}
	return scripts
}

// wordsOf splits a text at spaces, to see how it begins.
func wordsOf(code string) *syntax.CallExpr {
	call := &syntax.CallExpr{}
	for _, field := range strings.Fields(code) {
		call.Args = append(call.Args, &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: field}}})
	}
	return call
}

// prompted are the lines after a prompt, each with those that continue it.
func prompted(text string) []string {
	var scripts []string
	continues := false
	for _, line := range strings.Split(text, "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case isCommand:
			scripts = append(scripts, command)
		case continues:
			scripts[len(scripts)-1] += "\n" + line
		default:
			continue
		}
		continues = strings.HasSuffix(line, `\`)
	}
	return scripts
}

// called are the words of a call without what only changes how it runs: sudo,
// env, their options, and variables before the program.
func called(call *syntax.CallExpr) []string {
	var words []string
	for _, word := range call.Args {
		words = append(words, optional(literal(word)))
	}
	for len(words) > 0 {
		first := words[0]
		if first != "sudo" && first != "env" && !strings.HasPrefix(first, "-") && !strings.Contains(first, "=") {
			break
		}
		words = words[1:]
	}
	return words
}

// literal is the text of a word. What the shell would put into it is left out.
func literal(word *syntax.Word) string {
	var out strings.Builder
	var write func(parts []syntax.WordPart)
	write = func(parts []syntax.WordPart) {
		for _, part := range parts {
			switch p := part.(type) {
			case *syntax.Lit:
				out.WriteString(p.Value)
			case *syntax.SglQuoted:
				out.WriteString(p.Value)
			case *syntax.DblQuoted:
				write(p.Parts)
			}
		}
	}
	write(word.Parts)
	return out.String()
}

// optional takes the brackets off a word, by which documents show what may be left out.
func optional(word string) string {
	if strings.HasPrefix(word, "[") || !strings.Contains(word, "[") {
		return strings.Trim(word, "[]")
	}
	return word
}

// CheckCommands answers a line for each command of the documents that its program
// would not understand.
func CheckCommands(programs Programs, documents []Document) []string {
	var findings []string
	for _, document := range documents {
		commands, err := document.Commands(programs.names())
		if err != nil {
			findings = append(findings, err.Error())
			continue
		}
		for _, command := range commands {
			if err := programs[command.Words[0]](command.Words[1:]); err != nil {
				findings = append(findings, fmt.Sprintf("%s shows `%s`: %v", document.Path, command, err))
			}
		}
	}
	return findings
}
