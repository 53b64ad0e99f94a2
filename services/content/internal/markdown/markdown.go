package markdown

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Version is the renderer's: HTML that is kept with another is made again. It
// changes with anything here that changes the bytes.
const Version = 5

const (
	// idPrefix keeps authors from giving an element the name of something that
	// scripts look for (DOM clobbering).
	idPrefix = "h-"
	maxSlug  = 80
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
	// Pictures counts those that are elsewhere, and became links.
	Pictures int
}

var (
	converter = goldmark.New(
		goldmark.WithParser(boundedParser()),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(
			util.Prioritized(extension.NewTableHTMLRenderer(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)), 500),
			util.Prioritized(extension.NewStrikethroughHTMLRenderer(), 500),
			util.Prioritized(extension.NewTaskCheckBoxHTMLRenderer(), 500),
			util.Prioritized(extension.NewFootnoteHTMLRenderer(), 500),
			util.Prioritized(pictures{}, 500))),
	)
	sanitiser = policy()
)

// policy lists what the converter writes, and no more. It is the second wall:
// the converter writes no HTML of an author and no dangerous address itself.
func policy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "em", "strong", "del", "blockquote", "pre", "code", "ul", "ol", "li",
		"table", "thead", "tbody", "tr", "th", "td", "h2", "h3", "h4", "h5", "h6", "sup")
	ids := regexp.MustCompile(`^(h-[\p{L}\p{M}\p{N}_-]*|fn:[0-9]+|fnref[0-9]*:[0-9]+)$`)
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
	p.AllowAttrs("src").Matching(mediaPath).OnElements("img")
	p.AllowAttrs("alt", "title").OnElements("img", "a")
	return p
}

// Render turns Markdown (CommonMark, with tables, strikethrough, task lists,
// footnotes and bare links) into HTML. Tags of HTML have no meaning in it, but for
// <br>: they are shown as they were typed. The page's title is its only heading of
// level 1: a text that has such headings, too, gets all of its own one level
// lower. The error wraps [ErrTooComplex], or is that of a context that ended.
func Render(ctx context.Context, source string) (Result, error) {
	input := []byte(strings.TrimPrefix(source, byteOrderMark))
	budget := &budget{ctx: ctx, source: input}
	document := converter.Parser().Parse(text.NewReader(input), parser.WithContext(budget.parserContext()))
	if budget.err != nil {
		return Result{}, budget.err
	}
	result, err := outline(document, input)
	if err != nil {
		return Result{}, err
	}
	var raw bytes.Buffer
	if err := converter.Renderer().Render(&raw, input, document); err != nil {
		return Result{}, fmt.Errorf("render the Markdown: %w", err)
	}
	size := raw.Len()
	for _, heading := range result.Headings {
		size += len(heading.ID) + len(heading.Text)
	}
	if size > MaxHTML {
		return Result{}, fmt.Errorf("%w: it becomes %d bytes of HTML, and may become %d", ErrTooComplex, size, MaxHTML)
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	result.HTML = string(sanitiser.SanitizeBytes(raw.Bytes()))
	return result, nil
}

// outline lowers headings where the text has a title of its own, and returns
// the headings and the number of words.
func outline(document ast.Node, source []byte) (Result, error) {
	ids, hasTitle := headingsOf(document)
	lower := 0
	if hasTitle {
		lower = 1
	}
	var result Result
	referenced := 0
	err := ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.Heading:
			n.Level = min(n.Level+lower, 6)
			if text := plain(n, source); text != "" {
				result.Headings = append(result.Headings, Heading{Level: n.Level, ID: idOf(n), Text: text})
			}
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			result.Words += words(string(n.Lines().Value(source)))
		case *ast.Link:
			n.Destination = withinText(n.Destination, ids)
			referenced += len(n.Destination) + len(n.Title)
		case *ast.Image:
			referenced += len(n.Destination) + len(n.Title)
			if isElsewhere(n) {
				result.Pictures++
			}
		}
		if node.Type() == ast.TypeBlock && node.HasChildren() && node.FirstChild().Type() == ast.TypeInline {
			result.Words += words(plain(node, source))
		}
		if referenced > maxReferenced {
			return ast.WalkStop, tooComplex(source, node.Pos(), fmt.Sprintf("has a link with which the addresses of all have more than %d bytes", maxReferenced))
		}
		return ast.WalkContinue, nil
	})
	return result, err
}

// headingsOf returns the ids of a text's headings, and whether one is of level 1.
func headingsOf(document ast.Node) (ids map[string]bool, hasTitle bool) {
	ids = map[string]bool{}
	_ = ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if heading, ok := node.(*ast.Heading); ok && entering {
			ids[idOf(heading)] = true
			hasTitle = hasTitle || heading.Level == 1
		}
		return ast.WalkContinue, nil
	})
	return ids, hasTitle
}

func idOf(heading *ast.Heading) string {
	id, _ := heading.AttributeString("id")
	name, _ := id.([]byte)
	return string(name)
}

// withinText returns where a link within the text leads: #setup to the heading
// with the id h-setup.
func withinText(address []byte, ids map[string]bool) []byte {
	name, within := strings.CutPrefix(string(address), "#")
	if !within {
		return address
	}
	if unescaped, err := url.PathUnescape(name); err == nil {
		name = unescaped
	}
	if id := idPrefix + strings.ToLower(name); ids[id] {
		return []byte("#" + id)
	}
	return address
}

// unspaced are scripts that have no spaces between words.
var unspaced = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

// words counts what a reader reads. Where no spaces are between words, two
// characters take as long as a word.
func words(text string) int {
	count := 0
	for field := range strings.FieldsSeq(text) {
		characters, others := 0, false
		for _, r := range field {
			switch {
			case unicode.In(r, unspaced...):
				characters++
			case unicode.IsLetter(r), unicode.IsNumber(r):
				others = true
			}
		}
		count += (characters + 1) / 2
		if others {
			count++
		}
	}
	return count
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
			if value := n.Value(source); n.IsRaw() {
				out.WriteString(html.EscapeString(string(value)))
			} else {
				out.Write(util.UnescapePunctuations(value))
			}
			if n.SoftLineBreak() || n.HardLineBreak() {
				out.WriteByte(' ')
			}
		case *ast.String:
			out.Write(n.Value)
		case *ast.AutoLink:
			out.WriteString(html.EscapeString(string(n.Label(source))))
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(html.UnescapeString(out.String()))
}

// ids names headings.
type ids struct{ taken map[string]int }

// Generate implements parser.IDs.
func (i *ids) Generate(value []byte, _ ast.NodeKind) []byte {
	name := idPrefix + anchor(string(value))
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
