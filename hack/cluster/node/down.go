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

	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/privileged"
	"blogplatform.io/operator/hack/timefactor"
)

// Down has root end a cluster and remove its state. What was built stays in the cache.
func Down(ctx context.Context, s Settings, root privileged.Executor, out io.Writer) error {
	if err := s.Discard(ctx, root); err != nil {
		return err
	}
	fmt.Fprintf(out, "The cluster is down, and its state and kubeconfig in %s are gone. What was built is kept for the next one (make clean-cache removes it).\n", s.State)
	return nil
}

// Start has root start the node in the background.
func (s Settings) Start(ctx context.Context, root privileged.Executor) error {
	_, err := root.Run(ctx, privileged.Command{Args: s.StartCommand()})
	return err
}

// Discard has root end a cluster if it runs, and remove what it left behind.
func (s Settings) Discard(ctx context.Context, root privileged.Executor) error {
	_, err := root.Run(ctx, privileged.Command{Args: s.DiscardCommand()})
	return err
}

// DiscardAsRoot ends the node, if it runs, and removes its control groups and its state folder.
func DiscardAsRoot(ctx context.Context, s Settings) error {
	ctx, cancel := context.WithTimeout(ctx, timefactor.Scale(time.Minute))
	defer cancel()
	if err := s.checkOwn(); err != nil {
		return err
	}
	if err := s.endInit(ctx); err != nil {
		return err
	}
	if err := s.removeGroups(ctx, host.ControlGroups()); err != nil {
		return err
	}
	if err := os.RemoveAll(s.State); err != nil {
		return fmt.Errorf("removing %s: %w", s.State, err)
	}
	return nil
}

// endInit kills the init. The kernel ends every process of a PID namespace together with its init.
func (s Settings) endInit(ctx context.Context) error {
	pid := s.RunningInit()
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("ending the cluster's init, process %d: %w", pid, err)
	}
	return kube.Poll(ctx, "the cluster's processes to end", func(context.Context) (bool, error) {
		return s.RunningInit() == 0, nil
	})
}

// removeGroups removes the groups that the cluster lived in. They are empty, but the kernel may take a moment to see that.
func (s Settings) removeGroups(ctx context.Context, f host.Facts) error {
	for _, dir := range s.hostGroups(f, cgroupFS) {
		if err := kube.Poll(ctx, "control group "+dir+" to empty", func(context.Context) (bool, error) {
			return removeTree(dir), nil
		}); err != nil {
			return err
		}
	}
	if !inScope(f) {
		return nil
	}
	return stopSlice(ctx)
}

// stopSlice stops the slice unless the scope of another cluster is in it: systemd keeps one without scopes.
func stopSlice(ctx context.Context) error {
	scopes, _ := filepath.Glob(filepath.Join(cgroupFS, sliceUnit, "*.scope")) // the pattern is well-formed
	if len(scopes) > 0 || run(ctx, "systemctl", "is-active", "--quiet", sliceUnit) != nil {
		return nil
	}
	return run(ctx, "systemctl", "stop", sliceUnit)
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
