package markdown

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Version is the renderer's: HTML that is kept with another is made again. It
// changes with anything here that changes the bytes.
const Version = 2

const (
	// idPrefix keeps authors from giving an element the name of something that
	// scripts look for (DOM clobbering).
	idPrefix = "h-"
	// maxQuotes and maxLinks bound what would cost time that grows with its
	// square: quotes within quotes on one line, and links in one text.
	maxQuotes = 32
	maxLinks  = 5000
	maxSlug   = 80
)

// Heading is an entry of a table of contents.
type Heading struct {
	// Level is 2 to 6: 1 is the page's title.
	Level int    `json:"level"`
	ID    string `json:"id"`
	Text  string `json:"text"`
}

// Result is what a text became.
type Result struct {
	// HTML is safe to show.
	HTML string
	// Headings are in the order of the text.
	Headings []Heading
	// Words counts what a reader reads.
	Words int
}

// ErrTooComplex says that a text is built to keep a server busy: it has more
// than 32 quotes within each other, or more than 5000 links.
var ErrTooComplex = errors.New("the text has too many links, or quotes within quotes")

var (
	converter = goldmark.New(
		goldmark.WithExtensions(
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
			extension.Strikethrough, extension.Linkify, extension.TaskList, extension.Typographer, extension.Footnote),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	)
	sanitiser = policy()
)

// policy lists what the converter writes, and no more. It is the second wall:
// the converter leaves out raw HTML and dangerous addresses itself.
func policy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "em", "strong", "del", "blockquote", "pre", "code", "ul", "ol", "li",
		"table", "thead", "tbody", "tr", "th", "td", "h2", "h3", "h4", "h5", "h6", "sup")
	ids := regexp.MustCompile(`^(h-[\p{L}\p{N}_-]*|fn:[0-9]+|fnref[0-9]*:[0-9]+)$`)
	p.AllowAttrs("id").Matching(ids).OnElements("h2", "h3", "h4", "h5", "h6", "li", "sup")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[A-Za-z0-9+#_-]{1,32}$`)).OnElements("code")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^footnotes$`)).OnElements("div")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^footnote-(ref|backref)$`)).OnElements("a")
	p.AllowAttrs("role").Matching(regexp.MustCompile(`^doc-(endnotes|noteref|backlink)$`)).OnElements("a", "div")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("th", "td")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	p.AllowAttrs("checked", "disabled").Matching(regexp.MustCompile(`^$`)).OnElements("input")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("src").OnElements("img")
	p.AllowAttrs("alt", "title").OnElements("img", "a")
	return p
}

// Render turns Markdown (CommonMark, with tables, strikethrough, task lists,
// footnotes and bare links) into HTML. The page's title is its only heading of
// level 1: a text that has such headings, too, gets all of its own one level
// lower. The error wraps [ErrTooComplex].
func Render(source string) (Result, error) {
	if tooComplex(source) {
		return Result{}, ErrTooComplex
	}
	input := []byte(source)
	context := parser.NewContext(parser.WithIDs(&ids{taken: map[string]int{}}))
	document := converter.Parser().Parse(text.NewReader(input), parser.WithContext(context))
	lower := 0
	if hasTitle(document) {
		lower = 1
	}
	var result Result
	err := ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.Heading:
			n.Level = min(n.Level+lower, 6)
			id, _ := n.AttributeString("id")
			name, _ := id.([]byte)
			result.Headings = append(result.Headings, Heading{Level: n.Level, ID: string(name), Text: plain(n, input)})
		case *ast.Text:
			result.Words += len(strings.Fields(string(n.Value(input))))
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			result.Words += len(strings.Fields(string(n.Lines().Value(input))))
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return Result{}, fmt.Errorf("read the Markdown: %w", err)
	}
	var raw bytes.Buffer
	if err := converter.Renderer().Render(&raw, input, document); err != nil {
		return Result{}, fmt.Errorf("render the Markdown: %w", err)
	}
	result.HTML = string(sanitiser.SanitizeBytes(raw.Bytes()))
	return result, nil
}

// hasTitle reports whether a text has a heading of level 1.
func hasTitle(document ast.Node) bool {
	found := false
	_ = ast.Walk(document, func(node ast.Node, _ bool) (ast.WalkStatus, error) {
		if heading, ok := node.(*ast.Heading); ok && heading.Level == 1 {
			found = true
			return ast.WalkStop, nil
		}
		return ast.WalkContinue, nil
	})
	return found
}

// plain returns a node's text without its marks.
func plain(node ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			out.Write(util.UnescapePunctuations(n.Value(source)))
			if n.SoftLineBreak() {
				out.WriteByte(' ')
			}
		case *ast.String:
			out.Write(n.Value)
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(html.UnescapeString(out.String()))
}

func tooComplex(source string) bool {
	if strings.Count(source, "](") > maxLinks {
		return true
	}
	for line := range strings.Lines(source) {
		text := strings.TrimLeft(line, "> \t-*+0123456789.)")
		if strings.Count(line[:len(line)-len(text)], ">") > maxQuotes {
			return true
		}
	}
	return false
}

// ids names headings.
type ids struct{ taken map[string]int }

// Generate implements parser.IDs.
func (i *ids) Generate(value []byte, _ ast.NodeKind) []byte {
	name := idPrefix + Slug(string(value))
	i.taken[name]++
	for n := i.taken[name]; n > 1; n = i.taken[name] {
		candidate := fmt.Sprintf("%s-%d", name, n)
		if i.taken[candidate] == 0 {
			i.taken[candidate] = 1
			return []byte(candidate)
		}
		i.taken[name]++
	}
	return []byte(name)
}

// Put implements parser.IDs.
func (i *ids) Put(value []byte) { i.taken[string(value)]++ }

// letters that decompose to nothing of ASCII on their own.
var letters = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ı': "i", '&': " and ",
}
