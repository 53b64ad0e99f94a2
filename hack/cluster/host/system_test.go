package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestADistributionIsReadFromOsRelease(t *testing.T) {
	apt := map[string]string{"usr/bin/apt-get": "", "usr/bin/dpkg-query": ""}
	for name, test := range map[string]struct {
		file, content string
		want          Distribution
	}{
		"Debian": {"etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n",
			Distribution{ID: "debian", Version: "12", Pretty: "Debian GNU/Linux 12 (bookworm)", Apt: true}},
		"a derivative": {"etc/os-release", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID='22'\nNAME='Linux Mint'",
			Distribution{ID: "linuxmint", Version: "22", Pretty: "Linux Mint", Apt: true}},
		"only below /usr/lib": {"usr/lib/os-release", "ID=debian\nVERSION_ID=13\n", Distribution{ID: "debian", Version: "13", Pretty: "debian", Apt: true}},
		"escapes, comments and lines that are no assignments": {"etc/os-release", "# ID=no\nnonsense\n\n=\n\"\nID=x\nPRETTY_NAME=\"a \\\"b\\\" \\$5 \\\\\"\nVERSION_ID=\"\n",
			Distribution{ID: "x", Version: `"`, Pretty: `a "b" $5 \`, Apt: true}},
		"binary rubbish": {"etc/os-release", "\x00\xff\x00", Distribution{Apt: true}},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, apt)
			write(t, filepath.Join(root, test.file), test.content, 0o644)
			if diff := cmp.Diff(test.want, Identify(root).Distribution); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if err := Unsupported(Identify(tree(t, map[string]string{"etc/os-release": "NAME=Fedora\n"}))); err == nil || !strings.Contains(err.Error(), "this is Fedora.") {
		t.Errorf("without apt the error is %v", err)
	}
}

func TestControlGroupsOfEachVersion(t *testing.T) {
	v1 := "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t9\t1\nblkio\t4\t9\t1\nmemory\t0\t9\t0\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  Cgroup
	}{
		"v2":                       {map[string]string{"sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n"}, Cgroup{Version: "v2", Controllers: []string{"cpuset", "cpu", "io", "memory", "pids"}}},
		"v1 with a disabled group": {map[string]string{"proc/cgroups": v1, "sys/fs/cgroup/cpu/tasks": ""}, Cgroup{Version: "v1", Controllers: []string{"cpuset", "io"}}},
		"hybrid":                   {map[string]string{"proc/cgroups": v1, "sys/fs/cgroup/unified/cgroup.controllers": ""}, Cgroup{Version: "hybrid", Controllers: []string{"cpuset", "io"}}},
		"not mounted":              {map[string]string{"proc/cgroups": v1}, Cgroup{Controllers: []string{"cpuset", "io"}}},
	} {
		if diff := cmp.Diff(test.want, machine(tree(t, test.files)).cgroup()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestV2WithoutCpusetBlocks(t *testing.T) {
	f := ordinary()
	f.Cgroup = machine(tree(t, map[string]string{"sys/fs/cgroup/cgroup.controllers": "cpu io memory pids"})).cgroup()
	check := judgeCgroup(f)[0]
	if check.Verdict != Block || !strings.HasSuffix(check.Found, "without cpuset") {
		t.Errorf("%+v", check)
	}
}

func TestContainersAndWSLAreTold(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"":       {"proc/version": "Linux version 6.1.0 (debian-kernel@lists.debian.org)"},
		"WSL2":   {"proc/version": "Linux version 5.15.167.4-microsoft-standard-WSL2", "run/systemd/container": "wsl\n"},
		"lxc":    {"run/systemd/container": "lxc\n"},
		"docker": {".dockerenv": ""},
		"podman": {"run/.containerenv": ""},
	} {
		if got := machine(tree(t, files)).virtual(); got != want {
			t.Errorf("%v is %q, want %q", files, got, want)
		}
	}
}

// kernelFiles are those of a distribution's kernel: some features built in, most of them compressed modules.
func kernelFiles(without string) map[string]string {
	var modules strings.Builder
	for _, needed := range neededModules {
		for _, name := range needed.modules {
			if name != without && name != "overlay" && name != "veth" {
				fmt.Fprintf(&modules, "kernel/net/%s.ko.xz: kernel/net/x.ko.xz\n", strings.ReplaceAll(name, "_", "-"))
			}
		}
	}
	return map[string]string{
		"proc/sys/kernel/osrelease": "6.1.0\n", "proc/filesystems": "nodev\toverlay\n\text4\n",
		"lib/modules/6.1.0/modules.builtin": "kernel/drivers/net/veth.ko\n", "lib/modules/6.1.0/modules.dep": modules.String(),
	}
}

func TestWhatTheKernelCanDo(t *testing.T) {
	if diff := cmp.Diff(Kernel{Release: "6.1.0", Known: true}, machine(tree(t, kernelFiles(""))).kernel()); diff != "" {
		t.Errorf("complete (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Kernel{Release: "6.1.0", Known: true, Missing: []string{"netfilter (nft_compat)"}}, machine(tree(t, kernelFiles("nft_compat"))).kernel()); diff != "" {
		t.Errorf("without nft_compat (-want +got):\n%s", diff)
	}
	updated := kernelFiles("")
	updated["proc/sys/kernel/osrelease"] = "6.0.9\n"
	if diff := cmp.Diff(Kernel{Release: "6.0.9", Replaced: true}, machine(tree(t, updated)).kernel()); diff != "" {
		t.Errorf("after an update without a restart (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Kernel{Release: "6.1.0"}, machine(tree(t, map[string]string{"proc/sys/kernel/osrelease": "6.1.0"})).kernel()); diff != "" {
		t.Errorf("without modules (-want +got):\n%s", diff)
	}
}

func TestMemoryIsReadInBytes(t *testing.T) {
	available, total := machine(tree(t, map[string]string{"proc/meminfo": "MemTotal:       16384 kB\nMemFree: 1 kB\nrubbish\nMemAvailable:    8192 kB\n"})).memory()
	if available != 8<<20 || total != 16<<20 {
		t.Errorf("%d of %d bytes", available, total)
	}
}

func TestAClusterRunsIfItsInitHasTheRecordedStartTime(t *testing.T) {
	self := machine("").startTime(os.Getpid())
	if self == "" {
		t.Fatal("the start time of this process is unknown")
	}
	runs, ended, other, rubbish := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(runs, "init.pid"), fmt.Sprintf("%d %s\n", os.Getpid(), self), 0o644)
	write(t, filepath.Join(ended, "init.pid"), "999999999 1\n", 0o644)
	write(t, filepath.Join(other, "init.pid"), fmt.Sprintf("%d 1\n", os.Getpid()), 0o644)
	write(t, filepath.Join(rubbish, "init.pid"), "x y z", 0o644)
	got := machine("").clusters([]string{runs, ended, other, rubbish, filepath.Join(rubbish, "none")})
	if diff := cmp.Diff([]Cluster{{State: runs, PID: os.Getpid()}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAProcessNameMayHoldParentheses(t *testing.T) {
	fields := "S" + strings.Repeat(" 0", 18) + " 4711 0 0"
	root := tree(t, map[string]string{"proc/5/stat": "5 (a) b (c) " + fields, "proc/6/stat": "6 (z) Z" + strings.Repeat(" 1", 30)})
	if got := machine(root).startTime(5); got != "4711" {
		t.Errorf("the start time is %q", got)
	}
	if got := machine(root).startTime(6); got != "" {
		t.Errorf("a zombie runs since %q", got)
	}
}
