package markdown

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatWasTypedIsShown(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"generic types":            {"Return a List<String> or Map<K, V>", "<p>Return a List&lt;String&gt; or Map&lt;K, V&gt;</p>\n"},
		"HTML of a page":           {"<details><summary>More</summary>\n\nHidden *text* that matters.\n\n</details>", "<p>&lt;details&gt;&lt;summary&gt;More&lt;/summary&gt;</p>\n<p>Hidden <em>text</em> that matters.</p>\n<p>&lt;/details&gt;</p>\n"},
		"HTML of a letter":         {`<p class=MsoNormal style="margin:0">the text of a letter.</p>`, "<p>&lt;p class=MsoNormal style=&#34;margin:0&#34;&gt;the text of a letter.&lt;/p&gt;</p>\n"},
		"a comment":                {"<!-- not yet -->", "<p>&lt;!-- not yet --&gt;</p>\n"},
		"a break in a cell":        {"|a|\n|-|\n|one<br>two<BR/>three|", "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>one<br>\ntwo<br>\nthree</td>\n</tr>\n</tbody>\n</table>\n"},
		"a link in angles":         {"<https://example.com/>", "<p><a href=\"https://example.com/\">https://example.com/</a></p>\n"},
		"options of a command":     {"Run `git x --force`, or git x --force, or a--b and ---", "<p>Run <code>git x --force</code>, or git x --force, or a--b and ---</p>\n"},
		"a dash between words":     {"It is -- or was --- so.", "<p>It is – or was — so.</p>\n"},
		"redirects and shifts":     {"cat <<EOF >> file; 5 << 2", "<p>cat &lt;&lt;EOF &gt;&gt; file; 5 &lt;&lt; 2</p>\n"},
		"ranges with tildes":       {"10~20 分钟，30~40 分钟 and ~~gone~~", "<p>10~20 分钟，30~40 分钟 and <del>gone</del></p>\n"},
		"a byte order mark":        {"\ufeff# Title", "<h2 id=\"h-title\">Title</h2>\n"},
		"front matter":             {"---\ntitle: My post\ntags: [a, b]\nlist:\n  - \"x\"\n# why\n---\n\nHello.", "<pre><code>---\ntitle: My post\ntags: [a, b]\nlist:\n  - &#34;x&#34;\n# why\n---\n</code></pre>\n<p>Hello.</p>\n"},
		"front matter alone":       {"---\ntitle: My post\n---", "<pre><code>---\ntitle: My post\n---</code></pre>\n"},
		"a rule and a heading":     {"---\nNot a key\n---", "<hr>\n<h2 id=\"h-not-a-key\">Not a key</h2>\n"},
		"a rule at the beginning":  {"---\n\nText\n\n---\n", "<hr>\n<p>Text</p>\n<hr>\n"},
		"front matter in the text": {"Text\n\n---\na: b\n---", "<p>Text</p>\n<hr>\n<h2 id=\"h-a-b\">a: b</h2>\n"},
		"quotes in a row":          {`""" and ''`, "<p>&#34;&#34;&#34; and &#39;&#39;</p>\n"},
		"an ellipsis":              {"So...", "<p>So…</p>\n"},
	} {
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

func TestHeadingsOfAllScriptsHaveAddresses(t *testing.T) {
	for heading, id := range map[string]string{
		"ඇරඹුම": "h-ඇරඹුම", "නිමාව 2": "h-නිමාව-2", "東京 と 大阪!": "h-東京-と-大阪", "Über uns": "h-uber-uns", "Straße": "h-strasse", "ප්\u200dරියංකා": "h-ප්රියංකා", "???": "h-",
		"Привет, Мир": "h-привет-мир", "Setup": "h-setup",
	} {
		got, err := Render(t.Context(), "[Go](#"+strings.TrimPrefix(id, "h-")+")\n\n## "+heading)
		if err != nil {
			t.Fatal(err)
		}
		if got.Headings[0].ID != id || !strings.Contains(got.HTML, `<h2 id="`+id+`">`) {
			t.Errorf("%s: %+v, %s", heading, got.Headings, got.HTML)
		}
		if link := `href="#` + (&url.URL{Fragment: id}).EscapedFragment() + `"`; id != "h-" && !strings.Contains(got.HTML, link) {
			t.Errorf("%s is not linked by %s: %s", heading, link, got.HTML)
		}
	}
}

func TestALinkWithinTheTextLeadsThere(t *testing.T) {
	for source, want := range map[string]string{
		"[a](#setup)\n\n## Setup": `href="#h-setup"`, "[a](#Setup)\n\n## Setup": `href="#h-setup"`, "[a](#h-setup)\n\n## Setup": `href="#h-setup"`,
		"[a](#none)\n\n## Setup": `href="#none"`, "[a](/x#setup)\n\n## Setup": `href="/x#setup"`, "## A\n\n## A\n\n[a](#a-2)": `href="#h-a-2"`,
	} {
		if got, err := Render(t.Context(), source); err != nil || !strings.Contains(got.HTML, want) {
			t.Errorf("%q: %v, %s", source, err, got.HTML)
		}
	}
}

func TestBareLinksHaveTheirWholeAddress(t *testing.T) {
	for source, want := range map[string]string{
		"https://ja.wikipedia.org/wiki/東京 is":   `<a href="https://ja.wikipedia.org/wiki/%E6%9D%B1%E4%BA%AC">https://ja.wikipedia.org/wiki/東京</a> is`,
		"See https://example.com/a。Then":        `<a href="https://example.com/a">https://example.com/a</a>。Then`,
		"See https://example.com/ලිපිය, or not": `<a href="https://example.com/%E0%B6%BD%E0%B7%92%E0%B6%B4%E0%B7%92%E0%B6%BA">https://example.com/ලිපිය</a>, or not`,
		"See www.example.com/日本.":               `<a href="http://www.example.com/%E6%97%A5%E6%9C%AC">www.example.com/日本</a>.`,
	} {
		if got, err := Render(t.Context(), source); err != nil || !strings.Contains(got.HTML, want) {
			t.Errorf("%q: %v, %s", source, err, got.HTML)
		}
	}
}

func TestWordsAreCountedAsTheyAreRead(t *testing.T) {
	for source, want := range map[string]int{
		"I don't know. It's Miki's; we're sure they can't.": 9, strings.Repeat("中文", 1000): 1000, "日本語 text": 3, "One -- two & *th*ree": 3,
		"## A heading\n\n- an item\n\n|a|b|\n|-|-|\n|c|d|": 8, "`code here`": 2, "```\nx := 1\n```": 2, "https://example.com/a": 1, "": 0, "***": 0,
		"List<String>": 1, "one<br>two": 2,
	} {
		if got, err := Render(t.Context(), source); err != nil || got.Words != want {
			t.Errorf("%.40q: %d words, %v", source, got.Words, err)
		}
	}
}

func TestHeadingsSayWhatTheyShow(t *testing.T) {
	got, err := Render(t.Context(), "## A List<T> of *things*<br>here")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Heading{{2, "h-a-list-t-of-things-br-here", "A List<T> of things here"}}, got.Headings); diff != "" {
		t.Error(diff)
	}
	for source, want := range map[string]string{
		"## <https://e.example/y>": "https://e.example/y", "## See https://e.example/x?a&b": "See https://e.example/x?a&b", "## `a\\*b` &amp; `&amp;`": `a\*b & &amp;`,
	} {
		got, err := Render(t.Context(), source)
		if err != nil || len(got.Headings) != 1 || got.Headings[0].Text != want {
			t.Errorf("%s: %+v, %v", source, got.Headings, err)
		}
	}
	if got, err := Render(t.Context(), "## ![](/media/a.jpg)"); err != nil || len(got.Headings) != 0 {
		t.Errorf("a heading without words: %+v, %v", got.Headings, err)
	}
}

// FuzzNoWordIsLost looks for a word that its reader does not get to see. What
// stands in brackets can be an address, behind a fence a language, and in a row
// that is longer than its table's header nothing: such texts are left out.
func FuzzNoWordIsLost(f *testing.F) {
	for _, source := range []string{
		"<p>%</p>", "<details>\n%\n</details>", "<!-- % -->", "--%", "---\n%: x\n---", "<%>", "<script>%</script>", "<a href='%'>",
		"    %", "<?php % ?>", "> <b>%", "- <i\n%>", "# <h1>%</h1>", "*%*", "&%;", "\\%", "%\n===",
	} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		const word = "Wort7"
		source = strings.ReplaceAll(source, "%", word)
		if !strings.Contains(source, word) || strings.ContainsAny(source, "[]|`~") {
			return
		}
		got, err := Render(t.Context(), source)
		if err == nil && !strings.Contains(got.HTML, word) {
			t.Errorf("%q became %q", source, got.HTML)
		}
	})
}
