package build

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is a container image made of files, without a container engine.
type Image struct {
	// Name is the reference without tag, such as blogplatform.local/operator.
	Name string
	// Base is a tar file of a root file system, or empty for an image of static programs only.
	Base string
	// Files maps the path in the image to a file of the host.
	Files map[string]string
	// Folders are empty folders that anybody may write to.
	Folders []string
	// User is uid or uid:gid.
	User       string
	Entrypoint []string
	Env        []string
	// Labels are read by people and tools. Two images that differ in a label only are two images.
	Labels map[string]string
	// Arch is the processor that the programs are for, as GOARCH names it; empty is this machine's.
	Arch string
}

// Tag under which the images of a local cluster are known.
const Tag = "dev"

// BuiltImage is an image as an OCI layout in a tar file.
type BuiltImage struct {
	// Archive is the tar file.
	Archive string
	// Tagged is name:dev, Digested is name@sha256:….
	Tagged, Digested string
}

// Build makes the image. The archive names it by tag and by digest.
func (i Image) Build(ctx context.Context, c *Cache) (BuiltImage, error) {
	key, err := i.key()
	if err != nil {
		return BuiltImage{}, fmt.Errorf("reading the files of image %s: %w", i.Name, err)
	}
	return c.Image(ctx, i.Name, key, func(context.Context) (v1.Image, error) { return i.assemble() })
}

// Image answers the archive of an image that is known by name, a reference
// without tag. If there is none for this key, make makes the image that goes into it.
func (c *Cache) Image(ctx context.Context, name string, key []byte, make func(ctx context.Context) (v1.Image, error)) (BuiltImage, error) {
	dir, err := c.Path(ctx, ImageArtifact(name), key, func(ctx context.Context, dir string) error {
		image, err := make(ctx)
		if err != nil {
			return err
		}
		return writeImage(dir, name, image)
	})
	if err != nil {
		return BuiltImage{}, err
	}
	digest, err := os.ReadFile(filepath.Join(dir, "digest"))
	if err != nil {
		return BuiltImage{}, err
	}
	return BuiltImage{
		Archive: filepath.Join(dir, "image.tar"),
		Tagged:  name + ":" + Tag, Digested: name + "@" + string(digest),
	}, nil
}

// ImageArtifact is the name under which a cache keeps the image that is known by name, a reference without tag.
func ImageArtifact(name string) string { return "image-" + filepath.Base(name) }

func (i Image) key() ([]byte, error) {
	key := bytes.NewBufferString(fmt.Sprintf("%s %v %s %v %v %s\n", i.Name, i.Folders, i.User, i.Entrypoint, i.Env, i.Arch))
	if len(i.Labels) > 0 {
		fmt.Fprintln(key, i.Labels) // in the order of their names
	}
	// Artifacts lie in folders named by a hash of their inputs, so path, size and time identify a file.
	add := func(path, file string) error {
		info, err := os.Stat(file)
		if err == nil {
			fmt.Fprintln(key, path, file, info.Size(), info.ModTime().UnixNano())
		}
		return err
	}
	if i.Base != "" {
		if err := add("base", i.Base); err != nil {
			return nil, err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(i.Files)) {
		if err := add(path, i.Files[path]); err != nil {
			return nil, err
		}
	}
	return key.Bytes(), nil
}

// writeImage makes dir hold the archive and the digest of an image.
func writeImage(dir, name string, image v1.Image) error {
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	oci := filepath.Join(dir, "layout")
	index, err := layout.Write(oci, empty.Index)
	if err != nil {
		return err
	}
	if err := index.WriteImage(image); err != nil {
		return err
	}
	descriptor, err := partial.Descriptor(image)
	if err != nil {
		return err
	}
	for _, reference := range []string{name + ":" + Tag, name + "@" + digest.String()} {
		descriptor.Annotations = map[string]string{"io.containerd.image.name": reference}
		if err := index.AppendDescriptor(*descriptor); err != nil {
			return err
		}
	}
	if err := archive(oci, filepath.Join(dir, "image.tar")); err != nil {
		return err
	}
	if err := os.RemoveAll(oci); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "digest"), []byte(digest.String()), 0o644)
}

func (i Image) assemble() (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	var layers []v1.Layer
	if i.Base != "" {
		base, err := tarball.LayerFromFile(i.Base, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", i.Base, err)
		}
		layers = append(layers, base)
	}
	files, err := i.filesLayer()
	if err != nil {
		return nil, err
	}
	if image, err = mutate.AppendLayers(image, append(layers, files)...); err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", cmp.Or(i.Arch, runtime.GOARCH)
	config.Config.User, config.Config.Entrypoint, config.Config.Env, config.Config.Labels = i.User, i.Entrypoint, i.Env, i.Labels
	return mutate.ConfigFile(image, config)
}

// filesLayer holds the files and folders, without times, so that equal files give an equal digest.
func (i Image) filesLayer() (v1.Layer, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, folder := range i.Folders {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.Trim(folder, "/") + "/", Mode: 0o1777}); err != nil {
			return nil, err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(i.Files)) {
		if err := addFile(w, i.Files[path], strings.Trim(path, "/"), 0o755); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	content := buffer.Bytes()
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}

func addFile(w *tar.Writer, file, name string, mode int64) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: info.Size()}); err != nil {
		return err
	}
	source, err := os.Open(file)
	if err != nil {
		return err
	}
	defer source.Close()
	_, err = io.Copy(w, source)
	return err
}

func archive(dir, output string) error {
	file, err := os.Create(output)
	if err != nil {
		return err
	}
	defer file.Close()
	w := tar.NewWriter(file)
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return addFile(w, path, name, 0o644)
	})
	if err != nil {
		return err
	}
	return w.Close()
}
