package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func testCache(t *testing.T) *Cache {
	t.Helper()
	return &Cache{Dir: filepath.Join(t.TempDir(), "cache"), Root: t.TempDir(), Log: func(string) {}}
}

// write puts a file into a folder and answers its path.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnArtifactIsMadeOnceHoweverManyWantIt(t *testing.T) {
	c := testCache(t)
	var made atomic.Int32
	var wanting sync.WaitGroup
	for range 8 {
		wanting.Go(func() {
			dir, err := c.Path(t.Context(), "tool", []byte("inputs"), func(_ context.Context, dir string) error {
				made.Add(1)
				return os.WriteFile(filepath.Join(dir, "tool"), nil, 0o755)
			})
			if err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(dir, "tool")); err != nil {
				t.Error(err)
			}
		})
	}
	wanting.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times, want 1", made.Load())
	}
}

func TestOtherInputsAreAnotherArtifact(t *testing.T) {
	c := testCache(t)
	nothing := func(context.Context, string) error { return nil }
	one, err := c.Path(t.Context(), "tool", []byte("v1"), nothing)
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Path(t.Context(), "tool", []byte("v2"), nothing)
	if err != nil {
		t.Fatal(err)
	}
	if one == two {
		t.Errorf("both are %s", one)
	}
}

func TestAFailedBuildLeavesNothingAndIsDoneAgain(t *testing.T) {
	c := testCache(t)
	broken := errors.New("interrupted")
	_, err := c.Path(t.Context(), "tool", []byte("inputs"), func(_ context.Context, dir string) error {
		write(t, dir, "half", "of it")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("the error is %v, want the one of the build", err)
	}
	left, err := filepath.Glob(filepath.Join(c.Dir, "*tool*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || filepath.Base(left[0]) != ".lock-tool" {
		t.Errorf("the cache holds %v, want the lock only", left)
	}
	dir, err := c.Path(t.Context(), "tool", []byte("inputs"), func(context.Context, string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "half")); err == nil {
		t.Error("the second build began with what the first one left")
	}
}

func TestAHashCoversNamesAndContentsOfFiles(t *testing.T) {
	hash := func(files map[string]string, paths ...string) string {
		root := t.TempDir()
		for name, content := range files {
			write(t, root, name, content)
		}
		sum, err := hashFiles(root, paths...)
		if err != nil {
			t.Fatal(err)
		}
		return string(sum)
	}
	base := hash(map[string]string{"go.mod": "module m", "src/a.go": "a"}, "go.mod", "src")
	for name, test := range map[string]struct {
		files map[string]string
		same  bool
	}{
		"the same in another checkout":     {map[string]string{"go.mod": "module m", "src/a.go": "a"}, true},
		"a file that is not an input":      {map[string]string{"go.mod": "module m", "src/a.go": "a", "README": "b"}, true},
		"a change of content":              {map[string]string{"go.mod": "module m", "src/a.go": "b"}, false},
		"a change of name":                 {map[string]string{"go.mod": "module m", "src/b.go": "a"}, false},
		"another file in a folder":         {map[string]string{"go.mod": "module m", "src/a.go": "a", "src/b.go": ""}, false},
		"content that moved between files": {map[string]string{"go.mod": "module ma", "src/a.go": ""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := hash(test.files, "go.mod", "src"); (got == base) != test.same {
				t.Errorf("same hash: %v, want %v", got == base, test.same)
			}
		})
	}
}

func TestACleanedCacheIsGone(t *testing.T) {
	c := testCache(t)
	if _, err := c.Path(t.Context(), "tool", nil, func(context.Context, string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := c.Clean(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", c.Dir, err)
	}
}
