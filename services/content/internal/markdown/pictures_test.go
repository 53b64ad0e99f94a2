package markdown

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyTheBlogsOwnPicturesAreShown(t *testing.T) {
	for source, want := range map[string]string{
		`![A "cat"](/media/2026/cat.jpg 'To "m"')`:                  `<img src="/media/2026/cat.jpg" alt="A “cat”" title="To &#34;m&#34;">`,
		`![A lake](https://upload.example.org/lake.jpg "By night")`: `<a href="https://upload.example.org/lake.jpg" title="By night">A lake</a>`,
		`![](https://upload.example.org/lake.jpg)`:                  `<a href="https://upload.example.org/lake.jpg">https://upload.example.org/lake.jpg</a>`,
		`![*So* &amp; \*](https://e.example/a.jpg)`:                 `<a href="https://e.example/a.jpg">So &amp; *</a>`,
		`![Me](/me/export)`:                                         `<a href="/me/export">Me</a>`, `![In](/auth/begin)`: `<a href="/auth/begin">In</a>`,
		`![x](/media/../me/export)`: `<a href="/media/../me/export">x</a>`, `![x](/media/%2e%2e/me)`: `<a href="/media/%2e%2e/me">x</a>`,
		`![x](/media)`: `<a href="/media">x</a>`, `![x](//evil.example/media/a.jpg)`: `<a href="//evil.example/media/a.jpg">x</a>`,
		`![x](data:image/png;base64,AAAA)`: `x`, `![x](javascript:alert(1))`: `x`,
		`[![Build](https://ci.example/badge.svg)](https://ci.example)`: `<a href="https://ci.example">Build</a>`,
	} {
		got, err := Render(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("<p>"+want+"</p>\n", got.HTML); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
		elsewhere := 1
		if strings.Contains(want, "<img") {
			elsewhere = 0
		}
		if got.Pictures != elsewhere {
			t.Errorf("%s: %d pictures became links", source, got.Pictures)
		}
	}
}
