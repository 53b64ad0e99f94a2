package cluster

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/cluster/node"
)

func TestAShellFindsTheClusterWhateverItsFolderIsCalled(t *testing.T) {
	s := node.Settings{State: filepath.Join(t.TempDir(), "it's $HOME; a `b` \"c\""), Root: "/home/me/my blog"}
	if err := os.MkdirAll(s.Path("bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Path("bin", "kubectl"), []byte("#!/bin/sh\necho \"asked $KUBECONFIG\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "sh", "-c", environment(s)+"\nkubectl; echo \"$PATH\"")
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "asked " + s.Kubeconfig() + "\n" + s.Path("bin") + ":/home/me/my blog/bin:" + os.Getenv("PATH") + "\n"
	if string(out) != want {
		t.Errorf("it says\n%s\nwant\n%s", out, want)
	}
}

func TestWithoutAClusterNothingIsWrittenForTheShell(t *testing.T) {
	var out bytes.Buffer
	err := Env(node.Settings{State: t.TempDir()}, &out)
	if err == nil || !strings.Contains(err.Error(), "make up") || out.Len() > 0 {
		t.Errorf("it writes %q, and the error is %v", out.String(), err)
	}
}
