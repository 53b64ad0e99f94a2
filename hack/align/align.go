// Package align keeps one set of dependency versions over the Go modules of
// this checkout. Go's build cache serves a compiled package to two modules only
// if the package and everything below it have the same version in both, so one
// small library in two versions compiles client-go twice.
package align

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// Module is a go.mod file of the checkout.
type Module struct {
	// Dir is the module's folder, relative to the checkout, with slashes.
	Dir string
	// File is what its go.mod says.
	File *modfile.File
}

// Parse answers the module in dir whose go.mod holds text.
func Parse(dir string, text []byte) (Module, error) {
	file, err := modfile.Parse(dir+"/go.mod", text, nil)
	if err != nil {
		return Module{}, fmt.Errorf("reading the requirements of %s: %w", dir, err)
	}
	return Module{Dir: dir, File: file}, nil
}

// Exception is a dependency that one module takes in a version of its own.
type Exception struct {
	// Dir is the folder of the module that takes it.
	Dir string
	// Path is a module path, or the beginning of several if it ends in a slash.
	Path string
	// Reason says what breaks with the version of the others.
	Reason string
}

func (e Exception) covers(dir, path string) bool {
	return e.Dir == dir && (e.Path == path || strings.HasSuffix(e.Path, "/") && strings.HasPrefix(path, e.Path))
}

// Disagreement is a dependency that modules require in several versions.
type Disagreement struct {
	// Path of the dependency.
	Path string
	// Highest is the highest version that a module requires.
	Highest string
	// Lower maps the folder of each module that requires less to its version.
	Lower map[string]string
}

// String names the dependency, the modules and their versions.
func (d Disagreement) String() string {
	var lower []string
	for _, dir := range slices.Sorted(maps.Keys(d.Lower)) {
		lower = append(lower, fmt.Sprintf("%s has %s", dir, d.Lower[dir]))
	}
	return fmt.Sprintf("%s is at %s, but %s", d.Path, d.Highest, strings.Join(lower, ", "))
}

// Disagreements answers the dependencies that are not at one version in all
// modules that require them, by path. A replaced dependency counts with the
// version that replaces it; one that a local folder replaces, and one with an
// exception, does not count.
func Disagreements(modules []Module, exceptions []Exception) []Disagreement {
	highest := map[string]string{}
	for _, m := range modules {
		for path, version := range versions(m, exceptions) {
			if semver.Compare(version, highest[path]) > 0 {
				highest[path] = version
			}
		}
	}
	lower := map[string]map[string]string{}
	for _, m := range modules {
		for path, version := range versions(m, exceptions) {
			if version == highest[path] {
				continue
			}
			if lower[path] == nil {
				lower[path] = map[string]string{}
			}
			lower[path][m.Dir] = version
		}
	}
	var all []Disagreement
	for path, dirs := range lower {
		all = append(all, Disagreement{Path: path, Highest: highest[path], Lower: dirs})
	}
	slices.SortFunc(all, func(a, b Disagreement) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// versions maps the path of each dependency of m that counts to its version.
func versions(m Module, exceptions []Exception) map[string]string {
	all := map[string]string{}
	for _, require := range m.File.Require {
		path := require.Mod.Path
		if !slices.ContainsFunc(exceptions, func(e Exception) bool { return e.covers(m.Dir, path) }) {
			all[path] = require.Mod.Version
		}
	}
	for _, replace := range m.File.Replace {
		if _, counts := all[replace.Old.Path]; !counts {
			continue
		}
		if replace.New.Path == replace.Old.Path {
			all[replace.Old.Path] = replace.New.Version
		} else {
			delete(all, replace.Old.Path) // a fork or a folder: other code, nothing to share
		}
	}
	return all
}

// Raise answers the arguments of go mod edit that bring the module in dir to
// the highest versions.
func Raise(dir string, disagreements []Disagreement) []string {
	var arguments []string
	for _, d := range disagreements {
		if _, lower := d.Lower[dir]; lower {
			arguments = append(arguments, fmt.Sprintf("-require=%s@%s", d.Path, d.Highest))
		}
	}
	return arguments
}
