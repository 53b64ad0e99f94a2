package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// makefile is what a call of make may name.
type makefile struct {
	targets, variables []string
}

var (
	target   = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
	variable = regexp.MustCompile(`\b[A-Z][A-Z0-9_]+\b`)
)

// readMakefile reads the targets of the Makefile at root, and the variables that
// it or one of the scripts in hack knows.
func readMakefile(root string) (makefile, error) {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return makefile{}, err
	}
	var known makefile
	for _, match := range target.FindAllStringSubmatch(string(text), -1) {
		known.targets = append(known.targets, match[1])
	}
	scripts, err := filepath.Glob(filepath.Join(root, "hack/ci/*.sh"))
	if err != nil {
		return makefile{}, err
	}
	for _, script := range scripts {
		source, err := os.ReadFile(script)
		if err != nil {
			return makefile{}, err
		}
		text = append(text, source...)
	}
	known.variables = append(variable.FindAllString(string(text), -1), "BLOGPLATFORM_TIME_FACTOR")
	return known, nil
}

func (m makefile) check(args []string) error {
	for i, arg := range args {
		name, _, assigns := strings.Cut(arg, "=")
		switch {
		case strings.HasPrefix(arg, "-"), i > 0 && args[i-1] == "-C":
		case assigns && !slices.Contains(m.variables, name):
			return fmt.Errorf("nothing reads the variable %s", name)
		case !assigns && !slices.Contains(m.targets, arg):
			return fmt.Errorf("the Makefile has no target %s", arg)
		}
	}
	return nil
}

// checkGo looks at go run and go test of packages of the repository at root.
func checkGo(root string, args []string) error {
	if len(args) == 0 || args[0] != "run" && args[0] != "test" {
		return nil
	}
	i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "./") })
	if i < 0 {
		return fmt.Errorf("name a package of the repository, such as ./internal/plan")
	}
	folder := filepath.Join(root, strings.TrimSuffix(args[i], "/..."))
	if args[0] == "run" {
		return checkSource(folder, args[i+1:])
	}
	if _, err := os.Stat(folder); err != nil {
		return fmt.Errorf("there is no package %s", args[i])
	}
	return nil
}

// checkSource looks for flags and the subcommand of a program of the repository as
// texts in its package, which is as near as one gets without building it.
func checkSource(folder string, args []string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("there is no package %s", filepath.Base(folder))
	}
	var source strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		source.Write(text)
	}
	if !strings.Contains(source.String(), "package main") {
		return fmt.Errorf("%s is no program", filepath.Base(folder))
	}
	for i, arg := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if (i == 0 || strings.HasPrefix(arg, "-")) && !strings.Contains(source.String(), strconv.Quote(name)) {
			return fmt.Errorf("the program in %s does not know %s", filepath.Base(folder), arg)
		}
	}
	return nil
}
