package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestArgumentsDecideWhatRunsAndHowTheProcessEnds(t *testing.T) {
	commands := []Command{
		{Name: "work", Help: "work well", Run: func(context.Context, Identity, []string) error { return nil }},
		{Name: "fail", Help: "work badly", Run: func(context.Context, Identity, []string) error { return errors.New("the disk is full") }},
		{Name: "pick", Help: "take a flag", Run: func(_ context.Context, _ Identity, args []string) error {
			flags := flag.NewFlagSet("pick", flag.ContinueOnError)
			flags.SetOutput(&bytes.Buffer{})
			flags.String("phase", "", "which")
			return ParseFlags(flags, args)
		}},
	}
	cases := map[string]struct {
		args        []string
		code        int
		stderr      string
		termination string
	}{
		"a command that works ends with 0":                     {args: []string{"work"}, code: ExitOK},
		"a command that fails ends with 1 and leaves a reason": {args: []string{"fail"}, code: ExitFailed, stderr: "the disk is full", termination: "the disk is full"},
		"no command ends with 2 and the list of them":          {code: ExitUsage, stderr: "work well"},
		"an unknown command is named":                          {args: []string{"toil"}, code: ExitUsage, stderr: `"toil"`},
		"an unknown flag is named":                             {args: []string{"pick", "--fase=x"}, code: ExitUsage, stderr: "-fase"},
		"an argument too many is named":                        {args: []string{"pick", "expand"}, code: ExitUsage, stderr: `"expand"`},
		"help is no failure":                                   {args: []string{"pick", "-h"}, code: ExitOK},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			log := terminationLog(t)
			var stderr bytes.Buffer
			if code := run(t.Context(), &stderr, Identity{Service: "things"}, c.args, commands); code != c.code {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("standard error: %s", stderr.String())
			}
			if diff := cmp.Diff(c.termination, read(t, log)); diff != "" {
				t.Errorf("termination message: %s", diff)
			}
		})
	}
}

func TestEveryLogLineSaysWhichServiceAndVersionWroteIt(t *testing.T) {
	var out bytes.Buffer
	NewLogger(&out, Identity{Service: "content", Version: "v3"}).Info("hello")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["service"] != "content" || line["version"] != "v3" || line["msg"] != "hello" {
		t.Errorf("got %v", line)
	}
}

func TestALongTerminationMessageIsCutToWhatKubernetesKeeps(t *testing.T) {
	log := terminationLog(t)
	Terminate(strings.Repeat("x", 2*maxTerminationMessage))
	if got := len(read(t, log)); got != maxTerminationMessage {
		t.Errorf("%d bytes", got)
	}
}

func TestOutsideKubernetesNoTerminationFileAppears(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	t.Setenv("TERMINATION_LOG", path)
	Terminate("nobody reads this")
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestADurationInTheEnvironmentIsChecked(t *testing.T) {
	cases := map[string]struct {
		text string
		want time.Duration
		fail bool
	}{
		"unset means the default":  {"", time.Minute, false},
		"a duration is taken":      {"90s", 90 * time.Second, false},
		"a bare number is refused": {"90", 0, true},
		"a negative is refused":    {"-1s", 0, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("THING_TIMEOUT", c.text)
			got, err := DurationEnv("THING_TIMEOUT", time.Minute)
			if got != c.want || (err != nil) != c.fail {
				t.Errorf("got %s, %v", got, err)
			}
			if c.fail && !strings.Contains(err.Error(), "THING_TIMEOUT") {
				t.Errorf("the error does not name the variable: %v", err)
			}
		})
	}
}

func terminationLog(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "termination-log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TERMINATION_LOG", path)
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
