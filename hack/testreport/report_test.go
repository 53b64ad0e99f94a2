package testreport

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aPackage ends at its limit while two tests run, one of them in a subtest, and one is paused.
const aPackage = `package slow
import ("testing"; "time")
func TestDone(t *testing.T) {}
func TestFails(t *testing.T) { t.Error("it is wrong") }
func TestPaused(t *testing.T) { t.Parallel() }
func TestOuter(t *testing.T) { t.Run("inner", func(t *testing.T) { time.Sleep(time.Minute) }) }
`

// TestTheRunningTestsAreNamed runs the real go test into its limit.
func TestTheRunningTestsAreNamed(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module example.com/slow\ngo 1.24\n", "slow_test.go": aPackage} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("go", "test", "-count=1", "-json", "-timeout", "1s", ".")
	command.Dir = dir
	out, err := command.Output()
	if err == nil {
		t.Fatalf("no limit was reached:\n%s", out)
	}
	events, err := Read(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	report := Of(events)
	if len(report.Running) != 1 || report.Running[0].Test != "TestOuter/inner" || report.Running[0].For.Seconds() < 0.5 {
		t.Errorf("running: %v, want TestOuter/inner alone, for about a second, in\n%s", report.Running, out)
	}
	var text bytes.Buffer
	report.Write(&text, 10)
	for _, want := range []string{"RUNNING", "TestOuter/inner", "example.com/slow"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, text.String())
		}
	}
}

func TestRunningTestsAreListedBelowTheirPackage(t *testing.T) {
	report := Report{Running: []Running{{"a", "TestLong", 90 * time.Second}, {"a", "TestOuter/inner", 1240 * time.Millisecond}, {"b", "TestOther", time.Second}}}
	var text bytes.Buffer
	report.Write(&text, 0)
	_, list, _ := strings.Cut(text.String(), "\n")
	want := `  a
     1m30s  TestLong
      1.2s  TestOuter/inner
  b
        1s  TestOther
Slowest packages:
`
	if list != want {
		t.Errorf("got:\n%s\nwant:\n%s", list, want)
	}
}

func TestTheSlowestPackagesComeFirstAndNoMoreThanAskedFor(t *testing.T) {
	events, err := Read(strings.NewReader(`a line of a program
{"Action":"pass","Package":"quick","Elapsed":0.5}
{"Action":"fail","Package":"slow","Elapsed":61}
{"Action":"run","Package":"slow","Test":"TestA","Time":"2026-01-01T00:00:00Z"}
{"Action":"pass","Package":"slow","Test":"TestA","Elapsed":70,"Time":"2026-01-01T00:01:00Z"}
{"Action":"pass","Package":"middle","Elapsed":3}`))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	Of(events).Write(&text, 2)
	if want := "Slowest packages:\n      1m1s  slow\n        3s  middle\n"; text.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", text.String(), want)
	}
}
