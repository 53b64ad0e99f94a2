//go:build e2e && (delivery || faults || gitops || alerts)

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"blogplatform.io/operator/api/v1alpha1"
)

// fault is what a build does otherwise than the checkout: one text of one file.
type fault struct{ path, old, new string }

var (
	// another is no fault, but makes each program of a release another one.
	another = fault{"services/internal/server/server.go", `slog.Info("serving"`, `slog.Info("serving once more"`}
	// wrongTable names a table that is not there, where one post is read: every
	// page of a post fails, and neither lists nor probes do.
	wrongTable = fault{"services/content/service/posts.go", "FROM content.posts n", "FROM content.post n"}
)

// build makes a release of the checkout with faults, loads its images into the
// cluster and answers what spec.release has to be.
func build(t testing.TB, version string, faults ...fault) v1alpha1.Release {
	t.Helper()
	args := []string{"release", "--state", filepath.Dir(os.Getenv("BLOGPLATFORM_KUBECONFIG"))}
	for _, f := range faults {
		source, err := os.ReadFile(filepath.Join("..", "..", f.path))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(source, []byte(f.old)) {
			t.Fatalf("%s has no %q any more", f.path, f.old)
		}
		faulty := filepath.Join(t.TempDir(), filepath.Base(f.path))
		if err := os.WriteFile(faulty, bytes.Replace(source, []byte(f.old), []byte(f.new), 1), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--replace", f.path+"="+faulty)
	}
	command := exec.CommandContext(t.Context(), "../../bin/cluster", args...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("building release %s: %v", version, err)
	}
	release := v1alpha1.Release{Version: version}
	if err := json.Unmarshal(out, &release.Images); err != nil {
		t.Fatalf("building release %s: %v: %s", version, err, out)
	}
	return release
}
