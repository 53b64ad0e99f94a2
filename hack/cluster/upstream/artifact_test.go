package upstream

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/build"
)

// locks is a lock of a release for amd64, whose servers everybody in this process trusts.
func locks(t *testing.T) (released, []build.Artifact) {
	t.Helper()
	r := release(t)
	if err := r.client.Relock(t.Context(), r.root, func(string) {}); err != nil {
		t.Fatal(err)
	}
	everybody := http.DefaultTransport
	http.DefaultTransport = r.client.Transport
	t.Cleanup(func() { http.DefaultTransport = everybody })
	_, lock := r.lock(t)
	var artifacts []build.Artifact
	for _, artifact := range lock.Artifacts("amd64") {
		artifacts = append(artifacts, artifact)
	}
	return r, artifacts
}

func TestWhoeverBuildsAComponentGetsItsReleasedParts(t *testing.T) {
	_, artifacts := locks(t)
	cache, built := testCache(t), map[string]string{}
	for _, artifact := range artifacts {
		if cached, err := artifact.Cached(cache); cached || err != nil {
			t.Errorf("%s is in an empty cache, %v", artifact.ArtifactName(), err)
		}
		path, err := artifact.Build(t.Context(), cache)
		if err != nil {
			t.Fatal(err)
		}
		if cached, err := artifact.Cached(cache); !cached || err != nil {
			t.Errorf("%s is not in the cache after its build, %v", artifact.ArtifactName(), err)
		}
		built[artifact.ArtifactName()] = path
	}
	if content, err := os.ReadFile(built["released-kubectl"]); string(content) != "kubectl for amd64" {
		t.Errorf("kubectl is %q, %v", content, err)
	}
	if file := filepath.Base(built["released-etcd"]); file != "etcd" {
		t.Errorf("the program etcd is called %s", file)
	}
	if known := names(t, built["image-pilot"]); len(known) != 2 || known["blogplatform.local/pilot:dev"] == "" {
		t.Errorf("the archive of pilot holds %v", known)
	}
}

func TestAnotherReleaseIsNotTheOneInTheCache(t *testing.T) {
	_, artifacts := locks(t)
	cache := testCache(t)
	for _, built := range artifacts {
		if _, err := built.Build(t.Context(), cache); err != nil {
			t.Fatal(err)
		}
		next := built.(Artifact)
		next.SHA256 = strings.Repeat("b", 64)
		if isCached(t, cache, next) {
			t.Errorf("%s is taken for a release with another digest", built.ArtifactName())
		}
	}
}

func TestAFailedDownloadNamesTheWayAroundAndIsNotCompiledSecretly(t *testing.T) {
	r, artifacts := locks(t)
	r.files["/kubectl-v1.2.0-amd64"] = []byte("what somebody put there")
	for _, artifact := range artifacts {
		unlocked := artifact.(Artifact)
		unlocked.SHA256 = ""
		if _, err := unlocked.Build(t.Context(), testCache(t)); err == nil || !strings.Contains(err.Error(), "not in the lock") {
			t.Errorf("without a digest the error of %s is %v", unlocked.Name, err)
		}
		if unlocked.Name != "kubectl" {
			continue
		}
		cache := testCache(t)
		if _, err := artifact.Build(t.Context(), cache); err == nil || !strings.Contains(err.Error(), "CLUSTER_FROM=source") {
			t.Errorf("with another digest the error is %v", err)
		}
		if names := kept(t, cache); len(names) > 0 {
			t.Errorf("the cache holds %v", names)
		}
	}
}
