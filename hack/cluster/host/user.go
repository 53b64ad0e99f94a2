package host

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// caller runs programs as the user who called, also from behind sudo.
type caller struct {
	// credential is nil where this process is that user already.
	credential *syscall.Credential
	// env is added to this process's.
	env []string
}

func (c caller) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), c.env...)
	command.Dir = "/" // a go.mod in the working directory would choose another toolchain
	if c.credential != nil {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: c.credential}
	}
	return command
}

// observeUser finds who called and how root's rights are had.
func observeUser(ctx context.Context) (User, caller) {
	u := User{UID: os.Getuid(), GID: os.Getgid(), Home: os.Getenv("HOME"), Root: os.Geteuid() == 0}
	var run caller
	if behind, err := user.Lookup(os.Getenv("SUDO_USER")); u.Root && err == nil {
		u.UID, _ = strconv.Atoi(behind.Uid) // numbers on every Unix
		u.GID, _ = strconv.Atoi(behind.Gid)
		u.Home = behind.HomeDir
		run.env = []string{"HOME=" + behind.HomeDir, "USER=" + behind.Username}
		run.credential = &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
	}
	u.Name = strconv.Itoa(u.UID)
	if found, err := user.LookupId(u.Name); err == nil {
		u.Name = found.Username
	}
	u.Sudo = observeSudo(ctx, u.Root)
	u.HomeWritable = u.Home != "" && filepath.IsAbs(u.Home) && !denied(u.Home, u)
	return u, run
}

func observeSudo(ctx context.Context, root bool) Sudo {
	if root {
		return SudoNotNeeded
	}
	if _, err := exec.LookPath("sudo"); err != nil {
		return SudoMissing
	}
	command := exec.CommandContext(ctx, "sudo", "-n", "true")
	command.Env = append(os.Environ(), "LC_ALL=C")
	out, err := command.CombinedOutput()
	if err == nil {
		return SudoFree
	}
	for _, refusal := range []string{"not in the sudoers", "may not run sudo", "not allowed to", "no new privileges"} {
		if strings.Contains(string(out), refusal) {
			return SudoRefuses
		}
	}
	return SudoAsks
}

// denied is true where a user may not write to a folder, or to the nearest parent that exists.
// For a user behind sudo the owner decides, since root may do anything.
func denied(path string, u User) bool {
	path = existing(path)
	if os.Geteuid() == u.UID {
		return unix.Access(path, unix.W_OK|unix.X_OK) != nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return true
	}
	owner := info.Sys().(*syscall.Stat_t)
	return int(owner.Uid) != u.UID && info.Mode().Perm()&0o002 == 0
}

// existing is the path, or its nearest parent that exists.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}
