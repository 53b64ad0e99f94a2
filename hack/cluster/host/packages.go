package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"blogplatform.io/operator/hack/privileged"
)

// installedStatus is the one status of a package that can be used, see dpkg-query(1).
const installedStatus = "install ok installed"

const fixDpkg = "sudo dpkg --configure -a"

// packageStatus answers the status of packages by name; one that dpkg never heard of is not in it. No names are all packages.
func packageStatus(ctx context.Context, names []string) map[string]string {
	out, _ := exec.CommandContext(ctx, "dpkg-query", append([]string{"--show", "--showformat=${Package}\t${Status}\n"}, names...)...).Output() // it fails if one is unknown
	status := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, state, found := strings.Cut(strings.TrimSpace(line), "\t")
		if found {
			status[name] = state
		}
	}
	return status
}

func missingPackages(ctx context.Context, names []string) []string {
	if len(names) == 0 {
		return nil
	}
	status := packageStatus(ctx, names)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return status[name] == installedStatus })
}

func (m machine) observePackages(ctx context.Context, names []string) Packages {
	return Packages{Missing: missingPackages(ctx, names), Broken: audit(ctx), LockedBy: m.lockedBy("var/lib/dpkg/lock-frontend")}
}

// audit is what dpkg finds half done.
func audit(ctx context.Context) string {
	out, _ := exec.CommandContext(ctx, "dpkg", "--audit").Output() // what it prints counts
	return strings.TrimSpace(string(out))
}

// lockedBy is the process that locks a file, by /proc/locks, which everybody may read (the file itself only root may open).
func (m machine) lockedBy(path string) int {
	info, err := os.Stat(m.path(path))
	if err != nil {
		return 0
	}
	inode := ":" + strconv.FormatUint(info.Sys().(*syscall.Stat_t).Ino, 10)
	for line := range strings.Lines(string(m.read("proc/locks"))) {
		// 1: POSIX ADVISORY WRITE 1234 08:01:567 0 EOF; a waiting one has "->" before POSIX
		fields := strings.Fields(line)
		if len(fields) > 5 && fields[1] != "->" && strings.HasSuffix(fields[5], inode) {
			pid, _ := strconv.Atoi(fields[4]) // -1 or unreadable is nobody
			return max(0, pid)
		}
	}
	return 0
}

// Install has root install the Debian packages that are missing. It answers
// which packages are new, those they depend on too, and appends them to the file record.
// log gets what happens, a line at a time. A source of packages that can't be
// read does not matter as long as the packages can be had. Nothing is ever removed.
func Install(ctx context.Context, root privileged.Executor, names []string, record string, log func(line string)) ([]string, error) {
	missing := missingPackages(ctx, names)
	if len(missing) == 0 {
		return nil, nil
	}
	if broken := audit(ctx); broken != "" {
		return nil, fmt.Errorf("an installation of packages was interrupted earlier; complete it (%s) and call again: %s", fixDpkg, firstLine(broken))
	}
	before, err := installed(ctx)
	if err != nil {
		return nil, err
	}
	log("apt-get update")
	updated := apt(ctx, root, "update", "-q")
	if ctx.Err() != nil {
		return nil, fmt.Errorf("updating the list of packages: %w", ctx.Err())
	}
	if updated != nil {
		log("some sources of packages can't be read: " + firstLine(updated.Error()))
	}
	log("installing " + strings.Join(missing, " "))
	err = apt(ctx, root, append([]string{"install", "-y", "-q", "--no-install-recommends", "--no-remove", "-o", "DPkg::Lock::Timeout=120"}, missing...)...)
	if err != nil {
		err = errors.Join(fmt.Errorf("installing %s: %w", strings.Join(missing, " "), err), updated)
	}
	after, listErr := installed(context.WithoutCancel(ctx))
	added := slices.Sorted(maps.Keys(after))
	added = slices.DeleteFunc(added, func(name string) bool { return before[name] })
	return added, errors.Join(err, listErr, appendRecord(record, added))
}

// installed is the set of all packages that are installed.
func installed(ctx context.Context) (map[string]bool, error) {
	set := map[string]bool{}
	for name, status := range packageStatus(ctx, nil) {
		if status == installedStatus {
			set[name] = true
		}
	}
	if len(set) == 0 {
		return nil, errors.New("dpkg-query lists no installed package; see what `dpkg-query --show` says")
	}
	return set, nil
}

// apt runs apt-get. When ctx is canceled it is sent SIGINT, upon which it ends
// after the dpkg that runs (SigINT in apt's apt-pkg/deb/dpkgpm.cc): dpkg is never killed.
func apt(ctx context.Context, root privileged.Executor, args ...string) error {
	result, err := root.Run(ctx, privileged.Command{
		Args: append([]string{"apt-get"}, args...), Interrupt: syscall.SIGINT,
		Env: append(privileged.Proxies(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "NEEDRESTART_SUSPEND=1"),
	})
	if err == nil {
		return nil
	}
	if said := complaints(result.Output); said != "" {
		return errors.Join(context.Cause(ctx), fmt.Errorf("apt-get %s failed: %s", args[0], said))
	}
	return err
}

// complaints are the lines of apt's output that say what went wrong.
func complaints(out []byte) string {
	var lines []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "E: ") || strings.HasPrefix(line, "Err:") || strings.HasPrefix(line, "dpkg: ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "; ")
}

func appendRecord(record string, added []string) error {
	if len(added) == 0 {
		return nil
	}
	known, err := InstalledPackages(record)
	if err != nil {
		return err
	}
	all := map[string]bool{}
	for _, name := range append(known, added...) {
		all[name] = true
	}
	if err := os.WriteFile(record, []byte(strings.Join(slices.Sorted(maps.Keys(all)), "\n")+"\n"), 0o644); err != nil {
		return fmt.Errorf("writing down which packages were installed: %w", err)
	}
	return nil
}

// InstalledPackages reads the file that Install appends to; without one there are none.
func InstalledPackages(record string) ([]string, error) {
	content, err := os.ReadFile(record)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading which packages were installed: %w", err)
	}
	return strings.Fields(string(content)), nil
}
