package host

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/*.txt anew")

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// ordinary is a fresh Debian 12 with a user who may use sudo, before the first start.
func ordinary() Facts {
	home, state := "/home/ada", "/home/ada/blog/.cluster"
	return Facts{
		GOOS: "linux", GOARCH: "amd64",
		Distribution: Distribution{ID: "debian", Version: "12", Pretty: "Debian GNU/Linux 12 (bookworm)", Apt: true},
		User:         User{Name: "ada", Home: home, UID: 1000, Sudo: SudoAsks, HomeWritable: true},
		Go:           Go{Path: "/usr/local/go/bin/go", OnPath: true, Version: "1.26.8", Toolchain: "auto"},
		WantGo:       "1.26.8", Cores: 8, MemAvailable: 14 * GB, MemTotal: 16 * GB,
		Cgroup:   Cgroup{Version: "v2", Controllers: []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"}},
		Systemd:  true,
		Kernel:   Kernel{Release: "6.1.0-40-amd64", Known: true},
		Packages: Packages{Missing: []string{"mmdebstrap"}},
		State:    state, TempType: "ext4",
		Folders: []Folder{
			{Name: "state", Path: state, Need: 4 * GB, Free: 80 * GB, Device: 1, Type: "ext4"},
			{Name: "artifact cache", Path: home + "/.cache/blogplatform", Need: 3 * GB, Free: 80 * GB, Device: 1, Type: "ext4"},
			{Name: "Go's build cache", Path: home + "/.cache/go-build", Need: 13 * GB, Free: 80 * GB, Device: 1, Type: "ext4"},
			{Name: "Go's modules", Path: home + "/go/pkg/mod", Need: 7 * GB, Free: 80 * GB, Device: 1, Type: "ext4"},
		},
		Ports:     []Port{{Name: "the blog", Number: 8443, Variable: "HTTPS_PORT"}, {Name: "kubectl", Number: 6443, Variable: "API_PORT"}},
		Downloads: []Download{{Kind: GoModules, Host: "modules.example"}, {Kind: GoChecksums, Host: "sums.example"}, {Kind: DebianArchive, Host: "debian.example"}, {Kind: PythonIndex, Host: "python.example"}},
	}
}

// machines are whole machines, each with the worst verdict that its owner meets.
var machines = map[string]struct {
	differs func(*Facts)
	worst   Verdict
}{
	"debian12-sudo-user": {func(*Facts) {}, OK},
	"debian13-tmp-in-memory": {func(f *Facts) {
		f.Distribution.Version, f.Distribution.Pretty = "13", "Debian GNU/Linux 13 (trixie)"
		f.TempType, f.Go.Version, f.Kernel.Release = "tmpfs", "1.24.4", "6.12.48+deb13-amd64"
	}, OK},
	"ubuntu2404-with-docker": {func(f *Facts) {
		f.Distribution = Distribution{ID: "ubuntu", Version: "24.04", Pretty: "Ubuntu 24.04.3 LTS", Apt: true}
		f.Beside = []string{"docker-ce", "containerd.io", "kind"}
		f.Packages.Missing = []string{"mmdebstrap", "debian-archive-keyring"}
		f.Ports[1].Err, f.Ports[1].Holder = "in use", "docker-proxy (process 812)"
		f.Downloads[2] = Download{Kind: DebianArchive}
	}, Block},
	"fedora": {func(f *Facts) {
		f.Distribution = Distribution{ID: "fedora", Version: "42", Pretty: "Fedora Linux 42 (Workstation Edition)"}
		f.SELinux = true
	}, Block},
	"arm64": {func(f *Facts) { f.GOARCH = "arm64" }, Block},
	"root-without-systemd-on-cgroup-v1": {func(f *Facts) {
		f.User = User{Name: "root", Home: "/root", Sudo: SudoNotNeeded, HomeWritable: true}
		f.Cgroup, f.Systemd = Cgroup{Version: "v1", Controllers: []string{"cpuset", "cpu", "io", "memory", "devices", "pids"}}, false
		f.Kernel = Kernel{Release: "6.18.44"}
		f.Packages, f.Cores = Packages{}, 2
		f.Clusters = []Cluster{{State: f.State, PID: 77}, {State: "/home/dev/second checkout/.cluster", PID: 99}}
	}, Warn},
	"seven-gigabytes-in-wsl": {func(f *Facts) {
		f.Virtual, f.MemAvailable, f.MemTotal = "WSL2", 7*GB, 8*GB
		f.Distribution.Version, f.Distribution.Pretty = "", "Debian GNU/Linux forky/sid"
		f.Go.OnPath = false
		f.Kernel.Known, f.Kernel.Replaced = false, true
	}, Warn},
	"everything-blocked": {func(f *Facts) {
		f.User.Sudo, f.User.HomeWritable = SudoMissing, false
		f.Go = Go{}
		f.MemAvailable = 0
		f.Folders[0].Type, f.Folders[0].Device, f.Folders[0].Free = "overlay", 2, GB
		f.Folders[1].Denied, f.Folders[1].Existing, f.Folders[1].Owner = true, "/home/ada/.cache", "root"
		f.Ports[0].Err, f.Ports[1].Err = "in use", "listen tcp 127.0.0.1:6443: bind: permission denied"
		f.Cgroup.Controllers = []string{"cpu", "io", "pids"}
		f.Kernel.Missing = []string{"netfilter (nft_compat xt_nat)", "veth (veth)"}
		f.Packages.Broken = "The following packages are only half configured\n docker-ce"
		for i := range f.Downloads {
			f.Downloads[i].Err = "can't be reached: connection refused"
		}
	}, Block},
}

func TestTablesOfWholeMachines(t *testing.T) {
	for name, machine := range machines {
		t.Run(name, func(t *testing.T) {
			f := ordinary()
			machine.differs(&f)
			checks := Judge(f)
			worst := OK
			for _, check := range checks {
				worst = max(worst, check.Verdict)
			}
			if worst != machine.worst {
				t.Errorf("the worst verdict is %d, want %d", worst, machine.worst)
			}
			if blocked := Blocked(checks); (blocked != nil) != (machine.worst == Block) {
				t.Errorf("the error is %v", blocked)
			}
			var table strings.Builder
			Print(&table, checks, false)
			golden(t, name, table.String())
		})
	}
}

func TestColoursAreOnTheMarksOnly(t *testing.T) {
	var table strings.Builder
	Print(&table, []Check{{Name: "Go", Found: "1.26.8"}, {Name: "memory", Found: "7 GB", Verdict: Warn, Fix: "end something"}, {Name: "größe", Found: "none", Verdict: Block}}, true)
	want := "\x1b[32m✔\x1b[0m Go       1.26.8\n\x1b[33m‼\x1b[0m memory   7 GB\n          → end something\n\x1b[31m✖\x1b[0m größe    none\n"
	if diff := cmp.Diff(want, table.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSingleFacts changes one fact of an ordinary machine.
func TestSingleFacts(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*Facts)
		check   string
		verdict Verdict
		says    string
	}{
		"another distribution of Debian's family": {func(f *Facts) { f.Distribution.ID, f.Distribution.Pretty = "linuxmint", "Linux Mint 22" }, "distribution", Warn, "not tried"},
		"an os-release that says nothing":         {func(f *Facts) { f.Distribution = Distribution{Apt: true} }, "distribution", Warn, "not tried"},
		"Go is newer":                             {func(f *Facts) { f.Go.Version = "1.27.0" }, "Go", OK, ""},
		"Go is old and fetches":                   {func(f *Facts) { f.Go.Version = "1.21.0" }, "Go", OK, ""},
		"Go is old and may fetch by go env -w":    {func(f *Facts) { f.Go.Version, f.Go.Toolchain = "1.22.1", "go1.22.1+auto" }, "Go", OK, ""},
		"Go is too old to fetch":                  {func(f *Facts) { f.Go.Version = "1.19.8" }, "Go", Block, "too old"},
		"Go is old and may not fetch":             {func(f *Facts) { f.Go.Version, f.Go.Toolchain = "1.26.2", "local" }, "Go", Block, "GOTOOLCHAIN=auto"},
		"Go is fixed at an old version":           {func(f *Facts) { f.Go.Version, f.Go.Toolchain = "1.24.0", "go1.24.0" }, "Go", Block, "GOTOOLCHAIN=auto"},
		"Go of no known version":                  {func(f *Facts) { f.Go.Version = "devel" }, "Go", Block, "too old"},
		"Go outside PATH":                         {func(f *Facts) { f.Go.OnPath = false }, "Go", Warn, `export PATH="$PATH:/usr/local/go/bin"`},
		"a path with spaces":                      {func(f *Facts) { f.State = "/home/ada/my blog/.cluster" }, "state folder", OK, ""},
		"a path with a colon":                     {func(f *Facts) { f.State = "/home/ada/a:b/.cluster" }, "state folder", Block, "--state"},
		"a path as long as it may be":             {func(f *Facts) { f.State = "/" + strings.Repeat("a", 91-1) }, "state folder", OK, ""},
		"a path that is too long":                 {func(f *Facts) { f.State = "/" + strings.Repeat("a", 92-1) }, "state folder", Block, "108 characters, 107 are allowed"},
		"a home over the network":                 {func(f *Facts) { f.Folders[0].Type = "nfs" }, "state folder", Block, "--state"},
		"an encrypted home":                       {func(f *Facts) { f.Folders[0].Type = "ecryptfs" }, "state folder", Block, "--state"},
		"a state folder in memory":                {func(f *Facts) { f.Folders[0].Type = "tmpfs" }, "state folder", Warn, "--state"},
		"one file system is too full for all":     {func(f *Facts) { setFree(f, 26*GB) }, "disk", Block, "make space"},
		"one file system has just enough":         {func(f *Facts) { setFree(f, 27*GB) }, "disk", OK, ""},
		"no memory group":                         {func(f *Facts) { f.Cgroup.Controllers = []string{"cpu", "cpuset", "io", "pids"} }, "control groups", Block, "cgroup_enable=memory"},
		"no groups at all":                        {func(f *Facts) { f.Cgroup = Cgroup{} }, "control groups", Block, "mount -t cgroup2"},
		"sudo refuses":                            {func(f *Facts) { f.User.Sudo = SudoRefuses }, "user", Block, "usermod -aG sudo ada"},
		"a server answers late":                   {func(f *Facts) { f.Downloads[0].Err, f.Downloads[0].Late = "did not answer within 3s", true }, "Go module proxy", Warn, "HTTPS_PROXY"},
		"apt runs":                                {func(f *Facts) { f.Packages.LockedBy = 42 }, "packages", Warn, "waited"},
		"an interrupted installation is no matter when nothing is installed": {func(f *Facts) { f.Packages = Packages{Broken: "half"} }, "packages", OK, ""},
		"an interrupted installation":                                        {func(f *Facts) { f.Packages.Broken = "half" }, "packages", Block, "dpkg --configure -a"},
	} {
		t.Run(name, func(t *testing.T) {
			f := ordinary()
			test.change(&f)
			for _, check := range Judge(f) {
				if check.Name != test.check {
					continue
				}
				if check.Verdict != test.verdict || !strings.Contains(check.Fix, test.says) || (check.Fix == "") != (test.says == "") {
					t.Errorf("%+v, want verdict %d and a fix with %q", check, test.verdict, test.says)
				}
				return
			}
			t.Errorf("no check is named %q", test.check)
		})
	}
}

func setFree(f *Facts, free uint64) {
	for i := range f.Folders {
		f.Folders[i].Free = free
	}
}

func TestCompileJobsFitIntoMemory(t *testing.T) {
	for _, test := range []struct {
		cores  int
		memory uint64
		want   int
	}{{8, 64 * GB, 8}, {8, 7 * GB, 3}, {16, GB, 1}, {4, 0, 4}, {0, 0, 1}} {
		if got := (Facts{Cores: test.cores, MemAvailable: test.memory}).BuildParallelism(); got != test.want {
			t.Errorf("%d cores and %d bytes: %d jobs, want %d", test.cores, test.memory, got, test.want)
		}
	}
}

func TestWhatIsUnsupportedIsRefusedInOneSentence(t *testing.T) {
	for want, change := range map[string]func(*Facts){
		"needs Linux; this is darwin.":                                                                  func(f *Facts) { f.GOOS = "darwin" },
		"processor of type amd64; this is arm64.":                                                       func(f *Facts) { f.GOARCH = "arm64" },
		"needs Debian 12, 13 or Ubuntu 24.04; this is Fedora Linux 42.":                                 func(f *Facts) { f.Distribution = Distribution{Pretty: "Fedora Linux 42"} },
		"needs Debian 12, 13 or Ubuntu 24.04; this is an unknown Linux distribution. `make dev` runs t": func(f *Facts) { f.Distribution = Distribution{} },
	} {
		f := ordinary()
		change(&f)
		if err := Unsupported(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
	if err := Unsupported(ordinary()); err != nil {
		t.Error(err)
	}
}
