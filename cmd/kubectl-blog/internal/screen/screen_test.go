package screen

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/golden"
)

func TestColoursGoToTerminalsUnlessSomebodyWantsNone(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0) // the master of a new pseudo-terminal
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	if !StyleFor(terminal, false).Colour {
		t.Error("a terminal gets no colours")
	}
	if StyleFor(terminal, true).Colour || StyleFor(file, false).Colour || StyleFor(&bytes.Buffer{}, false).Colour {
		t.Error("--no-color, a file or a pipe gets colours")
	}
	t.Setenv("TERM", "dumb")
	if StyleFor(terminal, false).Colour {
		t.Error("a dumb terminal gets colours")
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	if StyleFor(terminal, false).Colour {
		t.Error("NO_COLOR does nothing")
	}
}

func TestTablesAndDiffs(t *testing.T) {
	rows := [][]string{{"", "VERSION", "OUTCOME"}, {"*", "v1.10.0", "Succeeded"}, {"", "größer", ""}}
	unified := "--- a\n+++ b\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n"
	golden.Equal(t, "plain.txt", Style{}.Table(rows)+Style{}.Diff(unified))
	golden.Equal(t, "colour.txt", Style{Colour: true}.Table(rows)+Style{Colour: true}.Diff(unified)+Style{Colour: true}.Diff("no new line"))
	if got := (Style{}).Diff(unified); got != unified {
		t.Errorf("without colours a diff is changed: %q", got)
	}
}

func TestMarksHaveWordsForPrograms(t *testing.T) {
	raw, err := json.Marshal([]Mark{OK, Attention, Failed})
	if err != nil || string(raw) != `["OK","Attention","Failed"]` {
		t.Errorf("%s, %v", raw, err)
	}
}
