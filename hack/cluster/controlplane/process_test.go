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

func TestLinksGiveOneProgramManyNamesAndAreRenewed(t *testing.T) {
	dir, program := filepath.Join(t.TempDir(), "bin"), filepath.Join(t.TempDir(), "program")
	for _, target := range []string{"/old", program} {
		if err := controlplane.Link(dir, target, "etcd", "kubectl"); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"etcd", "kubectl"} {
		if target, err := os.Readlink(filepath.Join(dir, name)); err != nil || target != program {
			t.Errorf("%s leads to %s, %v", name, target, err)
		}
	}
}
