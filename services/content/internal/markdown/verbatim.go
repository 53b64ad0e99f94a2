package markdown

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

const (
	// byteOrderMark is how some programs begin a file. Nobody sees it.
	byteOrderMark = "\ufeff"
	// maxTag bounds the search for the end of a tag, in bytes.
	maxTag = 500
)

var (
	// tag is what looks like a tag of HTML, at the beginning of a line's rest.
	tag = regexp.MustCompile(`^</?[A-Za-z][A-Za-z0-9-]*(?:[ \t][^<>]*)?/?>`)
	// lineBreak is the one tag that has a meaning: a cell of a table has no other
	// way to break a line.
	lineBreak = regexp.MustCompile(`^<[bB][rR][ \t]*/?>$`)
	// yamlLine is a line of front matter: a key, an item, what continues them, or a comment.
	yamlLine = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_ -]*:([ \t].*)?|[ \t]+\S.*|-[ \t].*|#.*|)$`)
	yamlKey  = regexp.MustCompile(`(?m)^[A-Za-z_][A-Za-z0-9_ -]*:`)
)

// addressCharacters are those of what follows a host in a bare link: letters of
// all scripts, and no punctuation but that of ASCII.
const addressCharacters = "(?:[/#?][-a-zA-Z0-9@:%_+.~#$!?&/=();,'\">^{}\\[\\]`\\p{L}\\p{M}\\p{N}]*)?"

var (
	bareURL = regexp.MustCompile(`^(?:http|https|ftp)://[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-z]+(?::\d+)?` + addressCharacters)
	bareWWW = regexp.MustCompile(`^www\.[-a-zA-Z0-9@:%._+~#=]{1,256}\.[a-z]+` + addressCharacters)
)

// tagParser keeps what looks like a tag as text, letter by letter: HTML has no
// meaning here, and what somebody typed is not to vanish.
type tagParser struct{}

// Trigger implements parser.InlineParser.
func (tagParser) Trigger() []byte { return []byte{'<'} }

// Parse implements parser.InlineParser.
func (tagParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, segment := block.PeekLine()
	found := tag.Find(line[:min(len(line), maxTag)])
	if found == nil {
		return nil
	}
	block.Advance(len(found))
	if lineBreak.Match(found) {
		node := ast.NewTextSegment(text.NewSegment(segment.Start, segment.Start))
		node.SetHardLineBreak(true)
		return node
	}
	return ast.NewRawTextSegment(text.NewSegment(segment.Start, segment.Start+len(found)))
}

// dashParser makes a dash of two or three hyphens between spaces. Elsewhere they
// are a part of a command, a name or a drawing.
type dashParser struct{}

// Trigger implements parser.InlineParser.
func (dashParser) Trigger() []byte { return []byte{'-'} }

// Parse implements parser.InlineParser.
func (dashParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	if block.PrecendingCharacter() != ' ' {
		return nil
	}
	line, _ := block.PeekLine()
	dash := ""
	switch {
	case bytes.HasPrefix(line, []byte("-- ")):
		dash = "–"
	case bytes.HasPrefix(line, []byte("--- ")):
		dash = "—"
	default:
		return nil
	}
	block.Advance(bytes.IndexByte(line, ' '))
	node := ast.NewString([]byte(dash))
	node.SetCode(true)
	return node
}

// quotes are real quotes, apostrophes and ellipses. Angle quotes and dashes stay
// as they were typed.
func quotes() parser.InlineParser {
	return quoteParser{extension.NewTypographerParser(extension.WithTypographicSubstitutions(map[extension.TypographicPunctuation][]byte{
		extension.LeftAngleQuote: nil, extension.RightAngleQuote: nil, extension.EnDash: nil, extension.EmDash: nil,
	}))}
}

// quoteParser leaves alone quotes in a row: they mean nothing, and each of them
// would be compared with all that follow.
type quoteParser struct{ parser.InlineParser }

// Parse implements parser.InlineParser.
func (p quoteParser) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	if line, _ := block.PeekLine(); len(line) > 1 && line[0] == line[1] && line[0] != '.' {
		return nil
	}
	return p.InlineParser.Parse(parent, block, pc)
}

// strikethrough takes two tildes: one is a sign of its own in many languages.
type strikethrough struct{ parser.InlineParser }

// Parse implements parser.InlineParser.
func (p strikethrough) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	if line, _ := block.PeekLine(); !bytes.HasPrefix(line, []byte("~~")) {
		return nil
	}
	return p.InlineParser.Parse(parent, block, pc)
}

// frontMatterParser shows what other programs keep at the beginning of a text, as
// title: or tags:, as it was typed.
type frontMatterParser struct{}

// frontMatterEnd is where it ends.
var frontMatterEnd = parser.NewContextKey()

// Trigger implements parser.BlockParser.
func (frontMatterParser) Trigger() []byte { return []byte{'-'} }

// Open implements parser.BlockParser.
func (frontMatterParser) Open(_ ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	_, segment := reader.PeekLine()
	if segment.Start > 0 {
		return nil, parser.NoChildren
	}
	end := frontMatter(string(reader.Source()))
	if end == 0 {
		return nil, parser.NoChildren
	}
	pc.Set(frontMatterEnd, end)
	node := ast.NewCodeBlock()
	node.Lines().Append(segment)
	reader.AdvanceToEOL()
	return node, parser.NoChildren
}

// Continue implements parser.BlockParser.
func (frontMatterParser) Continue(node ast.Node, reader text.Reader, pc parser.Context) parser.State {
	_, segment := reader.PeekLine()
	if end, _ := pc.Get(frontMatterEnd).(int); segment.Start >= end {
		return parser.Close
	}
	node.Lines().Append(segment)
	reader.AdvanceToEOL()
	return parser.Continue | parser.NoChildren
}

// Close implements parser.BlockParser.
func (frontMatterParser) Close(ast.Node, text.Reader, parser.Context) {}

// CanInterruptParagraph implements parser.BlockParser.
func (frontMatterParser) CanInterruptParagraph() bool { return false }

// CanAcceptIndentedLine implements parser.BlockParser.
func (frontMatterParser) CanAcceptIndentedLine() bool { return false }

// frontMatter returns how many bytes at the beginning of a text are front matter:
// lines of YAML between two lines of three hyphens, as other programs have them.
func frontMatter(source string) int {
	rest, found := strings.CutPrefix(source, "---\n")
	if !found {
		return 0
	}
	yaml, _, found := strings.Cut(rest, "\n---\n")
	if !found {
		if yaml, found = strings.CutSuffix(rest, "\n---"); !found {
			return 0
		}
	}
	for line := range strings.SplitSeq(yaml, "\n") {
		if !yamlLine.MatchString(line) {
			return 0
		}
	}
	if !yamlKey.MatchString(yaml) {
		return 0
	}
	return min(len(source), len("---\n")+len(yaml)+len("\n---\n"))
}
