package markdown

import (
	"html"
	"regexp"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// mediaPath is where the blog's own pictures are. No part of it begins with a dot
// or has an escape: a browser would read those as another path.
var mediaPath = regexp.MustCompile(`^/media(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$`)

// pictures renders the blog's own pictures. What is elsewhere becomes a link: the
// policy of the blog's pages blocks it, and an address of the blog that does
// something must not be asked for by who only reads.
type pictures struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (p pictures) RegisterFuncs(register renderer.NodeRendererFuncRegisterer) {
	register.Register(ast.KindImage, p.render)
}

func (pictures) render(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	n := node.(*ast.Image)
	address, text, title := string(util.URLEscape(n.Destination, true)), plain(n, source), ""
	if len(n.Title) > 0 {
		title = ` title="` + html.EscapeString(unescaped(n.Title)) + `"`
	}
	switch {
	case mediaPath.MatchString(address):
		_, _ = w.WriteString(`<img src="` + address + `" alt="` + html.EscapeString(text) + `"` + title + `>`)
		return ast.WalkSkipChildren, nil
	case text == "":
		text = address
	}
	text = html.EscapeString(text)
	if !isInLink(n) {
		text = `<a href="` + html.EscapeString(address) + `"` + title + `>` + text + `</a>`
	}
	_, _ = w.WriteString(text)
	return ast.WalkSkipChildren, nil
}

// isInLink reports whether a picture is what a link shows.
func isInLink(node ast.Node) bool {
	for node = node.Parent(); node != nil; node = node.Parent() {
		if node.Kind() == ast.KindLink {
			return true
		}
	}
	return false
}

// isElsewhere reports whether a picture becomes a link.
func isElsewhere(n *ast.Image) bool {
	return !mediaPath.Match(util.URLEscape(n.Destination, true))
}

// unescaped is text without the marks of Markdown and HTML that keep characters
// from having a meaning.
func unescaped(text []byte) string {
	return html.UnescapeString(string(util.UnescapePunctuations(text)))
}
