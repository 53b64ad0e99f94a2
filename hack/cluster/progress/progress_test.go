package progress

import (
	"bytes"
	"errors"
	"regexp"
	"testing"
	"time"
)

func TestEachStepIsOneLineWithItsTime(t *testing.T) {
	var out bytes.Buffer
	p := &Progress{out: &out, started: time.Now().Add(-90 * time.Second)}
	broken := errors.New("broken")
	if err := p.Run("CoreDNS", func() error { p.Detail("0 of 1 pods ready"); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := p.Run("Istio", func() error { return broken }); !errors.Is(err, broken) {
		t.Fatalf("the error is %v, want the one of the step", err)
	}
	want := regexp.MustCompile(`^✔ CoreDNS +0s  \(1m30s\)\n✖ Istio +0s  \(1m30s\)\n$`)
	if !want.MatchString(out.String()) {
		t.Errorf("the lines are\n%s", out.String())
	}
}

func TestAStepThatTakesLongSaysNowAndThenWhatItDoes(t *testing.T) {
	var out bytes.Buffer
	p := &Progress{out: &out, started: time.Now()}
	err := p.Run("Kubernetes", func() error {
		p.Detail("k8s.io/api") // too early to be worth a line
		p.lastLog = p.lastLog.Add(-2 * quiet)
		p.Detail("k8s.io/kubernetes/pkg/kubelet")
		p.Detail("k8s.io/kubernetes/pkg/proxy") // said something just now
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^… Kubernetes +0s  k8s.io/kubernetes/pkg/kubelet\n✔ Kubernetes .*\n$`)
	if !want.MatchString(out.String()) {
		t.Errorf("the lines are\n%s", out.String())
	}
}

func TestOnATerminalOneLineIsRewrittenUntilTheStepIsDone(t *testing.T) {
	var out bytes.Buffer
	p := &Progress{out: &out, terminal: true, started: time.Now()}
	if err := p.Run("Kubernetes", func() error { p.Detail("k8s.io/api"); return nil }); err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != 1 {
		t.Errorf("%d lines, want 1:\n%q", lines, out.String())
	}
	if !bytes.Contains(out.Bytes(), []byte("k8s.io/api")) {
		t.Errorf("it does not say what is done:\n%q", out.String())
	}
}
