package controlplane_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

func TestAProcessThatEndsSaysHowAndWhereItsLogIs(t *testing.T) {
	logs := t.TempDir()
	process := &controlplane.Process{Name: "etcd", Path: "/bin/sh", Args: []string{"-c", "echo broken >&2; exit 3"}}
	if err := process.Start(logs); err != nil {
		t.Fatal(err)
	}
	<-process.Exited()
	log := filepath.Join(logs, "etcd.log")
	if err := process.Err(); !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), log) {
		t.Errorf("the error is %v", err)
	}
	if content, err := os.ReadFile(log); err != nil || string(content) != "broken\n" {
		t.Errorf("the log says %q, %v", content, err)
	}
}

func TestAMissingProgramIsNamed(t *testing.T) {
	process := &controlplane.Process{Name: "etcd", Path: "/does/not/exist"}
	if err := process.Start(t.TempDir()); err == nil || !strings.Contains(err.Error(), "starting etcd") {
		t.Errorf("the error is %v", err)
	}
}

func TestAProcessThatIgnoresThatItShouldEndIsEnded(t *testing.T) {
	process := &controlplane.Process{Name: "stubborn", Path: "/bin/sh", Args: []string{"-c", `trap "" TERM; while :; do :; done`}}
	if err := process.Start(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	process.Stop(20 * time.Millisecond)
	select {
	case <-process.Exited():
	default:
		t.Error("it still runs")
	}
}

func TestLinksLeadToProgramsAndAreRenewed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	compiled := controlplane.Programs("/cache/controlplane-1")
	released := map[string]string{"etcd": "/cache/released-etcd/etcd", "kubectl": "/cache/released-kubectl/kubectl"}
	for _, programs := range []map[string]string{compiled, released} {
		if err := controlplane.Link(dir, programs); err != nil {
			t.Fatal(err)
		}
		for name, program := range programs {
			if target, err := os.Readlink(filepath.Join(dir, name)); err != nil || target != program {
				t.Errorf("%s leads to %s, %v, want %s", name, target, err, program)
			}
		}
	}
}

func TestAFolderThatCannotBeMadeIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := controlplane.Link(filepath.Join(file, "bin"), controlplane.Programs("/cache")); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("the error is %v", err)
	}
}
