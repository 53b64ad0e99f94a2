package controlplane

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAControlPlaneRemovesWhatTestsLeftThatWereKilled(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"controlplane-11-abc/pki", "controlplane-12-abc/pki", "controlplane-notes", "controlplane-x-abc", "others"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeLeftovers(dir, func(pid int) bool { return pid == 11 }); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	if diff := cmp.Diff([]string{"controlplane-12-abc", "controlplane-notes", "controlplane-x-abc", "others"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestAProcessIsGoneOnceItHasEnded(t *testing.T) {
	process := exec.Command("true")
	if err := process.Run(); err != nil {
		t.Fatal(err)
	}
	if !isGone(process.Process.Pid) {
		t.Error("a process that has ended is there")
	}
	if isGone(os.Getpid()) {
		t.Error("this process is gone")
	}
}
