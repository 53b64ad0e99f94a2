package host

import (
	"cmp"
	"fmt"
	"go/version"
	"path/filepath"
	"slices"
	"strings"
)

// Judge decides about the facts, in the order in which they are shown.
func Judge(f Facts) []Check {
	var checks []Check
	for _, judge := range []func(Facts) []Check{
		judgeSystem, judgeUser, judgeGo, judgeMemory, judgeState, judgeFolders, judgePorts, judgeCgroup, judgeKernel, judgePackages, judgeBeside, judgeClusters, judgeDownloads,
	} {
		checks = append(checks, judge(f)...)
	}
	return checks
}

func judgeGo(f Facts) []Check {
	g := f.Go
	check := Check{Name: "Go", Found: g.Version}
	installed, wanted := "go"+g.Version, "go"+f.WantGo
	switch {
	case g.Path == "":
		check.Found, check.Verdict, check.Fix = "not found", Block, "install Go "+f.WantGo+" or newer (go.dev/dl) and put its bin folder into PATH"
	case !version.IsValid(installed) || version.Compare(installed, "go1.21") < 0:
		check.Verdict, check.Fix = Block, g.Path+" is too old to fetch a newer one: install Go "+f.WantGo+" or newer (go.dev/dl)"
	case version.Compare(installed, wanted) >= 0:
	case !fetches(g.Toolchain, wanted):
		check.Verdict, check.Fix = Block, fmt.Sprintf("%s or newer is needed and GOTOOLCHAIN=%s forbids to fetch it: go env -w GOTOOLCHAIN=auto", f.WantGo, g.Toolchain)
	default:
		check.Found += ", which fetches " + f.WantGo
	}
	if g.Path != "" && !g.OnPath && check.Verdict == OK {
		check.Found += ", not in PATH"
		check.Verdict, check.Fix = Warn, fmt.Sprintf("%s is used; for your own commands: export PATH=\"$PATH:%s\"", g.Path, filepath.Dir(g.Path))
	}
	return []Check{check}
}

// fetches is true where a GOTOOLCHAIN lets go run the wanted version, see "go help toolchain".
func fetches(toolchain, wanted string) bool {
	fixed, way, _ := strings.Cut(toolchain, "+")
	return toolchain == "" || toolchain == "auto" || way == "auto" || version.IsValid(fixed) && version.Compare(fixed, wanted) >= 0
}

// memoryWanted is what builds and a cluster with two platforms need together, with some air.
const memoryWanted = 10 * GB

func judgeMemory(f Facts) []Check {
	if f.MemAvailable == 0 {
		return []Check{{Name: "memory", Found: "unknown"}}
	}
	check := Check{Name: "memory", Found: fmt.Sprintf("%s of %s available, %d cores", size(f.MemAvailable), size(f.MemTotal), f.Cores)}
	if f.MemAvailable < memoryWanted {
		check.Verdict = Warn
		check.Fix = fmt.Sprintf("under %s it may end for lack of memory: end other programs; %d packages are compiled at a time", size(memoryWanted), f.BuildParallelism())
	}
	return []Check{check}
}

// overlayRefuses are file systems that overlayfs can't write to (Documentation/filesystems/overlayfs.rst of the kernel).
var overlayRefuses = []string{"overlay", "nfs", "cifs", "ecryptfs", "fuse", "vfat", "9p"}

func judgeState(f Facts) []Check {
	const limit = 107 // sun_path of unix(7), without the final zero
	check := Check{Name: "state folder", Found: f.State}
	socket := filepath.Join(f.State, "containerd.sock")
	kind := ""
	for _, folder := range f.Folders {
		if folder.Path == f.State {
			kind = folder.Type
			check.Found += " (" + kind + ")"
		}
	}
	const other = "choose another: --state /var/tmp/blogplatform"
	switch {
	case len(socket) > limit:
		check.Verdict, check.Fix = Block, fmt.Sprintf("the path of a socket in it has %d characters, %d are allowed; %s", len(socket), limit, other)
	case strings.ContainsAny(f.State, ":,\n"):
		check.Verdict, check.Fix = Block, "its path holds a character that separates options of overlayfs (: or ,); "+other
	case slices.Contains(overlayRefuses, kind):
		check.Verdict, check.Fix = Block, "containers can't be kept on "+kind+", overlayfs refuses it; "+other
	case kind == "tmpfs":
		check.Verdict, check.Fix = Warn, "it takes memory; "+other
	}
	return []Check{check}
}

// judgeFolders adds up what the folders of each file system need.
func judgeFolders(f Facts) []Check {
	var checks []Check
	var devices []uint64
	for _, folder := range f.Folders {
		if folder.Denied {
			checks = append(checks, Check{
				Name: folder.Name, Found: fmt.Sprintf("%s belongs to %s", folder.Existing, folder.Owner), Verdict: Block,
				Fix: fmt.Sprintf("sudo chown -R %s '%s'", f.User.Name, folder.Existing),
			})
		}
		if !slices.Contains(devices, folder.Device) {
			devices = append(devices, folder.Device)
		}
	}
	for _, device := range devices {
		checks = append(checks, judgeDisk(f, device)...)
	}
	if f.TempType == "tmpfs" {
		checks = append(checks, Check{Name: "temporary files", Found: "in memory (tmpfs); builds use a folder in the artifact cache instead"})
	}
	return checks
}

