package markdown

import (
	"regexp"
	"strings"
	"testing"
)

func TestATitleBecomesItsAddress(t *testing.T) {
	for title, want := range map[string]string{
		"The quiet release":       "the-quiet-release",
		"  It's  10% & more!  ":   "its-10-and-more",
		"Crème brûlée, Straße":    "creme-brulee-strasse",
		"İstanbul":                "istanbul",
		"../../etc/passwd":        "etc-passwd",
		"--a--b--":                "a-b",
		"日本語":                     "",
		"":                        "",
		"ﬁne":                     "fine",
		strings.Repeat("ab ", 60): strings.Repeat("ab-", 26) + "ab",
		strings.Repeat("æ", 60):   strings.Repeat("ae", 40),
	} {
		if got := Slug(title); got != want {
			t.Errorf("%q became %q instead of %q", title, got, want)
		}
	}
}

func FuzzSlug(f *testing.F) {
	for _, title := range []string{"The quiet release", "ß & æ", "İ", "a\x00b", "’’", "🙂 x", strings.Repeat("œ", 99)} {
		f.Add(title)
	}
	shape := regexp.MustCompile(`^([a-z0-9]+(-[a-z0-9]+)*)?$`)
	f.Fuzz(func(t *testing.T, title string) {
		slug := Slug(title)
		if !shape.MatchString(slug) || len(slug) > maxSlug {
			t.Fatalf("%q became %q", title, slug)
		}
		if again := Slug(slug); again != slug {
			t.Fatalf("%q became %q, and that %q", title, slug, again)
		}
	})
}
