package host

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeGo fails where a real one would fetch a toolchain.
const fakeGo = `case "$1" in
version) [ "$GOTOOLCHAIN" = local ] || exit 1; echo "go version go1.24.4 linux/amd64";;
env) echo '{"GOTOOLCHAIN": "auto", "GOPROXY": "https://modules.example,direct", "GOSUMDB": "off", "GOCACHE": "/c", "GOMODCACHE": "/m", "GOFLAGS": ""}';;
esac`

func TestGoInPath(t *testing.T) {
	dir := programs(t, map[string]string{"go": fakeGo})
	want := Go{Path: filepath.Join(dir, "go"), OnPath: true, Version: "1.24.4", Toolchain: "auto", Proxy: "https://modules.example,direct", SumDB: "off", BuildCache: "/c", ModuleCache: "/m"}
	if diff := cmp.Diff(want, observeGo(t.Context(), machine(t.TempDir()), t.TempDir())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Sudo's secure_path, cron and desktops lack the folder.
func TestGoOutsidePath(t *testing.T) {
	for _, test := range []struct{ below, path string }{
		{"/", "usr/local/go/bin/go"}, {"home", "sdk/go1.26.8/bin/go"}, {"home", "go/bin/go"}, {"/", "snap/bin/go"}, {"/", "usr/lib/go-1.24/bin/go"},
	} {
		t.Run(test.path, func(t *testing.T) {
			programs(t, nil)
			root, home := t.TempDir(), filepath.Join(t.TempDir(), "home of ada")
			path := filepath.Join(map[string]string{"/": root, "home": home}[test.below], test.path)
			write(t, path, "#!/bin/sh\n"+fakeGo+"\n", 0o755)
			got := observeGo(t.Context(), machine(root), home)
			if got.Path != path || got.OnPath || got.Version != "1.24.4" || got.Toolchain != "auto" {
				t.Errorf("%+v, want %s", got, path)
			}
		})
	}
}

func TestNoGo(t *testing.T) {
	programs(t, nil)
	if got := observeGo(t.Context(), machine(t.TempDir()), t.TempDir()); got != (Go{}) {
		t.Errorf("%+v", got)
	}
}

func TestABrokenGoHasNoVersion(t *testing.T) {
	dir := programs(t, map[string]string{"go": "echo 'cannot execute' >&2; exit 126"})
	if got := observeGo(t.Context(), machine(t.TempDir()), ""); got != (Go{Path: filepath.Join(dir, "go"), OnPath: true}) {
		t.Errorf("%+v", got)
	}
	programs(t, map[string]string{"go": "echo rubbish"})
	if got := observeGo(t.Context(), machine(t.TempDir()), ""); got.Version != "" || got.Proxy != "" {
		t.Errorf("%+v", got)
	}
}