func judgeDisk(f Facts, device uint64) []Check {
	var names []string
	var need, free uint64
	for _, folder := range f.Folders {
		if folder.Device == device && folder.Need > 0 {
			names, need, free = append(names, folder.Name), need+folder.Need, folder.Free
		}
	}
	if need == 0 {
		return nil
	}
	check := Check{Name: "disk", Found: fmt.Sprintf("%s free, %s needed for: %s", size(free), size(need), strings.Join(names, ", "))}
	if free < need {
		check.Verdict, check.Fix = Block, "make space, or move a folder: --state, XDG_CACHE_HOME, go env -w GOCACHE=… GOMODCACHE=…"
	}
	return []Check{check}
}

func judgePorts(f Facts) []Check {
	var checks []Check
	for _, port := range f.Ports {
		check := Check{Name: fmt.Sprintf("port %d", port.Number), Found: "free, for " + port.Name}
		if port.Err != "" {
			check.Found, check.Verdict = port.Err, Block
			if port.Holder != "" {
				check.Found = "in use by " + port.Holder
			}
			check.Fix = fmt.Sprintf("end what uses it, or: %s=%d make up", port.Variable, port.Number+1000)
		}
		checks = append(checks, check)
	}
	return checks
}

// neededControllers are those that the kubelet demands; hugetlb too where the kernel has it.
var neededControllers = []string{"cpu", "cpuset", "io", "memory", "pids"}

func judgeCgroup(f Facts) []Check {
	manager := map[bool]string{true: "systemd", false: "no systemd"}[f.Systemd]
	check := Check{Name: "control groups", Found: f.Cgroup.Version + ", " + manager}
	var missing []string
	for _, name := range neededControllers {
		if !slices.Contains(f.Cgroup.Controllers, name) {
			missing = append(missing, name)
		}
	}
	switch {
	case f.Cgroup.Version == "":
		check.Found, check.Verdict, check.Fix = "not mounted", Block, "mount -t cgroup2 none /sys/fs/cgroup"
	case len(missing) > 0:
		check.Found += ", without " + strings.Join(missing, ", ")
		check.Verdict, check.Fix = Block, "remove cgroup_disable= from the kernel's command line (memory may need cgroup_enable=memory); in a container: --cgroupns=host --privileged"
	}
	return []Check{check}
}

func judgeKernel(f Facts) []Check {
	check := Check{Name: "kernel", Found: cmp.Or(f.Kernel.Release, "unknown")}
	switch {
	case f.Kernel.Replaced:
		check.Verdict, check.Fix = Warn, "its modules were replaced by those of another kernel: restart the machine if the node does not start"
	case !f.Kernel.Known:
		check.Found += ", its modules are unknown: it will be seen when the node starts"
	case len(f.Kernel.Missing) > 0:
		check.Found += " without " + strings.Join(f.Kernel.Missing, ", ")
		check.Verdict, check.Fix = Block, "use the distribution's own kernel (linux-image-amd64 on Debian, linux-image-generic on Ubuntu)"
	default:
		check.Found += " has overlay, netfilter, ipset and veth"
	}
	return []Check{check}
}

func judgePackages(f Facts) []Check {
	p := f.Packages
	check := Check{Name: "packages", Found: "all there"}
	if len(p.Missing) > 0 {
		check.Found = strings.Join(p.Missing, ", ") + " will be installed"
	}
	switch {
	case p.Broken != "" && len(p.Missing) > 0:
		check.Found = "an installation was interrupted: " + firstLine(p.Broken)
		check.Verdict, check.Fix = Block, fixDpkg
	case p.LockedBy != 0 && len(p.Missing) > 0:
		check.Found = fmt.Sprintf("process %d is installing packages", p.LockedBy)
		check.Verdict, check.Fix = Warn, "up to 2 minutes are waited for its end"
	}
	return []Check{check}
}

func judgeBeside(f Facts) []Check {
	if len(f.Beside) == 0 {
		return nil
	}
	return []Check{{Name: "also here", Found: strings.Join(f.Beside, ", ") + ": found, not touched"}}
}

func judgeClusters(f Facts) []Check {
	var checks []Check
	for _, cluster := range f.Clusters {
		check := Check{Name: "other cluster", Found: fmt.Sprintf("%s (process %d)", cluster.State, cluster.PID), Verdict: Warn, Fix: fmt.Sprintf("two need twice the memory; to end it: bin/cluster down --state '%s'", cluster.State)}
		if cluster.State == f.State {
			check = Check{Name: "cluster", Found: fmt.Sprintf("runs (process %d); what is missing is added", cluster.PID)}
		}
		checks = append(checks, check)
	}
	return checks
}

func judgeDownloads(f Facts) []Check {
	var checks []Check
	for _, download := range f.Downloads {
		check := Check{Name: string(download.Kind), Found: download.Host + " answers"}
		if download.Host == "" {
			check.Found = "no address found in your settings: it will be seen when it is needed"
		}
		if download.Err != "" {
			check.Found, check.Verdict = strings.TrimSpace(download.Host+" "+download.Err), Block
			if download.Late {
				check.Verdict = Warn
			}
			check.Fix = map[Kind]string{
				GoModules: "set HTTPS_PROXY, or another proxy for modules: go env -w GOPROXY=…", GoChecksums: "set HTTPS_PROXY, or another database: go env -w GOSUMDB=…",
				DebianArchive: "set http_proxy, or another archive in /etc/apt/sources.list", PythonIndex: "set HTTPS_PROXY, or another index: pip config set global.index-url …",
			}[download.Kind]
		}
		checks = append(checks, check)
	}
	return checks
}

func size(bytes uint64) string { return fmt.Sprintf("%.1f GB", float64(bytes)/GB) }

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
