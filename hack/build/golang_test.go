package build

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
