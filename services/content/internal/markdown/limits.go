package markdown

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Limits of one text. Each bounds a construct of which a few characters cost
// much time, memory or HTML.
const (
	// maxDepth is how many quotes, list items and notes may stand within each other.
	maxDepth = 32
	// maxCells is how many cells all tables have. The parser gives each row of a
	// table as many cells as its header has.
	maxCells = 20_000
	// maxLinks is how many links with a target of their own, or references, a text has.
	maxLinks = 5000
	// maxNotes is how many references to footnotes and how many footnotes a text
	// has: the parser compares each reference with each footnote.
	maxNotes = 2000
	// maxReferenced is how many bytes the addresses and titles of all links have:
	// many links can share one long address.
	maxReferenced = 1 << 20
	// MaxHTML is how many bytes the HTML of a text has, its headings included.
	MaxHTML = 1 << 20
	// checkEvery is after how many steps of the parser the context is looked at.
	checkEvery = 256
)

// ErrTooComplex says that a text costs more to render than any honest one does.
var ErrTooComplex = errors.New("the text costs too much to render")

// tooComplex returns an error that wraps [ErrTooComplex] and names the line.
func tooComplex(source []byte, position int, reason string) error {
	line := 1 + bytes.Count(source[:min(max(position, 0), len(source))], []byte("\n"))
	return fmt.Errorf("%w: line %d %s", ErrTooComplex, line, reason)
}

// budget is what is left of the limits while one text is parsed. Once it is
// exceeded, or the context has ended, no parser opens anything: the rest of the
// text is read as plain lines, which costs little.
type budget struct {
	ctx                        context.Context
	source                     []byte
	cells, links, notes, steps int
	err                        error
}

var budgetKey = parser.NewContextKey()

// parserContext returns a context that carries the budget to the parsers.
func (b *budget) parserContext() parser.Context {
	pc := parser.NewContext(parser.WithIDs(&ids{taken: map[string]int{}}))
	pc.Set(budgetKey, b)
	return pc
}

func budgetOf(pc parser.Context) *budget {
	b, _ := pc.Get(budgetKey).(*budget)
	return b
}

// step reports whether the parsers may go on.
func (b *budget) step() bool {
	b.steps++
	if b.err == nil && b.steps%checkEvery == 0 {
		b.err = b.ctx.Err()
	}
	return b.err == nil
}

// spend counts n more of something, of which a text may have limit.
func (b *budget) spend(used *int, n, limit, position int, reason string) bool {
	*used += n
	if *used > limit && b.err == nil {
		b.err = tooComplex(b.source, position, reason)
	}
	return b.err == nil
}

// boundedBlock is a block parser within the budget. A nested one is refused
// below maxDepth others.
type boundedBlock struct {
	parser.BlockParser
	nested, note bool
}

// Open implements parser.BlockParser.
func (p boundedBlock) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	b := budgetOf(pc)
	if !b.step() {
		return nil, parser.NoChildren
	}
	_, segment := reader.PeekLine()
	node, state := p.BlockParser.Open(parent, reader, pc)
	if node == nil {
		return node, state
	}
	if p.nested && depth(parent) >= maxDepth {
		b.spend(new(int), 1, 0, segment.Start, fmt.Sprintf("has more than %d quotes, lists or notes within each other", maxDepth))
	}
	if p.note {
		b.spend(&b.notes, 1, maxNotes, segment.Start, tooManyNotes)
	}
	return node, state
}

const tooManyNotes = "has one of too many footnotes"

// depth counts the quotes, list items and notes that a node stands within.
func depth(node ast.Node) int {
	count := 0
	for ; node != nil; node = node.Parent() {
		switch node.Kind() {
		case ast.KindBlockquote, ast.KindListItem, extast.KindFootnote:
			count++
		}
	}
	return count
}

// boundedInline is an inline parser within the budget.
type boundedInline struct {
	parser.InlineParser
	// spend counts what stands at the beginning of line, nil for what is free.
	spend func(b *budget, line []byte, position int) bool
}

// Parse implements parser.InlineParser.
func (p boundedInline) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	b := budgetOf(pc)
	if !b.step() {
		return nil
	}
	if p.spend != nil {
		if line, segment := block.PeekLine(); !p.spend(b, line, segment.Start) {
			return nil
		}
	}
	return p.InlineParser.Parse(parent, block, pc)
}

// spendLink counts the ends of link texts that an address or a label follows.
func spendLink(b *budget, line []byte, position int) bool {
	if !bytes.HasPrefix(line, []byte("](")) && !bytes.HasPrefix(line, []byte("][")) {
		return true
	}
	return b.spend(&b.links, 1, maxLinks, position, fmt.Sprintf("has a link after %d others", maxLinks))
}

