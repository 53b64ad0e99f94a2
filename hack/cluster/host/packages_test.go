package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/privileged"
)

// debian is a small dpkg and apt-get of scripts: the file "db" beside them holds
// name and status, a line each; the file "calls" what apt-get was called with.
func debian(t *testing.T, database, update, install string) (dir string) {
	t.Helper()
	dir = programs(t, map[string]string{
		"dpkg-query": `
db=$(cat "${0%/*}/db"); shift; shift
[ $# = 0 ] && { echo "$db"; exit; }
for name; do echo "$db" | grep "^$name	" || { echo "dpkg-query: no packages found matching $name" >&2; failed=1; }; done
exit ${failed:-0}`,
		"dpkg":    `[ "$1" = --audit ] && [ -f "${0%/*}/audit" ] && cat "${0%/*}/audit"; exit 0`,
		"apt-get": `dir=${0%/*}; echo "$@" >>"$dir/calls"; if [ "$1" = update ]; then ` + update + "\nelse " + install + "\nfi",
	})
	write(t, filepath.Join(dir, "db"), database, 0o644)
	return dir
}

// fromPath runs commands of root as this process does, from this process's PATH, where a test has put its own apt-get.
type fromPath struct{}

func (fromPath) Run(ctx context.Context, c privileged.Command) (privileged.Result, error) {
	command := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	command.Env = append(os.Environ(), c.Env...)
	command.Cancel = func() error { return command.Process.Signal(c.Interrupt) }
	out, err := command.CombinedOutput()
	return privileged.Result{Output: out}, errors.Join(ctx.Err(), err)
}

const (
	nothing = "true"
	adds    = `printf 'mmdebstrap\tinstall ok installed\nlibperl\tinstall ok installed\n' >>"$dir/db"`
)

