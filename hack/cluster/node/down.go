package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"blogplatform.io/operator/hack/cluster/kube"
)

// Down ends a cluster and removes its state. What was built stays in the cache.
func Down(ctx context.Context, s Settings, out io.Writer) error {
	if pid := s.RunningInit(); pid != 0 {
		// The kernel ends every process of a PID namespace together with its init.
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("ending the cluster's init, process %d: %w", pid, err)
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := kube.Poll(ctx, "the cluster's processes to end", func(context.Context) (bool, error) {
			return s.RunningInit() == 0, nil
		}); err != nil {
			return err
		}
	}
	if err := s.Discard(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "The cluster is down, and its state and kubeconfig in %s are gone. What was built is kept for the next one (make clean-cache removes it).\n", s.State)
	return nil
}

// Discard removes what a cluster that has ended left behind.
func (s Settings) Discard(ctx context.Context) error {
	if err := s.removeCgroups(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(s.State); err != nil {
		return fmt.Errorf("removing %s: %w", s.State, err)
	}
	return os.MkdirAll(filepath.Dir(s.State), 0o755)
}

// removeCgroups removes the groups that pods lived in. They are empty, but the
// kernel may take a moment to see that.
func (s Settings) removeCgroups(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, dir := range s.cgroupDirs() {
		if err := kube.Poll(ctx, "control group "+dir+" to empty", func(context.Context) (bool, error) {
			return removeTree(dir), nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// removeTree removes a control group and those below it, deepest first. Only rmdir removes one.
func removeTree(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	gone := true
	for _, entry := range entries {
		if entry.IsDir() {
			gone = removeTree(dir+"/"+entry.Name()) && gone
		}
	}
	return gone && syscall.Rmdir(dir) == nil
}
