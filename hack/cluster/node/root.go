package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/host"
)

// Root is the root file system of the node: the container runtime, CNI plugins and what kubelet, kube-proxy and istio-cni call.
// The hosts file is the one that pods on the node's own network get.
var Root = build.DebianRoot{
	Name:      "node",
	Packages:  []string{"containerd", "runc", "containernetworking-plugins", "iptables", "iproute2", "ipset", "conntrack", "mount"},
	Customize: "echo '127.0.0.1 localhost' >/etc/hosts\nrm -f /etc/resolv.conf /etc/hostname\n",
}

// rootTar is a link to the tar file of Root.
func (s Settings) rootTar() string { return s.Path("root.tar") }

// rootDir is where that tar file is unpacked.
func (s Settings) rootDir() string { return s.Path("root") }

// unpackRoot fills rootDir. It has owners that only root can give.
func (s Settings) unpackRoot(ctx context.Context) error {
	if err := os.Mkdir(s.rootDir(), 0o755); err != nil {
		return fmt.Errorf("unpacking the node's root file system: %w", err)
	}
	return run(ctx, "tar", "--extract", "--numeric-owner", "--preserve-permissions", "--exclude=./dev/*", "--file", s.rootTar(), "--directory", s.rootDir())
}

// mount is one call of mount(2).
type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

// rootMounts are the mounts below the node's root, in their order. The state folder may lie below /tmp, and below the cache.
func (s Settings) rootMounts(f host.Facts) []mount {
	below := func(path string) string { return filepath.Join(s.rootDir(), path) }
	cgroups := mount{source: cgroupFS, target: below(cgroupFS), flags: unix.MS_BIND | unix.MS_REC}
	if f.Cgroup.Version == "v2" {
		cgroups = mount{source: "cgroup2", target: below(cgroupFS), kind: "cgroup2"} // shows the groups of this namespace only
	}
	return []mount{
		{source: s.rootDir(), target: s.rootDir(), flags: unix.MS_BIND}, // pivot_root(2) wants a mount
		{source: "proc", target: below("/proc"), kind: "proc"},
		{source: "sysfs", target: below("/sys"), kind: "sysfs"},
		cgroups,
		{source: "/dev", target: below("/dev"), flags: unix.MS_BIND | unix.MS_REC},
		{source: "tmpfs", target: below("/run"), kind: "tmpfs", data: "mode=755"},
		{source: "tmpfs", target: below("/tmp"), kind: "tmpfs", data: "mode=1777"},
		{source: s.Cache, target: below(s.Cache), flags: unix.MS_BIND},
		{target: below(s.Cache), flags: unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY},
		{source: s.State, target: below(s.State), flags: unix.MS_BIND},
	}
}

// enterRoot makes the unpacked root the one of this mount namespace. Of the host's mounts nothing stays visible.
func (s Settings) enterRoot(f host.Facts) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	for _, m := range s.rootMounts(f) {
		if err := m.do(); err != nil {
			return err
		}
	}
	if err := pivot(s.rootDir()); err != nil {
		return fmt.Errorf("changing to the root %s: %w", s.rootDir(), err)
	}
	// Volumes that the kubelet mounts must be seen by containers.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("making mounts shared within the namespace: %w", err)
	}
	return errors.Join(hideKernelSettings(), unix.Sethostname([]byte(Name)))
}

func (m mount) do() error {
	if err := os.MkdirAll(m.target, 0o755); err != nil {
		return fmt.Errorf("making a folder to mount %s at: %w", m.source, err)
	}
	if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
		return fmt.Errorf("mounting %s at %s: %w", m.source, m.target, err)
	}
	return nil
}

// pivot is the sequence that pivot_root(2) gives for pivot_root(".", "."): the old root comes to lie on the new one and is taken away.
func pivot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount", err)
	}
	return os.Chdir("/")
}

// kernelSettings are what the kubelet writes at its start (setupKernelTunables in its container_manager_linux.go).
// No namespace holds them: the host would keep them.
var kernelSettings = []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"}

// hideKernelSettings lays a file with the host's value over each of them.
func hideKernelSettings() error {
	for _, name := range kernelSettings {
		setting, cover := filepath.Join("/proc/sys", name), filepath.Join("/run/kernel-settings", name)
		value, err := os.ReadFile(setting)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the kubelet does not find it either
		}
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(cover), 0o755), os.WriteFile(cover, value, 0o644)); err != nil {
			return fmt.Errorf("covering %s: %w", setting, err)
		}
		if err := unix.Mount(cover, setting, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("covering %s: %w", setting, err)
		}
	}
	return nil
}
