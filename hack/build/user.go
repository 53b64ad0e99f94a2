package build

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// invoker is the user behind sudo, or nil where there is none.
func invoker() *user.User {
	if os.Geteuid() != 0 || os.Getenv("SUDO_USER") == "" {
		return nil
	}
	u, err := user.Lookup(os.Getenv("SUDO_USER"))
	if err != nil {
		return nil
	}
	return u
}

func userCacheDir() (string, error) {
	if u := invoker(); u != nil {
		return filepath.Join(u.HomeDir, ".cache"), nil
	}
	return os.UserCacheDir()
}

// asInvoker is a command that runs as the user behind sudo, if there is one:
// builds never need root.
func asInvoker(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = os.Environ()
	if u := invoker(); u != nil {
		uid, _ := strconv.ParseUint(u.Uid, 10, 32) // numbers on every Unix
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		command.Env = append(command.Env, "HOME="+u.HomeDir, "USER="+u.Username)
	}
	return command
}

// mkdirOwned makes a folder that belongs to the invoker.
func mkdirOwned(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return ChownToInvoker(dir)
}

// chownTree gives a folder and all in it to the invoker, who may want to remove it without root.
func chownTree(dir string) error {
	if invoker() == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, ChownToInvoker(path))
	})
}

// ChownToInvoker gives a file or folder to the user behind sudo, if there is one.
func ChownToInvoker(path string) error {
	u := invoker()
	if u == nil {
		return nil
	}
	uid, _ := strconv.Atoi(u.Uid) // numbers on every Unix
	gid, _ := strconv.Atoi(u.Gid)
	return os.Lchown(path, uid, gid)
}
