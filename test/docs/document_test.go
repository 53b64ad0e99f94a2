package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Document is what the rules look at in one file of Markdown.
type Document struct {
	// Path is relative to the root of the repository.
	Path string
	// Anchors are the names that links lead to, as GitHub makes them of headings.
	Anchors map[string]bool
	// Links are the targets of links and images, as they are written.
	Links []string
	// Codes are what stands between backquotes, Blocks what stands in fences.
	Codes  []string
	Blocks []Block
	// Named are the functions that the text names after the folder of their package.
	Named []Named
	// Text is the whole file.
	Text string
}

// Block is a fenced block of code.
type Block struct {
	// Language is what stands behind the fence, such as sh.
	Language string
	// Text is the content.
	Text string
}

// Named is a function that a document names after its package, as in
// `internal/plan` TestOne, TestTwo.
type Named struct {
	// Folder holds the package, and Function is one of its functions.
	Folder, Function string
}

// ReadAll reads every document of the repository at root: files of Markdown,
// without those in hidden folders and in bin.
func ReadAll(root string) ([]Document, error) {
	var documents []Document
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if path != root && (strings.HasPrefix(name, ".") || path == filepath.Join(root, "bin")) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".md") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		documents = append(documents, Parse(relative, source))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the documents of %s: %w", root, err)
	}
	return documents, nil
}

// Parse reads one document.
func Parse(path string, source []byte) Document {
	document := Document{Path: path, Anchors: map[string]bool{}, Text: string(source)}
	tree := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	_ = ast.Walk(tree, func(node ast.Node, entering bool) (ast.WalkStatus, error) { // no step of it fails
		if entering {
			document.add(node, source)
		}
		return ast.WalkContinue, nil
	})
	for _, anchor := range htmlAnchor.FindAllStringSubmatch(document.Text, -1) {
		document.Anchors[anchor[1]] = true
	}
	return document
}

var htmlAnchor = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)

// add keeps of a node what rules look at.
func (d *Document) add(node ast.Node, source []byte) {
	switch n := node.(type) {
	case *ast.Heading:
		d.addAnchor(plain(n, source))
	case *ast.Link:
		d.Links = append(d.Links, string(n.Destination))
	case *ast.Image:
		d.Links = append(d.Links, string(n.Destination))
	case *ast.CodeSpan:
		code := plain(n, source)
		d.Codes = append(d.Codes, code)
		d.addNamed(code, following(n, source))
	case *ast.FencedCodeBlock:
		d.Blocks = append(d.Blocks, Block{Language: string(n.Language(source)), Text: string(n.Lines().Value(source))})
	}
}

// addAnchor numbers headings that are alike, as GitHub does.
func (d *Document) addAnchor(heading string) {
	name := anchor(heading)
	unique := name
	for n := 1; d.Anchors[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", name, n)
	}
	d.Anchors[unique] = true
}

// functions begin the text after the folder of a package: names of tests, or of
// the parts of one (anImageThatDoesNotExist).
var functions = regexp.MustCompile(`^ (?:(?:Test\w+|[a-z]+[A-Z]\w*[A-Z]\w*)(?:, )?)+`)

func (d *Document) addNamed(code, after string) {
	if !strings.Contains(code, "/") {
		return
	}
	for _, name := range strings.Split(strings.TrimSpace(functions.FindString(after)), ",") {
		if name = strings.TrimSpace(name); name != "" {
			d.Named = append(d.Named, Named{Folder: code, Function: name})
		}
	}
}

// following is the text behind a node as far as the next mark.
func following(node ast.Node, source []byte) string {
	var out strings.Builder
	for next := node.NextSibling(); next != nil; next = next.NextSibling() {
		part, isText := next.(*ast.Text)
		if !isText {
			break
		}
		out.Write(part.Segment.Value(source))
	}
	return out.String()
}

// plain is the text of a node without its marks.
func plain(node ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // no step of it fails
		if t, isText := n.(*ast.Text); isText && entering {
			out.Write(t.Segment.Value(source))
			if t.SoftLineBreak() {
				out.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}

// anchor is what GitHub makes of a heading: small letters, digits, hyphens and
// underscores, with a hyphen for each space.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}
