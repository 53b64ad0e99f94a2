package build

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// module puts a Go module with one program into a checkout.
func module(t *testing.T, c *Cache, source string) Go {
	t.Helper()
	write(t, c.Root, "tool/go.mod", "module example.com/tool\n\ngo 1.26\n")
	write(t, c.Root, "tool/go.sum", "")
	write(t, c.Root, "tool/main.go", source)
	return Go{
		Name: "tool", Module: "tool", Sources: []string{"tool/main.go"}, Packages: map[string]string{"tool": "."},
		LDFlags: "-X main.version=v1.2.3",
	}
}

func TestAProgramIsBuiltStaticWithItsVersion(t *testing.T) {
	c := testCache(t)
	dir, err := module(t, c, "package main\n\nvar version string\n\nfunc main() { println(version) }\n").Build(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "tool")).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "v1.2.3" {
		t.Errorf("it says %q, %v", out, err)
	}
}

func TestAProgramWithOtherTagsIsAnotherProgram(t *testing.T) {
	c := testCache(t)
	program := module(t, c, "package main\n\nfunc main() { println(\"plain\") }\n")
	program.Sources = append(program.Sources, "tool/tagged.go")
	write(t, c.Root, "tool/tagged.go", "//go:build small\n\npackage main\n\nfunc init() { println(\"small\") }\n")
	for tags, want := range map[string]string{"": "plain", "small": "small\nplain"} {
		program.Tags = tags
		dir, err := program.Build(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "tool")).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("with tags %q it says %q, %v", tags, out, err)
		}
	}
}

func TestAProgramThatDoesNotCompileSaysWhy(t *testing.T) {
	c := testCache(t)
	_, err := module(t, c, "package main\n\nfunc main() { undefined() }\n").Build(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "building tool") || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("the error is %v", err)
	}
}

func TestAProgramWithoutItsSourcesSaysWhichIsMissing(t *testing.T) {
	c := testCache(t)
	program := module(t, c, "package main\n\nfunc main() {}\n")
	program.Sources = []string{"tool/other.go"}
	_, err := program.Build(t.Context(), c)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "tool/other.go") {
		t.Errorf("the error is %v", err)
	}
}

func TestTheTailOfALongOutputIsItsLastLines(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"shorter than asked for": {"a\nb\n", "a\nb"},
		"longer":                 {"a\nb\nc\nd\n", "b\nc\nd"},
		"empty":                  {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tail(test.text, 3); got != test.want {
				t.Errorf("it is %q, want %q", got, test.want)
			}
		})
	}
}

func TestAnotherReleaseOfTheSameSourcesIsBuiltByReplacingAFile(t *testing.T) {
	c := testCache(t)
	program := module(t, c, "package main\n\nvar version string\n\nfunc main() { println(\"sound\") }\n")
	if _, err := program.Build(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	faulty := program
	write(t, c.Root, "elsewhere.txt", "package main\n\nvar version string\n\nfunc main() { println(\"broken\") }\n")
	faulty.Replaced = map[string]string{"tool/main.go": filepath.Join(c.Root, "elsewhere.txt")}
	for _, test := range []struct {
		program Go
		want    string
	}{{faulty, "broken"}, {program, "sound"}} {
		dir, err := test.program.Build(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "tool")).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != test.want {
			t.Errorf("it says %q, %v, want %s", out, err, test.want)
		}
	}
}

// unseen is a program that Go's own cache does not hold.
func unseen() string { return "package main\n\nfunc main() { println(\"" + rand.Text() + "\") }\n" }

func TestABuildTellsWhatItCompilesAndWhatTimeItTook(t *testing.T) {
	c := testCache(t)
	var logged []string
	spent := map[string]time.Duration{}
	c.Log = func(line string) { logged = append(logged, line) }
	c.Spent = func(artifact string, processor time.Duration) { spent[artifact] += processor }
	c.Parallel = 1
	program := module(t, c, unseen())
	for range 2 { // the second one finds it in the cache
		if _, err := program.Build(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Contains(logged, "example.com/tool") {
		t.Errorf("logged %q, want the package", logged)
	}
	if len(spent) != 1 || spent["tool"] <= 0 {
		t.Errorf("the time is %v", spent)
	}
}

func TestAnInterruptedCompilationLeavesNothing(t *testing.T) {
	c := testCache(t)
	ctx, interrupt := context.WithCancel(t.Context())
	c.Log = func(string) { interrupt() } // while its first package is compiled
	_, err := module(t, c, unseen()).Build(ctx, c)
	if err == nil || ctx.Err() == nil {
		t.Fatalf("it was not interrupted: %v", err)
	}
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != ".lock-tool" {
		t.Errorf("the cache holds %v, want the lock only", entries)
	}
}

func TestTheSourceOfAModuleIsFound(t *testing.T) {
	c := testCache(t)
	write(t, c.Root, "tool/go.mod", "module example.com/tool\n\ngo 1.26\n\nrequire example.com/lib v1.0.0\n\nreplace example.com/lib v1.0.0 => ../lib\n")
	write(t, c.Root, "lib/go.mod", "module example.com/lib\n")
	lib := Module{Dir: "tool", Path: "example.com/lib"}
	if cached, err := lib.Cached(c); err != nil || !cached {
		t.Errorf("it is not there: %v", err)
	}
	if dir, err := lib.Build(t.Context(), c); err != nil || dir != filepath.Join(c.Root, "lib") {
		t.Errorf("it is in %q, %v", dir, err)
	}
	if err := c.Download(t.Context(), "tool"); err != nil {
		t.Error(err)
	}
	unknown := Module{Dir: "tool", Path: "example.com/unknown"}
	if cached, err := unknown.Cached(c); err != nil || cached {
		t.Errorf("one that cannot be found without a network is cached: %v, %v", cached, err)
	}
	if _, err := unknown.Build(t.Context(), c); err == nil || !strings.Contains(err.Error(), "example.com/unknown") {
		t.Errorf("the error is %v", err)
	}
}
