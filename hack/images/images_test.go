package images

import (
	"archive/tar"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"blogplatform.io/operator/hack/build"
)

// checkout is a small stand-in for this project, with programs where the real ones lie, as a
// commit of its own. Building the real ones takes minutes; `make images` does it.
func checkout(t *testing.T) *build.Cache {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{"go.mod": "module example.com/blog\n\ngo 1.26\n", "go.sum": "", "cmd/manager/main.go": program("operator")}
	for _, service := range Services {
		files["services/"+service+"/main.go"] = program(service)
	}
	for _, folder := range []string{"api", "controllers", "internal"} {
		files[folder+"/doc.go"] = "package " + folder + "\n"
	}
	for name, content := range files {
		put(t, filepath.Join(root, name), content)
	}
	put(t, filepath.Join(root, "README.md"), root) // no two commits are equal
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "-m", "programs"}} {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = root
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	return &build.Cache{Dir: filepath.Join(t.TempDir(), "cache"), Root: root, Log: func(string) {}}
}

func program(name string) string {
	return "package main\n\nfunc main() { println(\"" + name + "\") }\n"
}

func TestAnImageRunsOnBothProcessorsAsNobody(t *testing.T) {
	dir := t.TempDir()
	if err := Write(t.Context(), checkout(t), "registry.example.com/blog", dir, Names...); err != nil {
		t.Fatal(err)
	}
	for _, name := range Names {
		t.Run(name, func(t *testing.T) {
			index, digest := theIndex(t, filepath.Join(dir, name))
			if !strings.Contains(read(t, filepath.Join(dir, "references")), "registry.example.com/blog/"+name+"@"+digest.String()+"\n") {
				t.Errorf("the references do not name %s", digest)
			}
			manifest, err := index.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			machines := map[string]elf.Machine{}
			for _, m := range manifest.Manifests {
				image, err := index.Image(m.Digest)
				if err != nil {
					t.Fatal(err)
				}
				machines[m.Platform.String()] = judgeImage(t, image, m.Platform)
			}
			if diff := cmp.Diff(map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64}, machines); diff != "" {
				t.Errorf("platforms and their programs (-want +got):\n%s", diff)
			}
		})
	}
}

// judgeImage answers which machine the program of an image is for, after a look at what else matters.
func judgeImage(t *testing.T, image v1.Image, platform *v1.Platform) elf.Machine {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("it runs as %q", config.Config.User)
	}
	if config.OS != platform.OS || config.Architecture != platform.Architecture {
		t.Errorf("it says %s/%s of itself, the index %s", config.OS, config.Architecture, platform)
	}
	if mediaType, err := image.MediaType(); err != nil || mediaType != types.OCIManifestSchema1 {
		t.Errorf("it is a %s, %v", mediaType, err)
	}
	binary := programIn(t, image, strings.TrimPrefix(config.Config.Entrypoint[0], "/"))
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("its program asks for a dynamic linker, which the image does not hold")
		}
	}
	return binary.Machine
}

func TestTheSameSourcesGiveTheSameDigestInAnyCheckoutAndCommit(t *testing.T) {
	references := func() string {
		dir := t.TempDir()
		if err := Write(t.Context(), checkout(t), "registry.example.com/blog", dir, Operator, "frontend"); err != nil {
			t.Fatal(err)
		}
		return read(t, filepath.Join(dir, "references"))
	}
	if diff := cmp.Diff(references(), references()); diff != "" {
		t.Errorf("two builds differ (-one +other):\n%s", diff)
	}
}

func TestAServiceThatChangesGetsAnotherDigestAndTheOthersKeepTheirs(t *testing.T) {
	c, dir := checkout(t), t.TempDir()
	references := func() []string {
		if err := Write(t.Context(), c, "registry.example.com/blog", dir, "frontend", "user"); err != nil {
			t.Fatal(err)
		}
		return strings.Fields(read(t, filepath.Join(dir, "references")))
	}
	before := references()
	put(t, filepath.Join(c.Root, "services/frontend/main.go"), program("changed"))
	after := references()
	if before[0] == after[0] {
		t.Errorf("frontend is still %s", after[0])
	}
	if before[1] != after[1] {
		t.Errorf("user was %s and is %s", before[1], after[1])
	}
}

func TestAFolderOfSomebodyElseIsNotEmptied(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "thesis.tex"), "years of work")
	err := Write(t.Context(), checkout(t), "registry.example.com/blog", dir, "frontend")
	if err == nil || !strings.Contains(err.Error(), "name an empty folder") {
		t.Errorf("the error is %v", err)
	}
	if read(t, filepath.Join(dir, "thesis.tex")) == "" {
		t.Error("it is gone")
	}
}

func TestARegistryThatNobodyCouldPushToIsRefused(t *testing.T) {
	for _, registry := range []string{"ghcr.io/Owner/blog", "", "ghcr.io/my blog", "ghcr.io/owner/blog:v1"} {
		dir := filepath.Join(t.TempDir(), "images")
		err := Write(t.Context(), checkout(t), registry, dir, "frontend")
		if err == nil || !strings.Contains(err.Error(), "in small letters") {
			t.Errorf("%q: the error is %v", registry, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%q: something was written", registry)
		}
	}
}

// theIndex is the only entry of an OCI layout, as crane pushes it.
func theIndex(t *testing.T, dir string) (v1.ImageIndex, v1.Hash) {
	t.Helper()
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].MediaType != types.OCIImageIndex {
		t.Fatalf("the layout holds %v, want one index", manifest.Manifests)
	}
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index, manifest.Manifests[0].Digest
}

// programIn is a program out of the only layer of an image.
func programIn(t *testing.T, image v1.Image, name string) *elf.File {
	t.Helper()
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	for reader := tar.NewReader(content); ; {
		header, err := reader.Next()
		if err != nil {
			t.Fatalf("looking for %s: %v", name, err)
		}
		if header.Name != name {
			continue
		}
		raw, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		binary, err := elf.NewFile(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		return binary
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
