package host

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestAWholeMachineIsObserved(t *testing.T) {
	files := kernelFiles("")
	maps.Copy(files, map[string]string{
		"etc/os-release": "ID=debian\nVERSION_ID=12\n", "usr/bin/apt-get": "", "usr/bin/dpkg-query": "",
		"proc/meminfo": "MemTotal: 2097152 kB\nMemAvailable: 1048576 kB\n", "sys/fs/cgroup/cgroup.controllers": "cpu io",
		"run/systemd/system/x": "", "sys/fs/selinux/enforce": "1",
	})
	root, state := tree(t, files), filepath.Join(t.TempDir(), "my blog", ".cluster")
	dir := debian(t, "containerd\tinstall ok installed\n", nothing, nothing)
	write(t, filepath.Join(dir, "go"), "#!/bin/sh\n"+fakeGo+"\n", 0o755)
	write(t, filepath.Join(dir, "audit"), "half\n", 0o644)
	t.Setenv("PIP_INDEX_URL", answering(t, 200).URL)
	ports := []Port{{Name: "the blog", Number: 8443}}
	got := Observe(t.Context(), Wants{
		Root: root, GoVersion: "1.26.8\n", State: state, Folders: []Folder{{Name: "state", Path: state, Need: GB}}, BuildCacheNeed: 2 * GB, ModuleCacheNeed: 3 * GB,
		Ports: ports, Packages: []string{"mmdebstrap"}, States: []string{state}, Downloads: []Kind{PythonIndex},
	})
	want := Facts{
		GOOS: "linux", GOARCH: "amd64", Distribution: Distribution{ID: "debian", Version: "12", Pretty: "debian", Apt: true},
		Go:     Go{Path: filepath.Join(dir, "go"), OnPath: true, Version: "1.24.4", Toolchain: "auto", Proxy: "https://modules.example,direct", SumDB: "off", BuildCache: "/c", ModuleCache: "/m"},
		WantGo: "1.26.8", MemAvailable: GB, MemTotal: 2 * GB, Cgroup: Cgroup{Version: "v2", Controllers: []string{"cpu", "io"}}, Systemd: true, SELinux: true,
		Kernel: Kernel{Release: "6.1.0", Known: true}, Packages: Packages{Missing: []string{"mmdebstrap"}, Broken: "half"}, Beside: []string{"containerd"},
		Folders: []Folder{{Name: "state", Path: state, Need: GB}, {Name: "Go's build cache", Path: "/c", Need: 2 * GB}, {Name: "Go's modules", Path: "/m", Need: 3 * GB}},
		State:   state, Ports: ports,
	}
	// These are of the machine that the test runs on.
	ignored := cmp.Options{
		cmpopts.IgnoreFields(Facts{}, "User", "Cores", "TempType", "Downloads", "GOARCH"),
		cmpopts.IgnoreFields(Folder{}, "Free", "Device", "Type", "Denied", "Existing", "Owner"),
	}
	if diff := cmp.Diff(want, got, ignored); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got.Downloads) != 1 || got.Downloads[0].Host == "" || got.Downloads[0].Err != "" {
		t.Errorf("servers %+v", got.Downloads)
	}
	if got.Cores < 1 || got.User.Name == "" || got.Folders[0].Free == 0 {
		t.Errorf("%d cores, user %+v, folder %+v", got.Cores, got.User, got.Folders[0])
	}
}
