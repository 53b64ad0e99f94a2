package progress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// watched is a progress with a clock that the test moves.
type watched struct {
	*Progress
	out   bytes.Buffer
	clock time.Time
}

func watch(columns int) *watched {
	w := &watched{clock: time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)}
	w.Progress = newProgress(&w.out, func() int { return columns }, func() time.Time { return w.clock })
	return w
}

func (w *watched) pass(d time.Duration) { w.clock = w.clock.Add(d) }

func (w *watched) shows(t *testing.T, want string) {
	t.Helper()
	if got := w.out.String(); got != want {
		t.Errorf("it shows\n%q\nwant\n%q", got, want)
	}
	w.out.Reset()
}

func TestEachStepIsOneLineWithItsTime(t *testing.T) {
	w, broken := watch(0), errors.New("broken")
	w.pass(90 * time.Second)
	err := w.Run("build", "CoreDNS", func(step *Step) error { step.Detail("github.com/coredns"); w.pass(65 * time.Second); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run("start", "Istio", func(*Step) error { return fmt.Errorf("applying: %w", broken) }); !errors.Is(err, broken) {
		t.Fatalf("the error is %v, want the one of the step", err)
	}
	w.shows(t, ""+
		"✔ build  CoreDNS                 1m5s  (2m35s)\n"+
		"✖ start  Istio                     0s  (2m35s)\n")
}

func TestAStepThatHadNothingToDoOrWasCanceledGetsNoLine(t *testing.T) {
	w := watch(0)
	if err := w.Run("build", "CoreDNS", func(step *Step) error { step.Silence(); return nil }); err != nil {
		t.Fatal(err)
	}
	err := w.Run("start", "Istio", func(*Step) error { return fmt.Errorf("waiting: %w", context.Canceled) })
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the error is %v", err)
	}
	w.shows(t, "")
	if err := w.Run("build", "Istio", func(step *Step) error { step.Silence(); return errors.New("broken") }); err == nil {
		t.Fatal("there is no error")
	}
	w.shows(t, "✖ build  Istio                     0s  (0s)\n")
}

func TestWithoutATerminalALineSaysEveryHalfMinuteWhatRuns(t *testing.T) {
	w := watch(0)
	w.pass(quiet)
	w.show() // nothing runs
	w.shows(t, "")
	err := w.Run("build", "Kubernetes", func(kubernetes *Step) error {
		kubernetes.Detail("k8s.io/kubernetes/pkg/kubelet\nand more")
		w.pass(5 * time.Second)
		return w.Run("start", "CoreDNS", func(*Step) error {
			w.show()
			w.pass(quiet - time.Second)
			w.show() // said something just now
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.shows(t, ""+
		"… 35s: build Kubernetes 5s k8s.io/kubernetes/pkg/kubelet; start CoreDNS 0s\n"+
		"✔ start  CoreDNS                  29s  (1m4s)\n"+
		"✔ build  Kubernetes               34s  (1m4s)\n")
}

func TestOnATerminalTheLastLinesSayWhatRunsNow(t *testing.T) {
	w := watch(50)
	err := w.Run("build", "Kubernetes", func(kubernetes *Step) error {
		kubernetes.Detail("k8s.io/kubernetes/pkg/kubelet/cm")
		return w.Run("start", "CoreDNS", func(dns *Step) error {
			dns.Detail("0 of 1 pods ready")
			w.show()
			w.shows(t, "\r\x1b[J"+
				"… build  Kubernetes                0s  k8s.io/ku…\n"+
				"… start  CoreDNS                   0s  0 of 1 po…\n")
			w.pass(2 * time.Second)
			w.Say("staging is ready\n")
			w.shows(t, "\x1b[2A\r\x1b[J"+
				"staging is ready\n"+
				"… build  Kubernetes                2s  k8s.io/ku…\n"+
				"… start  CoreDNS                   2s  0 of 1 po…\n")
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.shows(t, "\x1b[2A\r\x1b[J"+
		"✔ start  CoreDNS                   2s  (2s)\n"+
		"… build  Kubernetes                2s  k8s.io/ku…\n"+
		"\x1b[1A\r\x1b[J"+
		"✔ build  Kubernetes                2s  (2s)\n")
}

func TestAFileIsNoTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := New(file)
	if err := p.Run("build", "CoreDNS", func(*Step) error { return nil }); err != nil {
		t.Fatal(err)
	}
	p.Close()
	text, err := os.ReadFile(file.Name())
	if err != nil || strings.ContainsRune(string(text), '\x1b') || !strings.HasPrefix(string(text), "✔ build  CoreDNS") {
		t.Errorf("the file holds %q, %v", text, err)
	}
}
