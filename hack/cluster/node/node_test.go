package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/cluster/controlplane"
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

// awaitFile is ready once the process has made the file ready in its state folder.
func awaitFile(s Settings) func(context.Context, *controlplane.Process) error {
	return func(ctx context.Context, process *controlplane.Process) error {
		return kube.Poll(ctx, "the file", func(context.Context) (bool, error) {
			select {
			case <-process.Exited():
				return false, process.Err()
			default:
			}
			_, err := os.Stat(s.Path("ready"))
			return err == nil, nil
		})
	}
}

func TestAProcessThatWasTooSlowOnceIsStartedAgain(t *testing.T) {
	s := Settings{State: t.TempDir()}
	process := &controlplane.Process{Name: "kube-apiserver", Path: "/bin/sh", Args: []string{"-c",
		`cd "$0" && if test -e tried; then touch ready; exec sleep 300; else touch tried; exit 255; fi`, s.State}}
	if err := s.start(t.Context(), process, awaitFile(s)); err != nil {
		t.Error(err)
	}
	process.Stop(0)
}

func TestAProcessThatCanNotStartIsNotTriedForEver(t *testing.T) {
	s := Settings{State: t.TempDir()}
	process := &controlplane.Process{Name: "kube-apiserver", Path: "/bin/sh", Args: []string{"-c", `echo try >>"$0/tries"; exit 1`, s.State}}
	err := s.start(t.Context(), process, awaitFile(s))
	if err == nil || !strings.Contains(err.Error(), "kube-apiserver.log") {
		t.Errorf("the error is %v", err)
	}
	if tries := read(t, s.Path("tries")); tries != "try\ntry\ntry\n" {
		t.Errorf("it was tried\n%s", tries)
	}
}
