package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/timefactor"
)

const cgroupFS = "/sys/fs/cgroup"

// sliceUnit is the systemd unit that holds the scopes of all clusters, apart from the login sessions that started them: a log-out ends those.
const sliceUnit = "blogplatform.slice"

// id is the name of this cluster among those of this machine: of its control groups and its systemd scope.
func (s Settings) id() string {
	sum := sha256.Sum256([]byte(s.State))
	return "blogplatform-" + hex.EncodeToString(sum[:4])
}

// scope is the systemd unit that the node runs in where systemd manages control groups of version 2.
func (s Settings) scope() string { return s.id() + ".scope" }

// cgroupName names the group below which all pods of this cluster live, as the node sees it.
func (s Settings) cgroupName() string { return "/" + s.id() }

// inScope is true where systemd has to make the node's group: in version 2 only one may write to a group, and systemd owns the top.
func inScope(f host.Facts) bool { return f.Cgroup.Version == "v2" && f.Systemd }

// hostGroups are the control groups of the cluster as the host sees them: one in version 2, in version 1 one of each hierarchy below fs.
func (s Settings) hostGroups(f host.Facts, fs string) []string {
	switch {
	case inScope(f):
		return []string{filepath.Join(fs, sliceUnit, s.scope())}
	case f.Cgroup.Version == "v2":
		return []string{filepath.Join(fs, s.id())}
	}
	hierarchies, _ := filepath.Glob(filepath.Join(fs, "*")) // the pattern is well-formed
	var dirs []string
	for _, hierarchy := range hierarchies {
		if info, err := os.Lstat(hierarchy); err == nil && info.IsDir() {
			dirs = append(dirs, filepath.Join(hierarchy, s.id()))
		}
	}
	return dirs
}

// enterHostGroup moves this process to the group that becomes the root of the node's control group namespace.
// In version 1 there is no such namespace, and with systemd this process is in its scope already.
func (s Settings) enterHostGroup(ctx context.Context, f host.Facts) error {
	if f.Cgroup.Version != "v2" || inScope(f) {
		return nil
	}
	if err := enableControllers(ctx, cgroupFS); err != nil {
		return err
	}
	dir := s.hostGroups(f, cgroupFS)[0]
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return join(dir, "0")
}

// nodeGroups makes the control group of the pods, as the node sees it.
func (s Settings) nodeGroups(ctx context.Context, f host.Facts) error {
	if f.Cgroup.Version != "v2" {
		return makeGroups(s.hostGroups(f, cgroupFS))
	}
	if err := enableControllers(ctx, cgroupFS); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(cgroupFS, s.cgroupName()), 0o755)
}

// makeGroups makes groups of version 1. A cpuset takes no process before its processors and memory are set.
func makeGroups(dirs []string) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			inherited, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
			if err != nil {
				continue // not the cpuset hierarchy
			}
			if err := os.WriteFile(filepath.Join(dir, file), bytes.TrimSpace(inherited), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// podControllers are what kubelet and runc limit pods by. The kubelet wants those of them that the topmost group has in the pods' group, too
// (getSupportedUnifiedControllers in its cgroup_v2_manager_linux.go).
var podControllers = []string{"cpu", "cpuset", "hugetlb", "io", "memory", "pids"}

// enableControllers lets the groups below a group of version 2 have its controllers. Only the topmost group of a machine may hold processes
// and do so, see "no internal processes" in cgroups(7); of another one they move to the group init below it. Those of another PID
// namespace (the one that started the node) leave by themselves.
func enableControllers(ctx context.Context, dir string) error {
	content, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	present := strings.Fields(string(content))
	var enable []string
	for _, controller := range podControllers {
		if slices.Contains(present, controller) {
			enable = append(enable, "+"+controller)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timefactor.Scale(time.Minute))
	defer cancel()
	return kube.Poll(ctx, "processes to leave the control group "+dir, func(context.Context) (bool, error) {
		err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(strings.Join(enable, " ")), 0o644)
		if !errors.Is(err, syscall.EBUSY) {
			return err == nil, err
		}
		return false, moveProcesses(dir, filepath.Join(dir, "init"))
	})
}

// moveProcesses moves the processes of a group to another one.
func moveProcesses(from, to string) error {
	content, err := os.ReadFile(filepath.Join(from, "cgroup.procs"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, pid := range strings.Fields(string(content)) {
		const elsewhere = "0" // a process of another PID namespace
		if pid == elsewhere {
			continue
		}
		if err := join(to, pid); err != nil && !errors.Is(err, syscall.ESRCH) { // it may have ended
			return err
		}
	}
	return nil
}

// join moves a process to a group. PID 0 is the calling process.
func join(dir, pid string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(pid), 0o644)
}
