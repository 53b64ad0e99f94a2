package markdown

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

func TestMarkdownBecomesTheHTMLThatItsAuthorMeant(t *testing.T) {
	cases := map[string]struct{ source, want string }{
		"marks":                           {"**bold** _soft_ ~~gone~~ `code`", "<p><strong>bold</strong> <em>soft</em> <del>gone</del> <code>code</code></p>\n"},
		"the page's title is the only h1": {"# One\n\n## Two", "<h2 id=\"h-one\">One</h2>\n<h3 id=\"h-two\">Two</h3>\n"},
		"headings below it stay":          {"## One\n\n### Two", "<h2 id=\"h-one\">One</h2>\n<h3 id=\"h-two\">Two</h3>\n"},
		"a title further down counts":     {"> ## One\n\nTwo\n===", "<blockquote>\n<h3 id=\"h-one\">One</h3>\n</blockquote>\n<h2 id=\"h-two\">Two</h2>\n"},
		"level 6 is the last":             {"# One\n\n###### Six", "<h2 id=\"h-one\">One</h2>\n<h6 id=\"h-six\">Six</h6>\n"},
		"real quotes":                     {`She said "it's fine" -- really...`, "<p>She said “it’s fine” – really…</p>\n"},
		"a bare link":                     {"See https://example.com/a?b=c.", "<p>See <a href=\"https://example.com/a?b=c\">https://example.com/a?b=c</a>.</p>\n"},
		"code names language":             {"```go\nx := \"<b>\"\n```", "<pre><code class=\"language-go\">x := &#34;&lt;b&gt;&#34;\n</code></pre>\n"},
		"an aligned table":                {"|a|\n|--:|\n|1|", "<table>\n<thead>\n<tr>\n<th align=\"right\">a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"right\">1</td>\n</tr>\n</tbody>\n</table>\n"},
		"a task list":                     {"- [x] done", "<ul>\n<li><input checked=\"\" disabled=\"\" type=\"checkbox\"> done</li>\n</ul>\n"},
		"an image":                        {"![A cat](/media/cat.jpg \"Tom\")", "<p><img src=\"/media/cat.jpg\" alt=\"A cat\" title=\"Tom\"></p>\n"},
		"paragraphs":                      {"One.\n\nTwo.", "<p>One.</p>\n<p>Two.</p>\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Render(t.Context(), c.source)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.HTML); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATextTellsItsHeadingsAndWords(t *testing.T) {
	got, err := Render(t.Context(), "# It's *here* \\*\n\nFour words of text.\n\n## Here\n\n## Here\n\n```\ncode too\n```\n\nÜber &amp; out[^1]\n\n[^1]: A note.")
	if err != nil {
		t.Fatal(err)
	}
	want := []Heading{{2, "h-its-here", "It’s here *"}, {3, "h-here", "Here"}, {3, "h-here-2", "Here"}}
	if diff := cmp.Diff(want, got.Headings); diff != "" {
		t.Error(diff)
	}
	if got.Words < 14 || got.Words > 20 {
		t.Errorf("%d words", got.Words)
	}
	if !strings.Contains(got.HTML, `<sup id="fnref:1"><a href="#fn:1" class="footnote-ref" role="doc-noteref">1</a></sup>`) ||
		!strings.Contains(got.HTML, `<li id="fn:1">`) {
		t.Errorf("the note is lost: %s", got.HTML)
	}
}

// hostile are texts that somebody would like to run in a reader's browser.
var hostile = []string{
	"<script>alert(1)</script>", "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](&#106;avascript:alert(1))",
	"![x](data:text/html;base64,PHNjcmlwdD4=)", "<img src=x onerror=alert(1)>", "<a href=\"javascript:x\">", "[x](vbscript:x)",
	"<svg onload=alert(1)>", "# <iframe src=x>", "```\"onmouseover=alert(1)\ncode\n```", "[x](https://e.example \"\\\" onclick=\\\"x\")",
	"<https://e.example/\"onclick=x>", "[x]: javascript:alert(1)\n\n[x]", "| a |\n|---|\n| <b onclick=x> |", "\x00<script>", "<style>*{}</style>",
	"[^1]\n\n[^1]: <script>", "# constructor\n\n# __proto__", "<form action=x><input name=attributes>", "[x](file:///etc/passwd)", "<!--><script>alert(1)</script>-->",
}

func TestHostileTextStaysText(t *testing.T) {
	for _, source := range hostile {
		checkSafe(t, source)
	}
}

func FuzzMarkdownToHTML(f *testing.F) {
	for _, source := range hostile {
		f.Add(source)
	}
	f.Add("# Title\n\nA *paragraph*[^1] with a [link](https://example.com).\n\n[^1]: Note\n\n|a|b|\n|:-|-:|\n|1|2|\n\n- [ ] todo\n")
	f.Fuzz(func(t *testing.T, source string) { checkSafe(t, source) })
}

var (
	safeElements   = set("p br hr em strong del blockquote pre code ul ol li table thead tbody tr th td h2 h3 h4 h5 h6 sup a img input div")
	safeAttributes = set("id class role align start type checked disabled href src alt title rel")
	safeSchemes    = set("http https mailto")
)

func set(names string) map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(names) {
		out[name] = true
	}
	return out
}

// checkSafe parses what became of source as a browser would, and looks for
// anything that is not on the list.
func checkSafe(t *testing.T, source string) {
	t.Helper()
	got, err := Render(t.Context(), source)
	if errors.Is(err, ErrTooComplex) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for tokens := html.NewTokenizer(strings.NewReader(got.HTML)); ; {
		switch tokens.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			continue
		}
		token := tokens.Token()
		if !safeElements[token.Data] {
			t.Fatalf("%q became an element %q: %s", source, token.Data, got.HTML)
		}
		for _, attribute := range token.Attr {
			if wrong := unsafe(attribute); wrong != "" {
				t.Fatalf("%q became an attribute %s=%q, which %s: %s", source, attribute.Key, attribute.Val, wrong, got.HTML)
			}
		}
	}
}

// unsafe says what is wrong with an attribute, empty for nothing.
func unsafe(a html.Attribute) string {
	scheme, _, isURL := strings.Cut(strings.ToLower(strings.TrimSpace(a.Val)), ":")
	switch {
	case !safeAttributes[a.Key]:
		return "is not on the list"
	case (a.Key == "href" || a.Key == "src") && isURL && !strings.ContainsAny(scheme, "/?#") && !safeSchemes[scheme]:
		return "leads somewhere else"
	case a.Key == "id" && !strings.HasPrefix(a.Val, "h-") && !strings.HasPrefix(a.Val, "fn"):
		return "may hide something that scripts look for"
	}
	return ""
}
