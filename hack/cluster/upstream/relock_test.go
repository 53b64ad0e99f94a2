package upstream

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// released is a checkout with a lock of etcd, which is a file, and of pilot, which is an image, and what their servers hold.
type released struct {
	root   string
	client Client
	files  map[string][]byte
	pilot  map[string]v1.Image
}

func release(t *testing.T) released {
	t.Helper()
	r := released{root: t.TempDir(), files: map[string][]byte{}, pilot: map[string]v1.Image{"amd64": imageFor(t, "amd64"), "arm64": imageFor(t, "arm64")}}
	for _, arch := range Architectures {
		r.files["/etcd-v1.2.0-"+arch+".tar.gz"] = archive(t, map[string]string{"etcd-v1.2.0/etcd": "etcd for " + arch})
		r.files["/kubectl-v1.2.0-"+arch] = []byte("kubectl for " + arch)
	}
	server, client := fileServer(t, r.files)
	r.client = client
	reference := push(t, imageServer(t, nil), "istio/pilot:2", indexOf(t, r.pilot))
	r.write(t, "etcd/go.mod", "module etcd\n\ngo 1.26.0\n\nrequire example.com/etcd v1.2.0\n\nrequire example.com/other v1.0.0 // indirect\n")
	r.write(t, "istio/go.mod", "module istio\n\ngo 1.26.0\n\nrequire (\n\texample.com/istio v1.0.0\n)\n")
	r.write(t, LockPath, `components:
- name: etcd
  module: etcd
  path: example.com/etcd
  version: v1.1.0
  entries:
  - {name: etcd, kind: file, from: "`+server.URL+`/etcd-$VERSION-$ARCH.tar.gz", member: etcd-$VERSION/etcd, sha256: {amd64: `+strings.Repeat("a", 64)+`}}
  - {name: kubectl, kind: file, from: "`+server.URL+`/kubectl-$VERSION-$ARCH"}
- name: istio
  module: istio
  path: example.com/istio
  version: v1.0.0
  release: "2"
  entries:
  - {name: blogplatform.local/pilot, kind: image, from: "`+strings.TrimSuffix(reference, ":2")+`:$RELEASE", sha256: {}}
`)
	return r
}

func (r released) write(t *testing.T, path, text string) {
	t.Helper()
	path = filepath.Join(r.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lock is what is in the file.
func (r released) lock(t *testing.T) (string, Lock) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.root, LockPath))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), lock
}

