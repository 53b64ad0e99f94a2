package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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

func TestTheCacheKnowsWhatItHolds(t *testing.T) {
	c := testCache(t)
	if c.Has("tool", []byte("v1")) {
		t.Error("an empty cache holds it")
	}
	if _, err := c.Path(t.Context(), "tool", []byte("v1"), func(context.Context, string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if !c.Has("tool", []byte("v1")) {
		t.Error("it is not held after it was made")
	}
	if c.Has("tool", []byte("v2")) {
		t.Error("it is held for inputs that it was not made of")
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

func TestWhoeverWantsWhatAnotherProcessBuildsIsToldWhichAndCanStopWaiting(t *testing.T) {
	c := testCache(t)
	if err := c.Make(); err != nil {
		t.Fatal(err)
	}
	// A lock belongs to an open file, so another open file of this process is as good as another process.
	file, err := os.OpenFile(filepath.Join(c.Dir, ".lock-tool"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ recorded, want string }{
		"another process":               {"1234", "waits for process 1234, which builds tool"},
		"a step of this process":        {strconv.Itoa(os.Getpid()), "waits for another step, which builds tool"},
		"a process that is not written": {"", "waits for another process, which builds tool"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file.Name(), []byte(test.recorded), 0o644); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			var logged []string
			c.Log = func(line string) { logged = append(logged, line); stop() }
			_, err := c.Path(ctx, "tool", nil, func(context.Context, string) error { t.Error("it was built"); return nil })
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), test.want[len("waits for "):]) {
				t.Errorf("the error is %v", err)
			}
			if len(logged) != 1 || logged[0] != test.want {
				t.Errorf("logged %q, want %q once", logged, test.want)
			}
		})
	}
}

func TestABuildThatWaitedBeginsOnceTheOtherHasEnded(t *testing.T) {
	c := testCache(t)
	waits := make(chan struct{})
	var once sync.Once
	waiter := *c
	waiter.Log = func(string) { once.Do(func() { close(waits) }) }
	var waiting sync.WaitGroup
	_, err := c.Path(t.Context(), "tool", []byte("v1"), func(context.Context, string) error {
		waiting.Go(func() {
			if _, err := waiter.Path(t.Context(), "tool", []byte("v2"), func(context.Context, string) error { return nil }); err != nil {
				t.Error(err)
			}
		})
		<-waits
		return nil
	})
	waiting.Wait()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatAKilledBuildLeftIsRemovedByTheNextOne(t *testing.T) {
	c := testCache(t)
	left := write(t, filepath.Join(c.Dir, ".building-tool", "artifact"), "half", "of it")
	other := write(t, filepath.Join(c.Dir, ".building-tool-chain", "artifact"), "half", "of another one")
	dir, err := c.Path(t.Context(), "tool", nil, func(_ context.Context, dir string) error {
		write(t, temporary(dir), "scratch", "")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("the artifact holds %v, %v", entries, err)
	}
	if _, err := os.Stat(filepath.Dir(filepath.Dir(left))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", left, err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("an artifact of another name lost its files: %v", err)
	}
}

func TestWhatIsMissingIsKnownWithoutABuild(t *testing.T) {
	c := testCache(t)
	program := module(t, c, "package main\n\nfunc main() {}\n")
	for _, artifact := range []Artifact{program, DebianRoot{Name: "root"}, Wheel{Name: "envoy", Member: "envoy/envoy"}} {
		if cached, err := artifact.Cached(c); err != nil || cached {
			t.Errorf("%s is cached before it was built: %v", artifact.ArtifactName(), err)
		}
	}
	if entries, err := os.ReadDir(c.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the question left %v, %v", entries, err)
	}
	if _, err := program.Build(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if cached, err := program.Cached(c); err != nil || !cached {
		t.Errorf("it is not cached after it was built: %v", err)
	}
	write(t, c.Root, "tool/main.go", "package main\n\nfunc main() { println() }\n")
	if cached, err := program.Cached(c); err != nil || cached {
		t.Errorf("it is cached after its source changed: %v", err)
	}
}
