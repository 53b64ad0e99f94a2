package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/cluster/kube"
)

func TestARunningClusterIsFoundByTheProcessThatWasRecorded(t *testing.T) {
	s := Settings{State: t.TempDir()}
	if pid := s.RunningInit(); pid != 0 {
		t.Errorf("nothing was recorded, but process %d is taken for the cluster", pid)
	}
	if err := s.recordInit(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	if pid := s.RunningInit(); pid != os.Getpid() {
		t.Errorf("found process %d, want %d", pid, os.Getpid())
	}
}

func TestAnotherProcessIsNeverTakenForTheCluster(t *testing.T) {
	ended := exec.CommandContext(t.Context(), "true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	for name, recorded := range map[string]string{
		"the PID was given to a process that started later": fmt.Sprintf("%d 1\n", os.Getpid()),
		"the process has ended":                             fmt.Sprintf("%d 1\n", ended.Process.Pid),
		"the record is broken":                              "what?\n",
		"the record is empty":                               "",
	} {
		t.Run(name, func(t *testing.T) {
			s := Settings{State: t.TempDir()}
			if err := os.WriteFile(s.Path("init.pid"), []byte(recorded), 0o644); err != nil {
				t.Fatal(err)
			}
			if pid := s.RunningInit(); pid != 0 {
				t.Errorf("process %d is taken for the cluster", pid)
			}
		})
	}
}

func TestAProcessThatEndedButWasNotReapedDoesNotRun(t *testing.T) {
	zombie := exec.CommandContext(t.Context(), "true")
	output, err := zombie.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = zombie.Wait() }()
	// Its end closes the pipe a moment before the kernel calls it a zombie.
	_, _ = output.Read(make([]byte, 1))
	if err := kube.Poll(t.Context(), "the process to end", func(context.Context) (bool, error) {
		_, err := startTime(zombie.Process.Pid)
		return err != nil, nil
	}); err != nil {
		t.Error(err)
	}
}

func TestAStateFolderTooDeepForASocketIsRefused(t *testing.T) {
	deep := Settings{State: filepath.Join(t.TempDir(), strings.Repeat("x", 120))}
	if err := deep.MakeState(); err == nil || !strings.Contains(err.Error(), "too deep") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(deep.State); err == nil {
		t.Error("it was made all the same")
	}
}

func TestAnEmptyFolderBecomesTheStateOfACluster(t *testing.T) {
	s := Settings{State: t.TempDir()}
	for range 2 {
		if err := s.MakeState(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.checkOwn(); err != nil {
		t.Error(err)
	}
}
