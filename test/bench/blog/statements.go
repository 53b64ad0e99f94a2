package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
)

// statements are what the services ask their databases for a page, read out of
// their sources: so the bare processes ask exactly the same.
type statements struct {
	Post, Threads, Replies string
	// Renderer is the second argument of Post.
	Renderer int64
}

func readStatements(root string) (statements, error) {
	content, err := constantsOf(filepath.Join(root, "services/content/service"))
	if err != nil {
		return statements{}, err
	}
	markdown, err := constantsOf(filepath.Join(root, "services/content/internal/markdown"))
	if err != nil {
		return statements{}, err
	}
	comment, err := constantsOf(filepath.Join(root, "services/comment/service"))
	if err != nil {
		return statements{}, err
	}
	s := statements{Post: content.text("getPost"), Threads: comment.text("selectThreads"), Replies: comment.text("selectReplies")}
	if version := markdown["Version"]; version != nil {
		s.Renderer, _ = constant.Int64Val(version)
	}
	if s.Post == "" || s.Threads == "" || s.Replies == "" || s.Renderer == 0 {
		return statements{}, fmt.Errorf("the services' sources hold no getPost, selectThreads, selectReplies or Version of the renderer any more: %+v", s)
	}
	return s, nil
}

// constants of a package.
type constants map[string]constant.Value

func (c constants) text(name string) string {
	if value := c[name]; value != nil && value.Kind() == constant.String {
		return constant.StringVal(value)
	}
	return ""
}

// constantsOf evaluates the constants of the package in dir that need no other package.
func constantsOf(dir string) (constants, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var (
		set   = token.NewFileSet()
		files []*ast.File
	)
	for _, path := range paths {
		if match, _ := filepath.Match("*_test.go", filepath.Base(path)); match {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read the sources of a service: %w", err)
		}
		files = append(files, file)
	}
	// Without the packages that it imports, nothing but constants can be checked.
	config := types.Config{Importer: nothing{}, Error: func(error) {}, IgnoreFuncBodies: true}
	pkg, _ := config.Check(dir, set, files, nil)
	found := constants{}
	for _, name := range pkg.Scope().Names() {
		if c, is := pkg.Scope().Lookup(name).(*types.Const); is {
			found[name] = c.Val()
		}
	}
	return found, nil
}

type nothing struct{}

// Import implements types.Importer.
func (nothing) Import(path string) (*types.Package, error) {
	return nil, fmt.Errorf("%s is not needed", path)
}
