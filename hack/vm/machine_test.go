package vm

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAMachineIsEmulatedAndHasNoNetwork(t *testing.T) {
	got := strings.Join(Machine{Kernel: "/k", Initrd: "/i", Image: "/a,b.img", Processors: 2, Memory: 4096}.Args(), " ")
	want := "-accel tcg,thread=multi -cpu max -smp 2 -m 4096M -nographic -no-reboot -net none -kernel /k -initrd /i" +
		" -append root=/dev/vda rw console=ttyS0 quiet -drive file=/a,,b.img,format=raw,if=virtio"
	if got != want {
		t.Errorf("qemu's arguments are\n%s\nwant\n%s", got, want)
	}
}

// fakeQEMU puts a shell script in qemu's place for the time of a test.
func fakeQEMU(t *testing.T, script string) {
	t.Helper()
	programs(t, map[string]string{"qemu-system-x86_64": script})
}

func TestResultsAreToldWhileAMachineRunsAndItsSerialPortIsKept(t *testing.T) {
	fakeQEMU(t, `printf 'boot\r\nvm-check|preflight|\r\nvm-check|make down|busy\r\n'`)
	var log bytes.Buffer
	var reported []Result
	results, err := Machine{}.Run(t.Context(), &log, func(r Result) { reported = append(reported, r) })
	if err != nil {
		t.Fatal(err)
	}
	want := []Result{{Check: "preflight"}, {Check: "make down", Reason: "busy"}}
	if !slices.Equal(results, want) || !slices.Equal(reported, want) {
		t.Errorf("results %v, reported %v, want %v", results, reported, want)
	}
	if !strings.HasPrefix(log.String(), "boot\r\n") {
		t.Errorf("the log is %q", log.String())
	}
}

func TestAMachineThatBreaksKeepsItsResults(t *testing.T) {
	fakeQEMU(t, `echo 'vm-check|preflight|'; echo 'no such image' >&2; exit 1`)
	var log bytes.Buffer
	results, err := Machine{}.Run(t.Context(), &log, func(Result) {})
	if err == nil || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("the error is %v", err)
	}
	if len(results) != 1 || !strings.Contains(log.String(), "no such image") {
		t.Errorf("results %v, log %q", results, log.String())
	}
}

func TestAMachineIsEndedWithItsContext(t *testing.T) {
	fakeQEMU(t, "echo 'vm-check|preflight|'; exec sleep 300")
	reason := errors.New("took too long")
	ctx, cancel := context.WithCancelCause(t.Context())
	began := time.Now()
	var log bytes.Buffer
	_, err := Machine{}.Run(ctx, &log, func(Result) { cancel(reason) })
	if !errors.Is(err, reason) {
		t.Errorf("the error is %v", err)
	}
	if time.Since(began) > time.Minute {
		t.Error("the machine was not ended")
	}
}

func TestAMissingEmulatorIsNamedWithItsPackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Machine{}.Run(t.Context(), &bytes.Buffer{}, func(Result) {})
	if err == nil || !strings.Contains(err.Error(), "qemu-system-x86") {
		t.Errorf("the error is %v", err)
	}
}
