package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// Functions are the names of the functions of a repository by the folder of
// their package, methods and files with build tags included.
type Functions map[string]map[string]bool

// ReadFunctions reads the Go files of the repository at root, without those of
// hidden folders, bin and testdata.
func ReadFunctions(root string) (Functions, error) {
	all := Functions{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			skipped := path != root && strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || path == filepath.Join(root, "bin")
			if skipped {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		return all.read(folder, path)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the functions of %s: %w", root, err)
	}
	return all, nil
}

func (f Functions) read(folder, path string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if f[folder] == nil {
		f[folder] = map[string]bool{}
	}
	for _, declaration := range file.Decls {
		if function, isFunction := declaration.(*ast.FuncDecl); isFunction {
			f[folder][function.Name.Name] = true
		}
	}
	return nil
}

var testName = regexp.MustCompile(`\bTest[A-Z]\w+`)

// CheckNames answers a line for each test that documents name and no package has,
// and for each function that they name after the folder of a package without it.
func CheckNames(functions Functions, documents []Document) []string {
	anywhere := map[string]bool{}
	for _, names := range functions {
		for name := range names {
			anywhere[name] = true
		}
	}
	var findings []string
	for _, document := range documents {
		for _, name := range testName.FindAllString(document.Text, -1) {
			if !anywhere[name] {
				findings = append(findings, fmt.Sprintf("%s names the test %s, and no package has it", document.Path, name))
			}
		}
		for _, named := range document.Named {
			known, isOurs := functions[named.Folder]
			if isOurs && !known[named.Function] {
				findings = append(findings, fmt.Sprintf("%s names %s of %s, and that package has no such function", document.Path, named.Function, named.Folder))
			}
		}
	}
	return findings
}
