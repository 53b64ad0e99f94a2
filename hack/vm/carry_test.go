package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"blogplatform.io/operator/hack/build"
)

// programs puts shell scripts in front of the programs on PATH for the time of a test.
func programs(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// cached is a cache folder with the given artifacts.
func cached(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.Mkdir(filepath.Join(dir, name+"-0123456789abcdef"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWhatWasBuiltIsFoundInTheUsersCache(t *testing.T) {
	dir := cached(t, append(artifacts, "image-postgres", "node-exporter")...)
	copies, err := Artifacts(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(copies) != len(artifacts) {
		t.Errorf("carried is %v", copies)
	}
	for _, c := range copies {
		if c.To != "/home/dev/.cache/blogplatform/"+filepath.Base(c.From) || !c.User {
			t.Errorf("carried is %+v", c)
		}
	}
}

func TestWhatWasNotBuiltIsNamedBeforeAMachineStarts(t *testing.T) {
	_, err := Artifacts(cached(t, "controlplane", "node", "pause", "image-pause", "coredns", "image-coredns"))
	if err == nil || !strings.Contains(err.Error(), "root-node") || !strings.Contains(err.Error(), "make up TO=CoreDNS") {
		t.Errorf("the error is %v", err)
	}
}

func TestGosCachesHoldWhatTheCheckoutIsBuiltFrom(t *testing.T) {
	programs(t, map[string]string{"go": `case $1 in
list) echo example.org/library v1.0.0 ;;
env) echo /home/ada/go/pkg/mod ;;
build) echo "$GOPROXY $CGO_ENABLED $PWD" >"$GOMODCACHE.asked"; mkdir "$GOMODCACHE" "$GOCACHE" ;;
esac`})
	root := t.TempDir()
	cache := &build.Cache{Dir: t.TempDir(), Root: root, Log: func(string) {}}
	copies, err := GoCaches(t.Context(), cache)
	if err != nil {
		t.Fatal(err)
	}
	for i, to := range []string{"/home/dev/go/pkg/mod", "/home/dev/.cache/go-build"} {
		if info, err := os.Stat(copies[i].From); err != nil || !info.IsDir() || copies[i].To != to || !copies[i].User {
			t.Errorf("%+v: %v", copies[i], err)
		}
	}
	asked, err := os.ReadFile(copies[0].From + ".asked")
	if want := "file:///home/ada/go/pkg/mod/cache/download,off 0 " + root + "\n"; err != nil || string(asked) != want {
		t.Errorf("modules come from %q, %v, want %q", asked, err, want)
	}
}

func TestAnotherDependencyMakesOtherCaches(t *testing.T) {
	programs(t, map[string]string{"go": `cat list`})
	var keys []string
	for _, list := range []string{"example.org/library v1.0.0", "example.org/library v1.0.1"} {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "list"), []byte(list), 0o644); err != nil {
			t.Fatal(err)
		}
		key, err := dependencies(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(key))
	}
	if keys[0] == keys[1] {
		t.Errorf("both have the key %q", keys[0])
	}
}

func TestACheckoutThatDoesNotCompileSaysWhy(t *testing.T) {
	programs(t, map[string]string{"go": `echo 'undefined: x' >&2; exit 1`})
	_, err := GoCaches(t.Context(), &build.Cache{Dir: t.TempDir(), Root: t.TempDir(), Log: func(string) {}})
	if err == nil || !strings.Contains(err.Error(), "undefined: x") {
		t.Errorf("the error is %v", err)
	}
}

func TestGoLiesWherePeopleInstallIt(t *testing.T) {
	programs(t, map[string]string{"go": `echo /opt/go1.26`})
	if toolchain, err := Toolchain(t.Context()); err != nil || toolchain != (Copy{From: "/opt/go1.26", To: "/usr/local/go"}) {
		t.Errorf("%+v, %v", toolchain, err)
	}
}

func TestAMachineGetsTheCommitAndNotWhatWasNotCommitted(t *testing.T) {
	checkout := t.TempDir()
	for _, args := range [][]string{
		{"init", "--quiet"}, {"-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "--allow-empty", "-m", "x"},
	} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", checkout}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(checkout, "draft"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	clone, err := Clone(t.Context(), checkout, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(clone.From, "draft")); err == nil {
		t.Error("the draft is in the clone")
	}
	if _, err := os.Stat(filepath.Join(clone.From, ".git")); err != nil || clone.To != "/home/dev/blogplatform" {
		t.Errorf("%+v: %v", clone, err)
	}
}

func TestTheUsersFoldersBelongToTheUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	tree := t.TempDir()
	if err := carry(t.Context(), []Copy{{From: cached(t, "node"), To: "/home/dev/.cache/blogplatform", User: true}, {From: t.TempDir(), To: "/usr/local/go"}}, tree); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{"home/dev/.cache": 1000, "home/dev/.cache/blogplatform/node-0123456789abcdef": 1000, "usr/local/go": 0} {
		info, err := os.Stat(filepath.Join(tree, path))
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != want {
			t.Errorf("%s belongs to user %d, want %d", path, owner, want)
		}
	}
}
