package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// folderOf is the pattern (os.MkdirTemp) of the folders of a process's control planes.
func folderOf(pid int) string { return fmt.Sprintf("controlplane-%d-", pid) }

// removeLeftovers removes the folders of control planes below dir whose process
// is gone: a test that was killed leaves keys and a database behind.
func removeLeftovers(dir string, gone func(pid int) bool) error {
	folders, err := filepath.Glob(filepath.Join(dir, "controlplane-*-*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, folder := range folders {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(folder), "controlplane-%d-", &pid); err != nil || !gone(pid) {
			continue
		}
		if err := os.RemoveAll(folder); !errors.Is(err, os.ErrPermission) { // those of another user are left alone
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// isGone tells whether there is no process of that number.
func isGone(pid int) bool { return errors.Is(unix.Kill(pid, 0), unix.ESRCH) }
