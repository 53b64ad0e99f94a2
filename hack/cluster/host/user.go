package host

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// program is a command whose working folder is not this process's, where a go.mod would choose another toolchain.
func program(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = "/"
	return command
}

// observeUser finds whose this process is and how root's rights are had. served is true where a process of root serves this one already.
func observeUser(ctx context.Context, served bool) User {
	u := User{UID: os.Getuid(), Name: strconv.Itoa(os.Getuid()), Home: os.Getenv("HOME")}
	if found, err := user.LookupId(u.Name); err == nil {
		u.Name = found.Username
	}
	u.Sudo = observeSudo(ctx, served || os.Geteuid() == 0)
	u.HomeWritable = u.Home != "" && filepath.IsAbs(u.Home) && !denied(u.Home)
	return u
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

// denied is true where this process may not write to a folder, or to the nearest parent that exists.
func denied(path string) bool { return unix.Access(existing(path), unix.W_OK|unix.X_OK) != nil }

// existing is the path, or its nearest parent that exists.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}