func TestInstallingTellsWhatIsNew(t *testing.T) {
	dir := debian(t, "dpkg\tinstall ok installed\ngpgv\tinstall ok installed\n", nothing, adds)
	record := filepath.Join(dir, "my cache", "installed-packages")
	write(t, record, "gpgv-old\nlibperl\n", 0o644)
	var log []string
	added, err := Install(t.Context(), fromPath{}, []string{"mmdebstrap", "gpgv"}, record, func(line string) { log = append(log, line) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"libperl", "mmdebstrap"}, added); diff != "" {
		t.Errorf("new packages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"apt-get update", "installing mmdebstrap"}, log); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	recorded, err := InstalledPackages(record)
	if diff := cmp.Diff([]string{"gpgv-old", "libperl", "mmdebstrap"}, recorded); diff != "" || err != nil {
		t.Errorf("record %v (-want +got):\n%s", err, diff)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if want := "update -q\ninstall -y -q --no-install-recommends --no-remove -o DPkg::Lock::Timeout=120 mmdebstrap\n"; err != nil || string(calls) != want {
		t.Errorf("apt-get was called with %q, %v, want %q", calls, err, want)
	}
}

func TestNothingIsDoneWhereAllIsThere(t *testing.T) {
	dir := debian(t, "mmdebstrap\tinstall ok installed\n", nothing, nothing)
	added, err := Install(t.Context(), fromPath{}, []string{"mmdebstrap"}, filepath.Join(dir, "record"), func(string) {})
	if err != nil || added != nil {
		t.Errorf("%v, %v", added, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "calls")); err == nil {
		t.Error("apt-get was called")
	}
}

func TestOnlyAnInstalledPackageCounts(t *testing.T) {
	debian(t, "a\tdeinstall ok config-files\nb\tinstall ok half-configured\nc\tinstall ok installed\n", nothing, nothing)
	if diff := cmp.Diff([]string{"a", "b", "e"}, missingPackages(t.Context(), []string{"a", "b", "c", "e"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestABrokenThirdPartySourceIsAWarning(t *testing.T) {
	complaint := `echo "Get:1 rest"; echo "Err:2 https://third.example/apt stable Release"; echo "E: The repository 'https://third.example/apt stable Release' is not signed." >&2; exit 100`
	dir := debian(t, "dpkg\tinstall ok installed\n", complaint, adds)
	var log []string
	if _, err := Install(t.Context(), fromPath{}, []string{"mmdebstrap"}, filepath.Join(dir, "record"), func(line string) { log = append(log, line) }); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(log, "\n"); !strings.Contains(text, "is not signed") || strings.Contains(text, "Get:1") {
		t.Errorf("the log is %q", text)
	}
}

func TestAFailedInstallationNamesBothReasons(t *testing.T) {
	dir := debian(t, "dpkg\tinstall ok installed\n", `echo "E: no network" >&2; exit 100`, `echo "E: Unable to locate package mmdebstrap" >&2; exit 100`)
	_, err := Install(t.Context(), fromPath{}, []string{"mmdebstrap"}, filepath.Join(dir, "record"), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "Unable to locate package mmdebstrap") || !strings.Contains(err.Error(), "no network") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "record")); err == nil {
		t.Error("packages were recorded")
	}
}

func TestPackagesOfAFailedInstallationAreRecordedToo(t *testing.T) {
	dir := debian(t, "dpkg\tinstall ok installed\n", nothing, adds+`; echo "E: later" >&2; exit 100`)
	record := filepath.Join(dir, "record")
	if _, err := Install(t.Context(), fromPath{}, []string{"mmdebstrap"}, record, func(string) {}); err == nil {
		t.Error("no error")
	}
	if recorded, err := InstalledPackages(record); err != nil || len(recorded) != 2 {
		t.Errorf("recorded are %v, %v", recorded, err)
	}
}

func TestAnInterruptedDpkgIsNamedBeforeAnything(t *testing.T) {
	dir := debian(t, "dpkg\tinstall ok installed\n", nothing, adds)
	write(t, filepath.Join(dir, "audit"), "The following packages are only half configured:\n docker-ce\n", 0o644)
	_, err := Install(t.Context(), fromPath{}, []string{"mmdebstrap"}, filepath.Join(dir, "record"), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "sudo dpkg --configure -a") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "calls")); err == nil {
		t.Error("apt-get was called")
	}
}

func TestABrokenDpkgQueryRecordsNothing(t *testing.T) {
	dir := debian(t, "", nothing, adds)
	if _, err := Install(t.Context(), fromPath{}, []string{"mmdebstrap"}, filepath.Join(dir, "record"), func(string) {}); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(filepath.Join(dir, "record")); err == nil {
		t.Error("packages were recorded")
	}
}

// The script is as slow as dpkg in the middle of a package: it ends what it does, whatever apt-get is told.
func TestCtrlCLetsDpkgComeToItsEnd(t *testing.T) {
	slow := `trap 'touch "$dir/told"' INT; touch "$dir/begun"; while [ ! -f "$dir/told" ]; do sleep 0.01; done; ` + adds + `; touch "$dir/ended"; exit 100`
	dir := debian(t, "dpkg\tinstall ok installed\n", nothing, slow)
	record := filepath.Join(dir, "record")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := Install(ctx, fromPath{}, []string{"mmdebstrap"}, record, func(string) {})
		done <- err
	}()
	await(t, filepath.Join(dir, "begun"))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ended")); err != nil {
		t.Error("it was killed")
	}
	if recorded, err := InstalledPackages(record); err != nil || len(recorded) != 2 {
		t.Errorf("recorded are %v, %v", recorded, err)
	}
}

func await(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	t.Fatalf("%s does not appear", path)
}

func TestWhoLocksDpkgIsTold(t *testing.T) {
	root := tree(t, map[string]string{"var/lib/dpkg/lock-frontend": ""})
	info, err := os.Stat(filepath.Join(root, "var/lib/dpkg/lock-frontend"))
	if err != nil {
		t.Fatal(err)
	}
	inode := info.Sys().(*syscall.Stat_t).Ino
	write(t, filepath.Join(root, "proc/locks"), fmt.Sprintf("1: POSIX  ADVISORY  WRITE 11 fe:01:1 0 EOF\n2: -> POSIX ADVISORY WRITE 12 fe:01:%d 0 EOF\n3: POSIX  ADVISORY  WRITE 13 fe:01:%d 0 EOF\n", inode, inode), 0o644)
	if pid := machine(root).lockedBy("var/lib/dpkg/lock-frontend"); pid != 13 {
		t.Errorf("process %d", pid)
	}
	if pid := machine(t.TempDir()).lockedBy("var/lib/dpkg/lock-frontend"); pid != 0 {
		t.Errorf("without the file process %d", pid)
	}
}

func TestDockerBesideIsFoundAndNotTouched(t *testing.T) {
	dir := debian(t, "docker-ce\tinstall ok installed\ncontainerd.io\tinstall ok installed\npodman\tdeinstall ok config-files\n", nothing, nothing)
	write(t, filepath.Join(dir, "kind"), "#!/bin/sh\n", 0o755)
	if diff := cmp.Diff([]string{"docker-ce", "containerd.io", "kind"}, beside(t.Context())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
