package privileged

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// role is the variable that makes this test program play one of the processes of a story.
const role = "PRIVILEGED_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "server":
		if err := ServeStandard(context.Background()); err != nil {
			os.Exit(1)
		}
	case "refuse":
		os.Exit(1)
	case "program":
		os.Exit(program())
	default:
		os.Exit(m.Run())
	}
}

// program is one that is run by a process of root: it has that process do something, and fails.
func program() int {
	number := os.Getenv(variable)
	if number != "3" {
		return 1
	}
	r := connect(os.NewFile(3, "root"), noWait)
	if _, err := r.Run(context.Background(), Command{Args: []string{"touch", os.Getenv("PRIVILEGED_TEST_FILE")}}); err != nil {
		return 2
	}
	return 7
}

// play is this test program in a role.
func play(name string, env ...string) *exec.Cmd {
	command := exec.Command(os.Args[0])
	command.Env = append(append(os.Environ(), role+"="+name), env...)
	return command
}

// served is a Runner whose commands another goroutine runs; ended is closed when that has ended.
func served(t *testing.T) (r *Runner, ended chan struct{}) {
	t.Helper()
	ours, theirs := net.Pipe()
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		if err := Serve(context.Background(), theirs); err != nil && !strings.Contains(err.Error(), "closed pipe") {
			t.Errorf("serving: %v", err)
		}
		_ = theirs.Close()
	}()
	r = connect(ours, noWait)
	t.Cleanup(func() { _ = r.Close(); <-ended })
	return r, ended
}

// runners are the two ways in which a command may run.
func runners(t *testing.T) map[string]*Runner {
	t.Helper()
	r, _ := served(t)
	return map[string]*Runner{"this process": Direct(), "another process": r}
}

func TestACommandGetsNothingOfTheCallersEnvironment(t *testing.T) {
	t.Setenv("https_proxy", "http://secret@proxy:3128")
	for name, r := range runners(t) {
		out, err := r.Run(t.Context(), Command{Args: []string{"env"}, Env: []string{"DEBIAN_FRONTEND=noninteractive"}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := strings.Split(strings.TrimSpace(string(out.Output)), "\n")
		slices.Sort(got)
		want := append([]string{"DEBIAN_FRONTEND=noninteractive"}, environment...)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: environment %q, want %q", name, got, want)
		}
	}
}

func TestAFailureHoldsTheCommandAndWhatItPrinted(t *testing.T) {
	for name, r := range runners(t) {
		_, err := r.Run(t.Context(), Command{Args: []string{"sh", "-c", "echo disk full >&2; exit 3"}})
		if err == nil || !strings.Contains(err.Error(), "sh -c") || !strings.Contains(err.Error(), "exit status 3: disk full") {
			t.Errorf("%s: the error is %v", name, err)
		}
		if _, err := r.Run(t.Context(), Command{Args: []string{"no-such-program"}}); err == nil || !strings.Contains(err.Error(), "no-such-program") {
			t.Errorf("%s: the error of a missing program is %v", name, err)
		}
	}
}

func TestAProgramOfTheCallersFolderIsNotRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "true"), []byte("#!/bin/sh\necho fooled\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for name, r := range runners(t) {
		if out, err := r.Run(t.Context(), Command{Args: []string{"true"}}); err != nil || len(out.Output) > 0 {
			t.Errorf("%s: %q, %v", name, out.Output, err)
		}
	}
}

// patient is a command that makes the file started, and after a request to end by the given signal the file cleaned.
func patient(t *testing.T, signal string) (started, cleaned string, c Command) {
	t.Helper()
	dir := t.TempDir()
	started, cleaned = filepath.Join(dir, "started"), filepath.Join(dir, "cleaned")
	script := fmt.Sprintf("trap 'touch %s; exit 1' %s; touch %s; while :; do sleep 0.01; done", cleaned, signal, started)
	return started, cleaned, Command{Args: []string{"sh", "-c", script}}
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not appear", path)
		}
		time.Sleep(5 * time.Millisecond) // the time between two looks
	}
}

func TestACanceledCommandCleansUpBeforeRunReturns(t *testing.T) {
	for name, r := range runners(t) {
		started, cleaned, command := patient(t, "TERM")
		ctx, cancel := context.WithCancel(t.Context())
		var end sync.WaitGroup
		end.Go(func() {
			if _, err := r.Run(ctx, command); err == nil || !strings.Contains(err.Error(), "canceled") {
				t.Errorf("%s: the error is %v", name, err)
			}
		})
		awaitFile(t, started)
		cancel()
		end.Wait()
		if _, err := os.Stat(cleaned); err != nil {
			t.Errorf("%s: it did not clean up: %v", name, err)
		}
	}
}

