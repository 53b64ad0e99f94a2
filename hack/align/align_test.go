package align_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/align"
	"blogplatform.io/operator/hack/build"
)

// module is a module of the checkout whose go.mod says what follows its first lines.
func module(t *testing.T, dir, requirements string) align.Module {
	t.Helper()
	m, err := align.Parse(dir, []byte("module example.com/"+dir+"\n\ngo 1.26.0\n\n"+requirements))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAMaintainerIsToldWhichModulesAreBehind(t *testing.T) {
	got := align.Disagreements([]align.Module{
		module(t, "peer", "require example.com/yaml v1.2.0\nrequire example.com/net v0.9.0\n"),
		module(t, "product", "require example.com/yaml v1.10.0\nrequire example.com/net v0.9.0\n"),
		module(t, "tool", "require example.com/yaml v1.9.0 // indirect\n"),
	}, nil)
	want := []align.Disagreement{{
		Path: "example.com/yaml", Highest: "v1.10.0", Lower: map[string]string{"peer": "v1.2.0", "tool": "v1.9.0"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if got, want := got[0].String(), "example.com/yaml is at v1.10.0, but peer has v1.2.0, tool has v1.9.0"; got != want {
		t.Errorf("it reads %q, want %q", got, want)
	}
}

func TestAReleaseIsHigherThanWhatLedToIt(t *testing.T) {
	got := align.Disagreements([]align.Module{
		module(t, "peer", "require example.com/proto v1.36.12-0.20260120151049-f2248ac996af\n"),
		module(t, "product", "require example.com/proto v1.36.12\n"),
	}, nil)
	if len(got) != 1 || got[0].Highest != "v1.36.12" {
		t.Errorf("they disagree on %v", got)
	}
}

func TestADependencyOfOneModuleIsLeftAlone(t *testing.T) {
	got := align.Disagreements([]align.Module{
		module(t, "peer", "require example.com/one v1.0.0\n"), module(t, "product", "require example.com/two v1.0.0\n"),
	}, nil)
	if len(got) != 0 {
		t.Errorf("they disagree on %v", got)
	}
}

func TestAReplacedDependencyCountsWithItsReplacement(t *testing.T) {
	kubernetes := module(t, "kubernetes", "require example.com/api v0.0.0\nreplace example.com/api => example.com/api v0.37.2\n")
	if got := align.Disagreements([]align.Module{kubernetes, module(t, "product", "require example.com/api v0.37.2\n")}, nil); len(got) != 0 {
		t.Errorf("they disagree on %v", got)
	}
	if got := align.Disagreements([]align.Module{kubernetes, module(t, "product", "require example.com/api v0.36.0\n")}, nil); len(got) != 1 {
		t.Errorf("they disagree on %v", got)
	}
}

func TestAForkOrAFolderIsNotComparedWithTheOriginal(t *testing.T) {
	original := module(t, "product", "require example.com/sql v1.0.0\nrequire example.com/bot v1.0.0\n")
	replaced := module(t, "peer", "require example.com/sql v0.5.0\nrequire example.com/bot v0.5.0\nreplace example.com/sql => ./sql\nreplace example.com/bot => example.com/fork v0.1.0\n")
	if got := align.Disagreements([]align.Module{original, replaced}, nil); len(got) != 0 {
		t.Errorf("they disagree on %v", got)
	}
}

func TestAnExceptionHoldsForItsModuleAndPathOnly(t *testing.T) {
	modules := []align.Module{
		module(t, "peer", "require k8s.io/api v0.34.0\nrequire sigs.k8s.io/yaml v1.4.0\n"),
		module(t, "product", "require k8s.io/api v0.37.0\nrequire sigs.k8s.io/yaml v1.6.0\n"),
		module(t, "tool", "require k8s.io/api v0.36.0\n"),
	}
	got := align.Disagreements(modules, []align.Exception{{Dir: "peer", Path: "k8s.io/", Reason: "it does not compile"}})
	want := []align.Disagreement{
		{Path: "k8s.io/api", Highest: "v0.37.0", Lower: map[string]string{"tool": "v0.36.0"}},
		{Path: "sigs.k8s.io/yaml", Highest: "v1.6.0", Lower: map[string]string{"peer": "v1.4.0"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := align.Disagreements(modules, []align.Exception{{Dir: "peer", Path: "k8s.io"}}); len(got[0].Lower) != 2 {
		t.Errorf("the path of one module covers others: %v", got)
	}
}

func TestAVersionThatOnlyAnExceptionHasRaisesNobody(t *testing.T) {
	got := align.Disagreements([]align.Module{
		module(t, "peer", "require example.com/yaml v1.5.0\n"), module(t, "product", "require example.com/yaml v1.0.0\n"),
	}, []align.Exception{{Dir: "peer", Path: "example.com/yaml", Reason: "it needs what is new in 1.5"}})
	if len(got) != 0 {
		t.Errorf("they disagree on %v", got)
	}
}

func TestAModuleIsRaisedOnlyWhereItIsBehind(t *testing.T) {
	disagreements := []align.Disagreement{
		{Path: "example.com/net", Highest: "v0.61.0", Lower: map[string]string{"peer": "v0.57.0"}},
		{Path: "example.com/sys", Highest: "v0.49.0", Lower: map[string]string{"tool": "v0.47.0"}},
	}
	if diff := cmp.Diff([]string{"-require=example.com/net@v0.61.0"}, align.Raise("peer", disagreements)); diff != "" {
		t.Error(diff)
	}
	if got := align.Raise("product", disagreements); len(got) != 0 {
		t.Errorf("it is raised by %v", got)
	}
}

func TestRequirementsThatCannotBeReadAreNamed(t *testing.T) {
	if _, err := align.Parse("peer", []byte("require")); err == nil || !strings.Contains(err.Error(), "requirements of peer") {
		t.Errorf("the error is %v", err)
	}
	if _, err := align.Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "requirements of .") {
		t.Errorf("the error is %v", err)
	}
}

func TestVersionsAgree(t *testing.T) {
	modules, err := align.Load(checkout(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range align.Disagreements(modules, align.Exceptions) {
		t.Errorf("%s: what both compile is compiled twice. Run `go run ./hack/align/cmd`, or name an exception in hack/align/modules.go", d)
	}
}

func TestEveryExceptionIsNeededAndHasAReason(t *testing.T) {
	modules, err := align.Load(checkout(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range align.Exceptions {
		others := slices.Delete(slices.Clone(align.Exceptions), i, i+1)
		if len(align.Disagreements(modules, others)) == 0 {
			t.Errorf("%s agrees with the others on %s: remove the exception from hack/align/modules.go", e.Dir, e.Path)
		}
		if e.Reason == "" {
			t.Errorf("the exception of %s for %s has no reason", e.Dir, e.Path)
		}
	}
}

func TestEveryModuleOfTheCheckoutIsAlignedOrSaysWhyNot(t *testing.T) {
	root := checkout(t)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if entry.Name() != "go.mod" {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if !slices.Contains(align.Dirs, dir) && align.Apart[dir] == "" {
			t.Errorf("%s/go.mod is new: name its folder in hack/align/modules.go", dir)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range align.Apart {
		if _, err := os.Stat(filepath.Join(root, dir, "go.mod")); err != nil {
			t.Errorf("hack/align/modules.go names a module that is gone: %v", err)
		}
	}
}

func checkout(t *testing.T) string {
	t.Helper()
	root, err := build.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}
