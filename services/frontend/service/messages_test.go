package service

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/text/language"
)

func TestNumbersGetTheirPlural(t *testing.T) {
	m, err := newMessages(language.English)
	if err != nil {
		t.Fatal(err)
	}
	for minutes, want := range map[int]string{1: "1 min read", 2: "2 min read", 1200: "1,200 min read"} {
		if got := m.text("post.minutes", minutes); got != want {
			t.Errorf("%d: %q", minutes, got)
		}
	}
	if got := m.text("layout.release", "v1%s"); got != "Release v1%s" {
		t.Errorf("an argument is taken for a format: %q", got)
	}
}

// Every text that pages and code ask for is in the catalog, and every text in
// the catalog is asked for. Keys are put together from a prefix where a role,
// a state or an error makes the rest.
func TestTheCatalogIsCompleteAndHasNothingElse(t *testing.T) {
	m, err := newMessages(language.English)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for key := range m.plain {
		known[key] = false
	}
	for key := range m.plurals {
		known[key] = false
	}
	source := sources(t)
	for _, found := range regexp.MustCompile(`"([a-z]+(?:\.[A-Za-z0-9_-]+)+)"`).FindAllStringSubmatch(source, -1) {
		key := found[1]
		if _, ok := known[key]; ok {
			known[key] = true
		}
		for _, part := range []string{".title", ".text", ".next"} {
			if _, ok := known[key+part]; ok {
				known[key+part] = true
			}
		}
	}
	for _, found := range regexp.MustCompile(`\(print "([a-z.]+)"|(?:text\(|tell\(w, )"([a-z.]+\.)"\s*\+`).FindAllStringSubmatch(source, -1) {
		for key := range known {
			if strings.HasPrefix(key, found[1]+found[2]) {
				known[key] = true
			}
		}
	}
	for key, used := range known {
		if !used {
			t.Errorf("nothing shows %s", key)
		}
	}
	for _, found := range regexp.MustCompile(`(?:\bt|\.text|\.tell\(w,|errorPage\() ?\(?"([a-z]+(?:\.[A-Za-z0-9_-]+)+)"`).FindAllStringSubmatch(source, -1) {
		_, whole := known[found[1]]
		if _, titled := known[found[1]+".title"]; !whole && !titled {
			t.Errorf("%s has no text", found[1])
		}
	}
}

// sources are the templates and the code, without tests.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, _ fs.DirEntry, err error) error {
		ext := filepath.Ext(path)
		if err != nil || (ext != ".go" && ext != ".html") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