// spendNote counts references to footnotes.
func spendNote(b *budget, line []byte, position int) bool {
	if !bytes.HasPrefix(bytes.TrimPrefix(line, []byte("!")), []byte("[^")) {
		return true
	}
	return b.spend(&b.notes, 1, maxNotes, position, tooManyNotes)
}

// CloseBlock implements parser.CloseBlocker.
func (p boundedInline) CloseBlock(parent ast.Node, block text.Reader, pc parser.Context) {
	if closer, ok := p.InlineParser.(parser.CloseBlocker); ok {
		closer.CloseBlock(parent, block, pc)
	}
}

// boundedTables makes tables within the budget. It counts the cells before the
// parser makes them.
type boundedTables struct{ parser.ParagraphTransformer }

// Transform implements parser.ParagraphTransformer.
func (t boundedTables) Transform(node *ast.Paragraph, reader text.Reader, pc parser.Context) {
	b, lines := budgetOf(pc), node.Lines()
	cells := 0
	for i := 1; i < lines.Len(); i++ {
		line := lines.At(i)
		cells = max(cells, columns(line.Value(reader.Source()))*(lines.Len()-i))
	}
	if b.step() && b.spend(&b.cells, cells, maxCells, node.Pos(), fmt.Sprintf("begins a table with which the text has more than %d cells", maxCells)) {
		t.ParagraphTransformer.Transform(node, reader, pc)
	}
}

// columns returns how many columns a line sets out, if it is one that can stand
// below a table's header, else 0.
func columns(line []byte) int {
	line = bytes.TrimSpace(line)
	if bytes.IndexByte(line, '-') < 0 || len(bytes.Trim(line, "-|: \t")) > 0 {
		return 0
	}
	return 1 + bytes.Count(bytes.TrimSuffix(bytes.TrimPrefix(line, []byte("|")), []byte("|")), []byte("|"))
}

// boundedParser parses Markdown within the budget of its context.
func boundedParser() parser.Parser {
	links := boundedInline{parser.NewLinkParser(), spendLink}
	notes := boundedInline{extension.NewFootnoteParser(), spendNote}
	free := func(p parser.InlineParser) parser.InlineParser { return boundedInline{InlineParser: p} }
	return parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(boundedBlock{BlockParser: frontMatterParser{}}, 50),
			util.Prioritized(boundedBlock{BlockParser: parser.NewSetextHeadingParser(parser.WithAutoHeadingID())}, 100),
			util.Prioritized(boundedBlock{BlockParser: parser.NewThematicBreakParser()}, 200),
			util.Prioritized(boundedBlock{BlockParser: parser.NewListParser()}, 300),
			util.Prioritized(boundedBlock{BlockParser: parser.NewListItemParser(), nested: true}, 400),
			util.Prioritized(boundedBlock{BlockParser: parser.NewCodeBlockParser()}, 500),
			util.Prioritized(boundedBlock{BlockParser: parser.NewATXHeadingParser(parser.WithAutoHeadingID())}, 600),
			util.Prioritized(boundedBlock{BlockParser: parser.NewFencedCodeBlockParser()}, 700),
			util.Prioritized(boundedBlock{BlockParser: parser.NewBlockquoteParser(), nested: true}, 800),
			util.Prioritized(boundedBlock{BlockParser: extension.NewFootnoteBlockParser(), nested: true, note: true}, 999),
			util.Prioritized(parser.NewParagraphParser(), 1000)),
		parser.WithInlineParsers(
			util.Prioritized(free(extension.NewTaskCheckBoxParser()), 0),
			util.Prioritized(free(parser.NewCodeSpanParser()), 100),
			util.Prioritized(notes, 101),
			util.Prioritized(links, 200),
			util.Prioritized(free(parser.NewAutoLinkParser()), 300),
			util.Prioritized(free(tagParser{}), 400),
			util.Prioritized(free(parser.NewEmphasisParser()), 500),
			util.Prioritized(free(strikethrough{extension.NewStrikethroughParser()}), 500),
			util.Prioritized(free(extension.NewLinkifyParser(extension.WithLinkifyURLRegexp(bareURL), extension.WithLinkifyWWWRegexp(bareWWW))), 999),
			util.Prioritized(free(dashParser{}), 9998),
			util.Prioritized(free(quotes()), 9999)),
		parser.WithParagraphTransformers(
			util.Prioritized(parser.LinkReferenceParagraphTransformer, 100),
			util.Prioritized(boundedTables{extension.NewTableParagraphTransformer()}, 200)),
		parser.WithASTTransformers(
			util.Prioritized(extension.NewTableASTTransformer(), 0),
			util.Prioritized(extension.NewFootnoteASTTransformer(), 999)),
	)
}