func TestAPackageManagerIsAskedToEndByItsOwnSignal(t *testing.T) {
	r, _ := served(t)
	started, cleaned, command := patient(t, "INT")
	command.Interrupt = 2
	ctx, cancel := context.WithCancel(t.Context())
	go func() { awaitFile(t, started); cancel() }()
	if _, err := r.Run(ctx, command); err == nil {
		t.Error("a canceled command succeeded")
	}
	if _, err := os.Stat(cleaned); err != nil {
		t.Errorf("it did not clean up: %v", err)
	}
}

func TestTheProcessorTimeOfACommandIsTold(t *testing.T) {
	for name, r := range runners(t) {
		result, err := r.Run(t.Context(), Command{Args: []string{"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"}})
		if err != nil || result.Processor <= 0 {
			t.Errorf("%s: %v, %v", name, result.Processor, err)
		}
	}
}

func TestCommandsRunSideBySide(t *testing.T) {
	r, _ := served(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if _, err := r.Run(t.Context(), Command{Args: []string{"mkfifo", fifo}}); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for _, script := range []string{"echo hello >" + fifo, "cat " + fifo} {
		both.Go(func() {
			if _, err := r.Run(t.Context(), Command{Args: []string{"sh", "-c", script}}); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
}

func TestNothingGoesOnWithoutTheCaller(t *testing.T) {
	r, ended := served(t)
	started, cleaned, command := patient(t, "TERM")
	go func() { _, _ = r.Run(context.Background(), command) }() // its caller goes away
	awaitFile(t, started)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	if _, err := os.Stat(cleaned); err != nil {
		t.Errorf("the command was not asked to end: %v", err)
	}
}

func TestWhoeverWaitsIsToldThatTheProcessOfRootIsGone(t *testing.T) {
	ours, theirs := net.Pipe()
	r := connect(ours, noWait)
	go func() { _, _ = io.ReadFull(theirs, make([]byte, 10)); _ = theirs.Close() }() // it ends in the middle of a request
	for range 2 {
		if _, err := r.Run(t.Context(), Command{Args: []string{"true"}}); err == nil || !strings.Contains(err.Error(), "true") {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestAProcessOfRootIsStartedOnceAndEnds(t *testing.T) {
	r, err := open(play("server"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := r.Run(t.Context(), Command{Args: []string{"sh", "-c", "echo $PPID"}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Run(t.Context(), Command{Args: []string{"sh", "-c", "echo $PPID"}})
	if err != nil || string(first.Output) != string(second.Output) {
		t.Errorf("the commands had the parents %q and %q, %v", first.Output, second.Output, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestARefusalOfSudoIsExplained(t *testing.T) {
	_, err := open(play("refuse"))
	if err == nil || !strings.Contains(err.Error(), "no rights of root") {
		t.Errorf("the error is %v", err)
	}
}

func TestBehindSudoTheProgramRunsAsTheUserAndRootServesIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "made by root")
	code, err := serveChild(t.Context(), play("program", "PRIVILEGED_TEST_FILE="+file))
	if err != nil || code != 7 {
		t.Errorf("exit code %d, %v; want the program's own", code, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestTheEnvironmentBehindSudoIsTheUsersOwn(t *testing.T) {
	u := &user.User{Username: "ann", HomeDir: "/home/ann"}
	root := []string{"PATH=/usr/sbin:/usr/bin", "HOME=/root", "USER=root", "LOGNAME=root", "SUDO_USER=ann", "SUDO_UID=1000", "LANG=de_DE.UTF-8", "TERM=xterm"}
	got := environmentOf(u, root, "/home/ann/sdk/go1.26.8/bin/go")
	want := []string{
		"PATH=/usr/sbin:/usr/bin:/home/ann/sdk/go1.26.8/bin", "LANG=de_DE.UTF-8", "TERM=xterm", "HOME=/home/ann", "USER=ann", "LOGNAME=ann",
	}
	if !slices.Equal(got, want) {
		t.Errorf("environment\n%q, want\n%q", got, want)
	}
}

func TestRootItselfHasNobodyBehindIt(t *testing.T) {
	for _, name := range []string{"", "root", "no-such-user-here"} {
		t.Setenv("SUDO_USER", name)
		if u := Behind(); u != nil {
			t.Errorf("SUDO_USER=%q: %s", name, u.Username)
		}
	}
}
