package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CheckLinks answers a line for each relative link of the documents that leads to
// no file of the repository at root, or to no heading of the document that it names.
func CheckLinks(root string, documents []Document) []string {
	anchors := map[string]map[string]bool{}
	for _, document := range documents {
		anchors[document.Path] = document.Anchors
	}
	var findings []string
	for _, document := range documents {
		for _, link := range document.Links {
			if finding := checkLink(root, document.Path, link, anchors); finding != "" {
				findings = append(findings, finding)
			}
		}
	}
	return findings
}

func checkLink(root, from, link string, anchors map[string]map[string]bool) string {
	isElsewhere := strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:")
	isPattern := strings.Contains(link, `\{`) // a regular expression in the descriptions of fields
	if isElsewhere || isPattern {
		return ""
	}
	path, fragment, _ := strings.Cut(link, "#")
	target := from
	if path != "" {
		target = filepath.Join(filepath.Dir(from), path)
	}
	if _, err := os.Stat(filepath.Join(root, target)); err != nil {
		return fmt.Sprintf("%s links to %s, and there is no such file", from, link)
	}
	if known, isDocument := anchors[target]; isDocument && fragment != "" && !known[fragment] {
		return fmt.Sprintf("%s links to %s, and %s has no such heading", from, link, target)
	}
	return ""
}

// CheckPaths answers a line for each path between backquotes that begins like one
// of the repository at root and does not exist. A star stands for any name.
func CheckPaths(root string, documents []Document) ([]string, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var top []string
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "bin" && !strings.HasPrefix(entry.Name(), ".") {
			top = append(top, entry.Name())
		}
	}
	var findings []string
	for _, document := range documents {
		for _, code := range document.Codes {
			if !looksLikePath(code, top) {
				continue
			}
			found, err := filepath.Glob(filepath.Join(root, code))
			if err != nil || len(found) == 0 {
				findings = append(findings, fmt.Sprintf("%s names `%s`, and there is no such path", document.Path, code))
			}
		}
	}
	return findings, nil
}

// looksLikePath is true for a path below one of the folders at the top, without
// what stands for something else.
func looksLikePath(code string, top []string) bool {
	first, rest, isPath := strings.Cut(code, "/")
	return isPath && rest != "" && slices.Contains(top, first) && !strings.ContainsAny(code, " …<>{}$:@=")
}
