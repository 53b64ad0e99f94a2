package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const shell = "#!/bin/sh\n"

// script writes a program of a shell.
func script(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestTheOperatorInTheClusterIsStartedAgainHoweverTheOneOnTheHostEnds runs
// hack/run.sh with other programs in the place of the cluster's.
func TestTheOperatorInTheClusterIsStartedAgainHoweverTheOneOnTheHostEnds(t *testing.T) {
	for name, end := range map[string]string{"well": "exit 0", "badly": "exit 3", "by Ctrl-C": "kill -INT $PPID; exit 130"} {
		t.Run(name, func(t *testing.T) {
			checkout := filepath.Join(t.TempDir(), "my blog")
			log := filepath.Join(checkout, "log")
			text, err := os.ReadFile("../run.sh")
			if err != nil {
				t.Fatal(err)
			}
			script(t, filepath.Join(checkout, "hack/run.sh"), string(text))
			script(t, filepath.Join(checkout, "bin/cluster"), shell+`echo "export PATH='`+checkout+`/stubs':\"\$PATH\""`)
			script(t, filepath.Join(checkout, "stubs/kubectl"), shell+`echo "kubectl $*" >>"$LOG"`)
			script(t, filepath.Join(checkout, "stubs/getent"), shell+"exit 2")
			script(t, filepath.Join(checkout, "stubs/go"), shell+`printf '#!/bin/sh\necho manager "$@" >>"$LOG"\n`+end+`\n' >bin/manager; chmod +x bin/manager; echo built >>"$LOG"`)
			run := exec.CommandContext(t.Context(), filepath.Join(checkout, "hack/run.sh"))
			run.Env = append(os.Environ(), "LOG="+log)
			out, err := run.CombinedOutput()
			if (name == "well") != (err == nil) {
				t.Errorf("it ended with %v", err)
			}
			if !strings.Contains(string(out), "127.0.0.1 id.blog.localhost") {
				t.Errorf("no output names the missing entry:\n%s", out)
			}
			happened, err := os.ReadFile(log)
			if err != nil {
				t.Fatalf("%v:\n%s", err, out)
			}
			lines := strings.Split(strings.TrimSpace(string(happened)), "\n")
			if len(lines) != 5 || lines[0] != "built" || !strings.HasSuffix(lines[1], "--replicas 0") || !strings.HasPrefix(lines[3], "manager") ||
				!strings.HasSuffix(lines[4], "--replicas 1") {
				t.Errorf("happened:\n%s", happened)
			}
		})
	}
}