func TestAMaintainerLocksWhatTheServersHold(t *testing.T) {
	r := release(t)
	var logged []string
	if err := r.client.Relock(t.Context(), r.root, func(line string) { logged = append(logged, line) }); err != nil {
		t.Fatal(err)
	}
	first, lock := r.lock(t)
	got := map[string]string{}
	for _, arch := range Architectures {
		if !lock.Complete(arch) {
			t.Errorf("for %s there is no digest of %q", arch, lock.Unlocked(arch))
		}
		for _, artifact := range lock.Artifacts(arch) {
			got[artifact.Name+" "+arch] = artifact.SHA256
		}
	}
	want := map[string]string{}
	for _, arch := range Architectures {
		want["etcd "+arch] = digestOf(r.files["/etcd-v1.2.0-"+arch+".tar.gz"])
		want["kubectl "+arch] = digestOf(r.files["/kubectl-v1.2.0-"+arch])
		want["blogplatform.local/pilot "+arch] = hexOf(t, r.pilot[arch])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("digests (-want +got):\n%s", diff)
	}
	if len(logged) != len(want) || !strings.Contains(strings.Join(logged, "\n"), want["etcd arm64"]+"  etcd for arm64 (https://") {
		t.Errorf("logged %q", logged)
	}
	if component, _ := lock.Component("etcd"); component.Version != "v1.2.0" {
		t.Errorf("etcd is locked at %s, its module is at v1.2.0", component.Version)
	}
	if err := r.client.Relock(t.Context(), r.root, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if second, _ := r.lock(t); second != first {
		t.Errorf("the second run changed the lock:\n%s", cmp.Diff(first, second))
	}
}

func TestWhatIsLockedCanBeTaken(t *testing.T) {
	r := release(t)
	if err := r.client.Relock(t.Context(), r.root, func(string) {}); err != nil {
		t.Fatal(err)
	}
	_, lock := r.lock(t)
	for _, artifact := range lock.Artifacts("arm64") {
		var err error
		if artifact.Kind == Image {
			_, err = r.client.Pull(t.Context(), testCache(t), artifact)
		} else {
			_, err = r.client.Fetch(t.Context(), testCache(t), artifact)
		}
		if err != nil {
			t.Errorf("%s: %v", artifact, err)
		}
	}
}

func TestALockThatCannotBeWrittenWholeStaysAsItIs(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, r released)
		want   []string
	}{
		"files are missing, and all are named": {func(_ *testing.T, r released) {
			delete(r.files, "/kubectl-v1.2.0-arm64")
			delete(r.files, "/etcd-v1.2.0-amd64.tar.gz")
		}, []string{"kubectl for arm64", "etcd for amd64", "404"}},
		"an archive lacks the program": {func(t *testing.T, r released) {
			r.files["/etcd-v1.2.0-amd64.tar.gz"] = archive(t, map[string]string{"README": ""})
		}, []string{"etcd for amd64", "holds no file etcd-v1.2.0/etcd"}},
		"a module no longer requires it": {func(t *testing.T, r released) {
			r.write(t, "istio/go.mod", "module istio\n")
		}, []string{"istio/go.mod", "example.com/istio"}},
		"the release of a version is not known": {func(t *testing.T, r released) {
			r.write(t, "istio/go.mod", "module istio\n\nrequire example.com/istio v1.1.0\n")
		}, []string{"istio is now at v1.1.0", "v1.0.0 only", "look up which release"}},
		"there is no module": {func(t *testing.T, r released) {
			if err := os.Remove(filepath.Join(r.root, "istio/go.mod")); err != nil {
				t.Fatal(err)
			}
		}, []string{"reading the version of istio", "go.mod"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := release(t)
			test.change(t, r)
			before, _ := r.lock(t)
			err := r.client.Relock(t.Context(), r.root, func(string) {})
			if err == nil {
				t.Fatal("it was written")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if after, _ := r.lock(t); after != before {
				t.Errorf("the lock changed:\n%s", cmp.Diff(before, after))
			}
		})
	}
}

func TestAReleaseThatChangesUnderItsNameIsRefused(t *testing.T) {
	r := release(t)
	if err := r.client.Relock(t.Context(), r.root, func(string) {}); err != nil {
		t.Fatal(err)
	}
	before, was := r.lock(t)
	r.files["/kubectl-v1.2.0-amd64"] = []byte("another kubectl")
	err := r.client.Relock(t.Context(), r.root, func(string) {})
	if err == nil {
		t.Fatal("it was accepted")
	}
	old, _ := was.Component("etcd")
	for _, want := range []string{"kubectl for amd64", old.Entries[1].SHA256["amd64"], digestOf([]byte("another kubectl")), "releases do not change"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if after, _ := r.lock(t); after != before {
		t.Error("the lock changed all the same")
	}
}

func TestAnImageForOneProcessorIsLockedForThatOne(t *testing.T) {
	r := release(t)
	text, _ := r.lock(t)
	reference := push(t, imageServer(t, nil), "percona/operator:1", imageFor(t, "amd64"))
	r.write(t, LockPath, text+"  - {name: blogplatform.local/postgres-operator, kind: image, from: '"+reference+"'}\n")
	var logged []string
	if err := r.client.Relock(t.Context(), r.root, func(line string) { logged = append(logged, line) }); err != nil {
		t.Fatal(err)
	}
	_, lock := r.lock(t)
	if diff := cmp.Diff([]string{"blogplatform.local/postgres-operator"}, lock.Unlocked("arm64")); diff != "" || !lock.Complete("amd64") {
		t.Errorf("without a digest for amd64 %q, for arm64 (-want +got):\n%s", lock.Unlocked("amd64"), diff)
	}
	if !slices.ContainsFunc(logged, func(line string) bool {
		return strings.Contains(line, "linux/amd64, not for linux/arm64; it stays without")
	}) {
		t.Errorf("logged %q", logged)
	}
}
