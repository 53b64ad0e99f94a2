package vm

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"blogplatform.io/operator/hack/build"
)

// Checks are the names of the checks that check.sh makes, in their order.
var Checks = []string{"control groups", "kernel modules", "ordinary user", "preflight", "node and DNS", "make down", "nothing left"}

//go:embed check.sh
var checkScript string

const unit = `[Unit]
Description=Checks of the virtual machine
After=systemd-user-sessions.service dbus.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/vm-check
[Install]
WantedBy=multi-user.target
`

// customize makes an ordinary user out of a minimal Debian: with sudo, and with Go on its own PATH only.
const customize = `useradd --create-home --shell /bin/bash dev
echo 'dev ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/dev
chmod 440 /etc/sudoers.d/dev
echo 'PATH=$PATH:/usr/local/go/bin' >>/home/dev/.profile
echo 'export GOPROXY=off GOTOOLCHAIN=local BLOGPLATFORM_TIME_FACTOR=10' >>/home/dev/.profile
echo vm >/etc/hostname
echo '127.0.0.1 localhost vm' >/etc/hosts
`

// Root is the file system of a machine with the given suite of Debian: systemd, the distribution's kernel, and what its users install
// before they try this project.
func Root(suite string) build.DebianRoot {
	return build.DebianRoot{
		Name: "vm-" + suite, Suite: suite, Customize: customize,
		Packages: []string{
			"systemd", "systemd-sysv", "dbus", "sudo", "linux-image-cloud-amd64", "kmod", "iproute2", "procps",
			"make", "git", "ca-certificates", "mmdebstrap", "debian-archive-keyring",
		},
	}
}

// Copy is a folder that is carried into a machine.
type Copy struct {
	// From is a folder of this machine, To its path in the virtual one.
	From, To string
	// User says that it belongs to the machine's ordinary user, not to root.
	User bool
}

// diskSize is that of a machine's disk. The file is sparse.
const diskSize = "24G"

// Assemble unpacks a root file system (the path of a tar file) below the folder dir, adds the check and the copies, and makes a disk of it.
// It needs root.
func Assemble(ctx context.Context, root, dir string, copies []Copy) (Machine, error) {
	tree := filepath.Join(dir, "root")
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return Machine{}, err
	}
	if err := run(ctx, "tar", "--extract", "--preserve-permissions", "--exclude=./dev/*", "--file", root, "--directory", tree); err != nil {
		return Machine{}, err
	}
	if err := carry(ctx, copies, tree); err != nil {
		return Machine{}, err
	}
	if err := install(tree); err != nil {
		return Machine{}, err
	}
	machine := Machine{Image: filepath.Join(dir, "disk.img"), Processors: 2, Memory: 6144}
	for name, target := range map[string]*string{"vmlinuz-*": &machine.Kernel, "initrd.img-*": &machine.Initrd} {
		found, err := filepath.Glob(filepath.Join(tree, "boot", name))
		if err != nil || len(found) != 1 {
			return Machine{}, fmt.Errorf("the root file system has %d files /boot/%s, want one", len(found), name)
		}
		*target = found[0]
	}
	return machine, run(ctx, "mke2fs", "-q", "-t", "ext4", "-d", tree, machine.Image, diskSize)
}

// install adds the check and the unit that runs it at each start.
func install(tree string) error {
	wants := filepath.Join(tree, "etc/systemd/system/multi-user.target.wants")
	return errors.Join(
		os.MkdirAll(wants, 0o755),
		os.MkdirAll(filepath.Join(tree, "usr/local/sbin"), 0o755),
		os.WriteFile(filepath.Join(tree, "usr/local/sbin/vm-check"), []byte(checkScript), 0o755),
		os.WriteFile(filepath.Join(tree, "etc/systemd/system/vm-check.service"), []byte(unit), 0o644),
		os.Symlink("../vm-check.service", filepath.Join(wants, "vm-check.service")),
		// A login prompt on the serial port hangs up the check, which writes to it.
		os.Symlink("/dev/null", filepath.Join(tree, "etc/systemd/system/serial-getty@ttyS0.service")),
	)
}

// carry copies folders into the tree, and gives the user's to the user: user and group 1000 are those of the first user that Debian makes.
func carry(ctx context.Context, copies []Copy, tree string) error {
	owned := false
	for _, c := range copies {
		target := filepath.Join(tree, c.To)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := run(ctx, "cp", "--recursive", "--preserve=mode,timestamps,links", "--no-dereference", c.From, target); err != nil {
			return err
		}
		owned = owned || c.User
	}
	if !owned {
		return nil
	}
	return run(ctx, "chown", "--recursive", "1000:1000", filepath.Join(tree, home))
}

func run(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
