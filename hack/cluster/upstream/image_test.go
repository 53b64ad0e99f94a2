package upstream

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// names are the references under which an archive makes its image known, each with the image's digest.
func names(t *testing.T, archive string) map[string]string {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for reader := tar.NewReader(file); ; {
		header, err := reader.Next()
		if err != nil {
			t.Fatalf("no index.json: %v", err)
		}
		if header.Name != "index.json" {
			continue
		}
		var index v1.IndexManifest
		if err := json.NewDecoder(reader).Decode(&index); err != nil {
			t.Fatal(err)
		}
		known := map[string]string{}
		for _, m := range index.Manifests {
			known[m.Annotations["io.containerd.image.name"]] = m.Digest.Hex
		}
		return known
	}
}

func pilot(from, arch, digest string) Artifact {
	return Artifact{Name: "blogplatform.local/pilot", Kind: Image, Arch: arch, From: from, SHA256: digest}
}

func TestAReleasedImageIsKnownAsOurs(t *testing.T) {
	server, cache := imageServer(t, nil), testCache(t)
	forArm := imageFor(t, "arm64")
	index := indexOf(t, map[string]v1.Image{"amd64": imageFor(t, "amd64"), "arm64": forArm})
	reference := push(t, server, "istio/pilot:1.31.0", index)
	artifact := pilot(reference, "arm64", hexOf(t, forArm))
	if isCached(t, cache, artifact) {
		t.Error("the cache holds it before it was pulled")
	}
	for range 2 {
		built, err := Client{}.Pull(t.Context(), cache, artifact)
		if err != nil {
			t.Fatal(err)
		}
		digest := hexOf(t, forArm)
		want := map[string]string{"blogplatform.local/pilot:dev": digest, "blogplatform.local/pilot@sha256:" + digest: digest}
		if diff := cmp.Diff(want, names(t, built.Archive)); diff != "" {
			t.Errorf("names in the archive (-want +got):\n%s", diff)
		}
		if want[built.Tagged] == "" || want[built.Digested] == "" || built.Tagged == built.Digested {
			t.Errorf("answered as %s and %s", built.Tagged, built.Digested)
		}
		server.Close() // the second time needs no registry
	}
	if !isCached(t, cache, artifact) {
		t.Error("the cache misses it after it was pulled")
	}
}

func TestTheImageForAProcessorIsFoundBehindTheDigestOfAnIndex(t *testing.T) {
	server := imageServer(t, nil)
	images := map[string]v1.Image{"amd64": imageFor(t, "amd64"), "arm64": imageFor(t, "arm64")}
	index := indexOf(t, images)
	reference := push(t, server, "istio/pilot:1.31.0", index)
	for arch, image := range images {
		built, err := Client{}.Pull(t.Context(), testCache(t), pilot(reference, arch, hexOf(t, index)))
		if err != nil {
			t.Fatal(err)
		}
		if want := "blogplatform.local/pilot@sha256:" + hexOf(t, image); built.Digested != want {
			t.Errorf("for %s it is %s, want %s", arch, built.Digested, want)
		}
	}
}

// swap answers what was asked for at one path with what is at another.
func swap(from, to string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, from) {
				r.URL.Path = strings.TrimSuffix(r.URL.Path, from) + to
			}
			next.ServeHTTP(w, r)
		})
	}
}

// cut breaks the connection in the middle of what is asked for at a path, which is of that size.
func cut(path string, size int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, path) {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = w.Write(bytes.Repeat([]byte{0}, 10))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
	}
}

func TestAnImageThatCannotBeTakenLeavesNothing(t *testing.T) {
	image, other := imageFor(t, "amd64"), imageFor(t, "amd64")
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	otherLayers, err := other.Layers()
	if err != nil {
		t.Fatal(err)
	}
	size, err := layers[0].Size()
	if err != nil {
		t.Fatal(err)
	}
	digest, layer, otherLayer := hexOf(t, image), hexOf(t, layers[0]), hexOf(t, otherLayers[0])
	for name, test := range map[string]struct {
		change func(http.Handler) http.Handler
		arch   string
		digest string
		want   []string
	}{
		"the registry answers another image":    {swap("/manifests/sha256:"+digest, "/manifests/sha256:"+hexOf(t, other)), "amd64", digest, []string{digest, hexOf(t, other)}},
		"the registry answers another layer":    {swap("/blobs/sha256:"+layer, "/blobs/sha256:"+otherLayer), "amd64", digest, []string{layer}},
		"the connection breaks within a layer":  {cut("/blobs/sha256:"+layer, size), "amd64", digest, []string{"unexpected EOF"}},
		"the image is for another processor":    {nil, "arm64", digest, []string{"istio/pilot@sha256:" + digest, "linux/amd64", "linux/arm64"}},
		"the registry has no image of this one": {nil, "amd64", strings.Repeat("a", 64), []string{strings.Repeat("a", 64), "MANIFEST_UNKNOWN"}},
		"there is no digest":                    {nil, "amd64", "", []string{"blogplatform.local/pilot for amd64", "not in the lock"}},
	} {
		t.Run(name, func(t *testing.T) {
			server, cache := imageServer(t, test.change), testCache(t)
			reference := push(t, server, "istio/pilot:1.31.0", image)
			push(t, server, "istio/pilot:other", other)
			_, err := Client{}.Pull(t.Context(), cache, pilot(reference, test.arch, test.digest))
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if names := kept(t, cache); len(names) > 0 {
				t.Errorf("the cache holds %v", names)
			}
		})
	}
}

func TestAnIndexWithoutTheProcessorIsRefused(t *testing.T) {
	index := indexOf(t, map[string]v1.Image{"amd64": imageFor(t, "amd64")})
	reference := push(t, imageServer(t, nil), "istio/pilot:1.31.0", index)
	_, err := Client{}.Pull(t.Context(), testCache(t), pilot(reference, "arm64", hexOf(t, index)))
	if !errors.Is(err, errNotReleased) || !strings.Contains(err.Error(), "linux/arm64 is not in the index") {
		t.Errorf("the error is %v", err)
	}
}

func TestAPullEndsWithASilentRegistry(t *testing.T) {
	image := imageFor(t, "amd64")
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	layer := "/blobs/sha256:" + hexOf(t, layers[0])
	server := imageServer(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, layer) {
				_, _ = io.WriteString(w, "the beginning")
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	reference, cache := push(t, server, "istio/pilot:1.31.0", image), testCache(t)
	_, err = Client{silence: 100 * time.Millisecond}.Pull(t.Context(), cache, pilot(reference, "amd64", hexOf(t, image)))
	if err == nil || !strings.Contains(err.Error(), "nothing was received for 100ms") {
		t.Errorf("the error is %v", err)
	}
	if names := kept(t, cache); len(names) > 0 {
		t.Errorf("the cache holds %v", names)
	}
}
