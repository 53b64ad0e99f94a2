package upstream

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/build"
)

// checkout answers this checkout and its lock.
func checkout(t *testing.T) (root string, lock Lock) {
	t.Helper()
	root, err := build.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	if lock, err = Embedded(); err != nil {
		t.Fatal(err)
	}
	return root, lock
}

func TestReleasesHaveTheVersionsThatAreCompiled(t *testing.T) {
	root, lock := checkout(t)
	versions, err := lock.Required(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, component := range lock.Components {
		if component.Version != versions[component.Name] {
			t.Errorf("%s is locked at %s, but %s/go.mod has %s: run `make lock-upstream` (without a network, write the version by hand and remove its digests)",
				component.Name, component.Version, component.Module, versions[component.Name])
		}
	}
}

func TestEveryNestedModuleIsReleasedOrHasAReason(t *testing.T) {
	root, lock := checkout(t)
	modules, err := filepath.Glob(filepath.Join(root, "hack/cluster/*/go.mod"))
	if err != nil || len(modules) == 0 {
		t.Fatalf("found %d modules, %v", len(modules), err)
	}
	for _, module := range modules {
		dir, err := filepath.Rel(root, filepath.Dir(module))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(lock.Components, func(c Component) bool { return c.Module == dir }) {
			t.Errorf("%s does not mention %s", LockPath, dir)
		}
	}
}

func TestTheLockIsWrittenByMake(t *testing.T) {
	_, lock := checkout(t)
	text, err := lock.Format()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(embedded), string(text)); diff != "" {
		t.Errorf("make lock-upstream would change more than versions and digests (-is +would be):\n%s", diff)
	}
}

// The README of Prometheus: version 3.y.z is published as module v0.3yy.z.
func TestTheReleaseOfPrometheusIsThatOfItsModule(t *testing.T) {
	_, lock := checkout(t)
	component, found := lock.Component("prometheus")
	var minor, patch int
	if _, err := fmt.Sscanf(component.Release, "3.%d.%d", &minor, &patch); err != nil || !found {
		t.Fatalf("release %q: %v", component.Release, err)
	}
	if want := fmt.Sprintf("v0.3%02d.%d", minor, patch); component.Version != want {
		t.Errorf("release %s is that of module %s, not of %s", component.Release, want, component.Version)
	}
}

func TestAnAddressNamesVersionReleaseAndProcessor(t *testing.T) {
	lock := Lock{Components: []Component{{
		Name: "istio", Version: "v0.0.0-2026", Release: "1.31.0", Entries: []Entry{
			{Name: "pilot", Kind: Image, From: "docker.io/istio/pilot:$RELEASE", SHA256: map[string]string{"arm64": "abc"}},
			{Name: "istioctl", Kind: File, From: "https://example.com/$RELEASE/istioctl-linux-$ARCH.tar.gz", Member: "linux-$ARCH/istioctl"},
		},
	}, {
		Name: "coredns", Version: "v1.15.0", Entries: []Entry{{Name: "coredns", Kind: Image, From: "registry.k8s.io/coredns:$RELEASE-$VERSION"}},
	}}}
	want := []Artifact{
		{Name: "pilot", Kind: Image, Arch: "arm64", From: "docker.io/istio/pilot:1.31.0", SHA256: "abc"},
		{Name: "istioctl", Kind: File, Arch: "arm64", From: "https://example.com/1.31.0/istioctl-linux-arm64.tar.gz", Member: "linux-arm64/istioctl"},
		{Name: "coredns", Kind: Image, Arch: "arm64", From: "registry.k8s.io/coredns:1.15.0-v1.15.0"},
	}
	got := lock.Artifacts("arm64")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	var hosts []string
	for _, artifact := range got {
		hosts = append(hosts, artifact.Host())
	}
	if diff := cmp.Diff([]string{"index.docker.io", "example.com", "registry.k8s.io"}, hosts); diff != "" {
		t.Error(diff)
	}
}

func TestALockIsCompleteForTheProcessorsThatHaveAllDigests(t *testing.T) {
	lock := Lock{Components: []Component{
		{Name: "etcd", Entries: []Entry{{Name: "etcd", SHA256: map[string]string{"amd64": "1", "arm64": "2"}}, {Name: "etcdctl", SHA256: map[string]string{"amd64": "3"}}}},
		{Name: "cert-manager", Compiled: "ours is smaller"},
	}}
	if !lock.Complete("amd64") {
		t.Errorf("for amd64 %q is missing", lock.Unlocked("amd64"))
	}
	if diff := cmp.Diff([]string{"etcdctl"}, lock.Unlocked("arm64")); diff != "" {
		t.Errorf("missing for arm64 (-want +got):\n%s", diff)
	}
}

func TestALockThatMakesNoSenseIsRefused(t *testing.T) {
	const component = "components: [{name: a, module: m, path: p, version: v1, "
	entry := func(text string) string { return component + "entries: [{name: e, " + text + "}]}]" }
	for name, test := range map[string]struct{ text, want string }{
		"no YAML":                     {"components: [", "did not find"},
		"an unknown field":            {"components: []\nsignature: x", "signature"},
		"two components of a name":    {"components: [" + strings.Repeat("{name: a, module: m, path: p, version: v1, compiled: why},", 2) + "]", "two components a"},
		"a component without version": {"components: [{name: a, module: m, path: p, compiled: why}]", "needs a name, module, path and version"},
		"neither entries nor reason":  {component + "}]", "needs entries, or the reason"},
		"entries and a reason":        {component + "compiled: why, entries: [{name: e}]}]", "needs entries, or the reason"},
		"two entries of a name":       {component + "entries: [{name: e, kind: image, from: 'r.io/a:1'}, {name: e, kind: image, from: 'r.io/a:1'}]}]", "two entries e"},
		"an entry without name":       {component + "entries: [{kind: file}]}]", "it has no name"},
		"an unknown kind":             {entry("kind: chart, from: 'https://x/y'"), `its kind is "chart"`},
		"a file over HTTP":            {entry("kind: file, from: 'http://x/y'"), "begins with https://"},
		"an archive without member":   {entry("kind: file, from: 'https://x/y.tar.gz'"), "needs a member"},
		"a file with a member":        {entry("kind: file, from: 'https://x/y', member: z"), "needs a member"},
		"a program with a slash":      {component + "entries: [{name: ../e, kind: file, from: 'https://x/y'}]}]", "has no slash"},
		"an image without tag":        {entry("kind: image, from: r.io/a"), "a registry, a repository and a tag"},
		"an image with a member":      {entry("kind: image, from: 'r.io/a:1', member: z"), "no member"},
		"an unknown placeholder":      {entry("kind: image, from: 'r.io/a:$TAG'"), "placeholder"},
		"an unknown processor":        {entry("kind: image, from: 'r.io/a:1', sha256: {i386: " + strings.Repeat("a", 64) + "}"), "i386"},
		"half a digest":               {entry("kind: image, from: 'r.io/a:1', sha256: {amd64: abc}"), "64 hexadecimal digits"},
		"an empty digest":             {entry("kind: image, from: 'r.io/a:1', sha256: {amd64: ''}"), "64 hexadecimal digits"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), LockPath) {
				t.Errorf("the error is %v, want %q of %s", err, test.want, LockPath)
			}
		})
	}
}
