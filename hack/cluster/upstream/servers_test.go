package upstream

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"blogplatform.io/operator/hack/build"
)

func testCache(t *testing.T) *build.Cache {
	t.Helper()
	return &build.Cache{Dir: filepath.Join(t.TempDir(), "cache"), Root: t.TempDir(), Log: func(string) {}}
}

// kept is what a cache holds besides its locks.
func kept(t *testing.T, c *build.Cache) []string {
	t.Helper()
	entries, err := os.ReadDir(c.Dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".lock-") {
			names = append(names, entry.Name())
		}
	}
	return names
}

func isCached(t *testing.T, c *build.Cache, a Artifact) bool {
	t.Helper()
	cached, err := a.Cached(c)
	if err != nil {
		t.Fatal(err)
	}
	return cached
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// fileServer serves files by path over HTTPS, and answers a client that trusts it.
func fileServer(t *testing.T, files map[string][]byte) (*httptest.Server, Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, found := files[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content) // a client may go away
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that go away
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, Client{Transport: server.Client().Transport}
}

// archive is a .tar.gz of files.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	zip := gzip.NewWriter(&buffer)
	w := tar.NewWriter(zip)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	for _, closer := range []io.Closer{w, zip} {
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return buffer.Bytes()
}

// imageServer is a registry whose answers can be changed by change; it may be nil.
func imageServer(t *testing.T, change func(http.Handler) http.Handler) *httptest.Server {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if change != nil {
		handler = change(handler)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// imageFor is an image with two layers for a processor.
func imageFor(t *testing.T, arch string) v1.Image {
	t.Helper()
	image, err := random.Image(64, 2)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config.Entrypoint = "linux", arch, []string{"/usr/local/bin/pilot-discovery"}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	return image
}

// indexOf is an index of one image a processor, with an attestation as build tools add it.
func indexOf(t *testing.T, images map[string]v1.Image) v1.ImageIndex {
	t.Helper()
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: imageFor(t, "unknown"), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}},
	})
	for arch, image := range images {
		platform := &v1.Platform{OS: "linux", Architecture: arch}
		if arch == "arm64" {
			platform.Variant = "v8" // as many registries have it
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index
}

// push puts an image or an index into a registry as repository:tag, and answers that reference.
func push(t *testing.T, server *httptest.Server, repositoryTag string, what remote.Taggable) string {
	t.Helper()
	reference := strings.TrimPrefix(server.URL, "http://") + "/" + repositoryTag
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	if index, isIndex := what.(v1.ImageIndex); isIndex {
		err = remote.WriteIndex(tag, index)
	} else {
		err = remote.Write(tag, what.(v1.Image))
	}
	if err != nil {
		t.Fatal(err)
	}
	return reference
}

// hexOf is the digest of an image or an index, without sha256:.
func hexOf(t *testing.T, what interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	digest, err := what.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.Hex
}

// roundTrips is a transport made of a function.
type roundTrips func(*http.Request) (*http.Response, error)

func (f roundTrips) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
