//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// plugin is the folder with kubectl-blog and its completion, built for this run.
func plugin(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(folder, "kubectl-blog"), "../../cmd/kubectl-blog")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	script, err := os.ReadFile("../../cmd/kubectl-blog/kubectl_complete-blog")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "kubectl_complete-blog"), script, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// kubectl runs the cluster's own kubectl, which finds plugins on the PATH.
func kubectl(t testing.TB, plugins string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	kubeconfig := os.Getenv("BLOGPLATFORM_KUBECONFIG")
	bin := filepath.Join(filepath.Dir(kubeconfig), "bin")
	command := exec.CommandContext(t.Context(), filepath.Join(bin, "kubectl"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+strings.Join([]string{plugins, bin, os.Getenv("PATH")}, string(os.PathListSeparator)))
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), command.ProcessState.ExitCode()
}

func TestAPlatformEngineerAsksThroughKubectl(t *testing.T) {
	plugins := plugin(t)
	for _, story := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"blog", "status", "-n", production.namespace, platform}, 0, "✔ Ready"},
		{[]string{"blog", "status", "-n", production.namespace}, 0, "✔ frontend   2/2"},
		{[]string{"blog", "status", "-n", production.namespace, "nobody"}, 2, "there is no BlogPlatform g11-prod/nobody"},
		{[]string{"blog", "check", "-n", production.namespace, "--only", "kubernetes,kinds,controllers,operator,namespace,gateway"}, 0, "✔ Sidecars"},
		{[]string{"blog", "diff", "-n", production.namespace}, 0, "nothing would change"},
		{[]string{"blog", "history", "-n", staging.namespace}, 0, "Succeeded"},
		{[]string{"blog", "logs", "-n", staging.namespace, "--service", "content", "--tail", "-1"}, 0, "serving"},
		{[]string{"blog", "abort", "-n", staging.namespace}, 1, "there is nothing to abort"},
		{[]string{"__complete", "blog", "status", "-n", staging.namespace, ""}, 0, platform + "\n"},
		{[]string{"__complete", "blog", "pro"}, 0, "promote\t"},
	} {
		t.Run(strings.Join(story.args, " "), func(t *testing.T) {
			out, errOut, code := kubectl(t, plugins, story.args...)
			if code != story.code || !strings.Contains(out+errOut, story.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", code, story.code, story.says, out, errOut)
			}
		})
	}
}
