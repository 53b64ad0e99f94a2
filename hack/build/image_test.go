package build

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

func TestAnImageIsNamedByTagAndByDigest(t *testing.T) {
	program := write(t, t.TempDir(), "operator", "program")
	built, err := Image{
		Name: "blogplatform.local/operator", Files: map[string]string{"/manager": program}, Folders: []string{"/tmp"},
		User: "65532:65532", Entrypoint: []string{"/manager"}, Env: []string{"A=b"},
	}.Build(t.Context(), testCache(t))
	if err != nil {
		t.Fatal(err)
	}
	index := openArchive(t, built.Archive)
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range manifest.Manifests {
		names = append(names, m.Annotations["io.containerd.image.name"])
	}
	digest := manifest.Manifests[0].Digest
	want := []string{"blogplatform.local/operator:dev", "blogplatform.local/operator@" + digest.String()}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names in the archive (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, []string{built.Tagged, built.Digested}); diff != "" {
		t.Errorf("answered names (-want +got):\n%s", diff)
	}
	image, err := index.Image(digest)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.OS != "linux" || config.Config.User != "65532:65532" || !cmp.Equal(config.Config.Entrypoint, []string{"/manager"}) || !cmp.Equal(config.Config.Env, []string{"A=b"}) {
		t.Errorf("configuration is %s %+v", config.OS, config.Config)
	}
	if diff := cmp.Diff(map[string]int64{"tmp/": 0o1777, "manager": 0o755}, modes(t, image)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestAnImageFromElsewhereIsArchivedAsOurs(t *testing.T) {
	c, key := testCache(t), []byte("sha256:1")
	made := 0
	foreign := func(context.Context) (v1.Image, error) {
		made++
		return Image{Name: "docker.io/somebody/pilot", Entrypoint: []string{"/pilot"}}.assemble()
	}
	if c.Has(ImageArtifact("blogplatform.local/pilot"), key) {
		t.Error("the cache holds it before it was made")
	}
	for range 2 {
		built, err := c.Image(t.Context(), "blogplatform.local/pilot", key, foreign)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := openArchive(t, built.Archive).IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		if name := manifest.Manifests[0].Annotations["io.containerd.image.name"]; name != "blogplatform.local/pilot:dev" || name != built.Tagged {
			t.Errorf("it is known as %s, and answered as %s", name, built.Tagged)
		}
	}
	if has := c.Has(ImageArtifact("blogplatform.local/pilot"), key); made != 1 || !has {
		t.Errorf("it was made %d times, want 1, and is kept: %v", made, has)
	}
}

func TestEqualFilesGiveAnEqualDigestInAnyCheckout(t *testing.T) {
	digest := func() string {
		program := write(t, t.TempDir(), "user", "program")
		built, err := Image{Name: "blogplatform.local/user", Files: map[string]string{"/user": program}}.Build(t.Context(), testCache(t))
		if err != nil {
			t.Fatal(err)
		}
		return built.Digested
	}
	if one, two := digest(), digest(); one != two {
		t.Errorf("%s and %s differ", one, two)
	}
}

func TestAnImageIsBuiltAgainWhenWhatIsInItChanges(t *testing.T) {
	dir, c := t.TempDir(), testCache(t)
	one, two := write(t, dir, "one", "1"), write(t, dir, "two", "2")
	before := Image{Name: "blogplatform.local/x", Files: map[string]string{"/a": one, "/b": two}}
	base, err := before.Build(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for name, after := range map[string]Image{
		"files change places": {Name: before.Name, Files: map[string]string{"/a": two, "/b": one}},
		"another user":        {Name: before.Name, Files: before.Files, User: "1:1"},
		"another entrypoint":  {Name: before.Name, Files: before.Files, Entrypoint: []string{"/a"}},
		"another folder":      {Name: before.Name, Files: before.Files, Folders: []string{"/tmp"}},
	} {
		t.Run(name, func(t *testing.T) {
			built, err := after.Build(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if built.Digested == base.Digested {
				t.Errorf("it is still %s", base.Digested)
			}
		})
	}
}

func TestAnImageOfAMissingFileIsRefused(t *testing.T) {
	_, err := Image{Name: "blogplatform.local/x", Files: map[string]string{"/x": "/does/not/exist"}}.Build(t.Context(), testCache(t))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}

// openArchive unpacks an image archive and opens the OCI layout in it.
func openArchive(t *testing.T, archive string) v1.ImageIndex {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	dir := t.TempDir()
	for reader := tar.NewReader(file); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, filepath.FromSlash(header.Name), string(content))
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func modes(t *testing.T, image v1.Image) map[string]int64 {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]int64{}
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		defer content.Close()
		for reader := tar.NewReader(content); ; {
			header, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			modes[header.Name] = header.Mode
		}
	}
	return modes
}

func TestTwoImagesThatDifferInALabelOnlyAreTwoImages(t *testing.T) {
	c, program := testCache(t), write(t, t.TempDir(), "service", "program")
	digests := map[string]bool{}
	for _, labels := range []map[string]string{nil, {"version": "v1"}, {"version": "v2"}, {"version": "v2"}} {
		built, err := Image{Name: "blogplatform.local/service", Files: map[string]string{"/service": program}, Labels: labels}.Build(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		digests[built.Digested] = true
	}
	if len(digests) != 3 {
		t.Errorf("there are %d images, want 3: %v", len(digests), digests)
	}
}
