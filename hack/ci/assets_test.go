package ci

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// releasing is a checkout that holds what a release is made of. The programs are
// fakes: go writes a program that is a line of text, kubectl prints the
// kustomization it is given, and gh, cosign and crane write down how they were called.
type releasing struct {
	t   *testing.T
	dir string
}

func newRelease(t *testing.T) releasing {
	t.Helper()
	r := releasing{t, t.TempDir()}
	for _, file := range []string{"hack/ci/assets.sh", "hack/ci/manifest.sh", "hack/ci/registry.sh", "cmd/kubectl-blog/krew.yaml", "cmd/kubectl-blog/kubectl_complete-blog", "LICENSE", "NOTICE"} {
		content, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		r.write(file, string(content))
	}
	r.write("fakes/go", "#!/bin/sh\nwhile [ \"$1\" != -o ]; do shift; done\necho \"$GOOS $GOARCH\" >\"$2\"\n")
	r.write("fakes/kubectl", "#!/bin/sh\ncat \"$2/kustomization.yaml\"\n")
	for _, name := range []string{"gh", "cosign"} {
		r.write("fakes/"+name, "#!/bin/sh\necho "+name+" \"$@\" >>"+r.dir+"/calls\n[ \"$2\" != view ] || [ -e "+r.dir+"/released ]\n")
	}
	r.write("bin/images/references", "ghcr.io/owner/blog/operator@sha256:"+strings.Repeat("1", 64)+"\n")
	r.write("bin/sbom/operator.cdx.json", "{}")
	return r
}

func (r releasing) write(path, content string) {
	r.t.Helper()
	path = filepath.Join(r.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r releasing) read(path string) string {
	r.t.Helper()
	content, err := os.ReadFile(filepath.Join(r.dir, path))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(content)
}

func (r releasing) run(version, script, step string) (string, error) {
	command := exec.CommandContext(r.t.Context(), filepath.Join(r.dir, "hack/ci", script), step)
	command.Env = append(os.Environ(), "VERSION="+version, "REPOSITORY=owner/blog", "PATH="+r.dir+"/fakes:"+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	return string(out), err
}

func (r releasing) must(script, step string) {
	r.t.Helper()
	if out, err := r.run("v1.2.3", script, step); err != nil {
		r.t.Fatalf("%s %s: %v: %s", script, step, err, out)
	}
}

func TestTheOperatorIsInstalledByDigest(t *testing.T) {
	r := newRelease(t)
	r.must("assets.sh", "install")
	var kustomization struct{ Images []map[string]string }
	if err := yaml.Unmarshal([]byte(r.read("bin/release/install.yaml")), &kustomization); err != nil {
		t.Fatal(err)
	}
	image := kustomization.Images[0]
	if image["name"] != "controller" || image["newName"] != "ghcr.io/owner/blog/operator" || image["digest"] != "sha256:"+strings.Repeat("1", 64) {
		t.Errorf("the operator's image becomes %v", image)
	}
}

func TestArchivesOfThePluginAreNamedByKrewWithTheirDigests(t *testing.T) {
	r := newRelease(t)
	r.must("assets.sh", "plugin")
	var manifest struct {
		Spec struct {
			Version   string
			Platforms []struct{ URI, SHA256, Bin string }
		}
	}
	first := r.read("bin/release/blog.yaml")
	if err := yaml.Unmarshal([]byte(first), &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Spec.Version != "v1.2.3" || len(manifest.Spec.Platforms) != 6 {
		t.Errorf("krew is told of %+v", manifest.Spec)
	}
	for _, platform := range manifest.Spec.Platforms {
		archive := "bin/release/" + filepath.Base(platform.URI)
		sum := sha256.Sum256([]byte(r.read(archive)))
		if platform.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s has another digest than %s", archive, platform.SHA256)
		}
		listed, err := exec.CommandContext(t.Context(), "tar", "-tzf", filepath.Join(r.dir, archive)).Output()
		if err != nil || !strings.Contains(string(listed), "./"+platform.Bin+"\n") || !strings.Contains(string(listed), "kubectl_complete-blog") {
			t.Errorf("%s holds %s, %v", archive, listed, err)
		}
	}
	r.must("assets.sh", "plugin")
	if r.read("bin/release/blog.yaml") != first {
		t.Error("a second run gave other archives")
	}
}

func TestProvenanceIsAttestedOfImagesAndFiles(t *testing.T) {
	r := newRelease(t)
	r.must("assets.sh", "install")
	r.must("assets.sh", "checksums")
	r.must("assets.sh", "checksums")
	subjects := r.read("bin/release/subjects")
	if !strings.HasSuffix(subjects, "\n"+strings.Repeat("1", 64)+"  ghcr.io/owner/blog/operator\n") || !strings.Contains(subjects, "  install.yaml\n") || strings.Count(subjects, "\n") != 2 {
		t.Errorf("subjects are %s", subjects)
	}
	if sums := r.read("bin/release/SHA256SUMS"); strings.Count(sums, "\n") != 1 || !strings.Contains(sums, "  install.yaml\n") {
		t.Errorf("checksums are %s", sums)
	}
}

func TestAReleaseIsADraftUntilItIsCompleteAndCanBeRepeated(t *testing.T) {
	r := newRelease(t)
	r.must("assets.sh", "install")
	r.must("assets.sh", "publish")
	r.write("released", "")
	r.must("assets.sh", "publish")
	upload := "gh release upload v1.2.3 --clobber bin/images/references bin/sbom/operator.cdx.json bin/release/install.yaml\ngh release edit v1.2.3 --draft=false\n"
	want := "gh release view v1.2.3\ngh release create v1.2.3 --draft --verify-tag --generate-notes\n" + upload + "gh release view v1.2.3\n" + upload
	if got := r.read("calls"); got != want {
		t.Errorf("GitHub was asked:\n%swant:\n%s", got, want)
	}
}

func TestOnlyTheWorkflowAtTheTagMaySign(t *testing.T) {
	r := newRelease(t)
	r.must("registry.sh", "verify")
	calls := r.read("calls")
	for _, want := range []string{
		"--certificate-identity https://github.com/owner/blog/.github/workflows/promote.yml@refs/tags/v1.2.3 ",
		"gh attestation verify oci://ghcr.io/owner/blog/operator@sha256:",
		"--source-ref refs/tags/v1.2.3",
	} {
		if !strings.Contains(calls, want) {
			t.Errorf("%q is not in %s", want, calls)
		}
	}
}

func TestWhatIsNoReleaseIsNotPublished(t *testing.T) {
	r := newRelease(t)
	for script, step := range map[string]string{"assets.sh": "publish", "registry.sh": "verify"} {
		if out, err := r.run("main", script, step); err == nil || !strings.Contains(out, "write VERSION=v1.2.3") {
			t.Errorf("%s %s answers %q, %v", script, step, out, err)
		}
	}
	if _, err := os.Stat(filepath.Join(r.dir, "calls")); err == nil {
		t.Errorf("programs were called: %s", r.read("calls"))
	}
}
