package component

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/cluster/upstream"
	"blogplatform.io/operator/hack/timefactor"
)

// part is an artifact whose build answers a path, or fails.
type part struct {
	name, path string
	err        error
}

func (p part) ArtifactName() string                                { return p.name }
func (p part) Cached(*build.Cache) (bool, error)                   { return false, nil }
func (p part) Build(context.Context, *build.Cache) (string, error) { return p.path, p.err }

func testCache(t *testing.T) *build.Cache {
	t.Helper()
	return &build.Cache{Dir: filepath.Join(t.TempDir(), "cache"), Root: t.TempDir(), Log: func(string) {}}
}

// programFolder is a folder that holds a program.
func programFolder(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAComponentIsBuiltOfItsPartsAndThenOfItsImages(t *testing.T) {
	proxy := part{name: "proxy", path: programFolder(t, "proxy")}
	istio := Component{
		Parts: []build.Artifact{proxy, part{name: "render", path: "/cache/render"}},
		Images: func(built Built) []build.Image {
			return []build.Image{StaticImage(built.Path(proxy), "proxy"), {Name: "blogplatform.local/empty"}}
		},
		Programs: func(built Built) map[string]string {
			return map[string]string{"render": built.Path(part{name: "render"})}
		},
	}
	built, err := istio.Build(t.Context(), testCache(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := built.Path(proxy); got != proxy.path {
		t.Errorf("the proxy is at %s, want %s", got, proxy.path)
	}
	if diff := cmp.Diff(map[string]string{"render": "/cache/render"}, built.Programs); diff != "" {
		t.Errorf("programs (-want +got):\n%s", diff)
	}
	if len(built.Images) != 2 || built.Images[0].Tagged != "blogplatform.local/proxy:dev" || built.Images[1].Tagged != "blogplatform.local/empty:dev" {
		t.Errorf("the images are %v, want both in their order", built.Images)
	}
}

func TestAPartOrImageThatCannotBeMadeEndsTheBuild(t *testing.T) {
	broken := errors.New("does not compile")
	if _, err := (Component{Parts: []build.Artifact{part{name: "a", err: broken}}}).Build(t.Context(), testCache(t)); !errors.Is(err, broken) {
		t.Errorf("the error is %v, want that of the part", err)
	}
	missing := func(Built) []build.Image { return []build.Image{StaticImage("/does/not", "exist")} }
	if _, err := (Component{Images: missing}).Build(t.Context(), testCache(t)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v, want that of the image", err)
	}
}

// registryImage is the lock's entry for an image in a registry of its own.
func registryImage(t *testing.T, known string) upstream.Entry {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if image, err = mutate.ConfigFile(image, &v1.ConfigFile{OS: "linux", Architecture: "arm64"}); err != nil {
		t.Fatal(err)
	}
	reference := strings.TrimPrefix(server.URL, "http://") + "/released:1"
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
	return upstream.Entry{Name: known, Kind: upstream.Image, From: reference, SHA256: map[string]string{"arm64": digest.Hex}}
}

func TestAReleasedImageStandsForTheCompiledOneAndTheOtherIsBuiltBesideIt(t *testing.T) {
	operator, database := part{name: "operator", err: errors.New("it is compiled")}, part{name: "database", path: programFolder(t, "postgres")}
	entry := registryImage(t, "blogplatform.local/postgres-operator")
	compiled := Component{
		Name: "PostgreSQL", Parts: []build.Artifact{operator, database}, Compiled: []build.Artifact{operator}, Released: []string{"pgo"},
		Images: func(built Built) []build.Image {
			return []build.Image{StaticImage(built.Path(operator), "postgres-operator"), StaticImage(built.Path(database), "postgres")}
		},
	}
	released, err := compiled.FromUpstream(upstream.Lock{Components: []upstream.Component{{Name: "pgo", Entries: []upstream.Entry{entry}}}}, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	built, err := released.Build(t.Context(), testCache(t))
	if err != nil {
		t.Fatal(err)
	}
	want := "blogplatform.local/postgres-operator@sha256:" + entry.SHA256["arm64"]
	if len(built.Images) != 2 || built.Images[0].Digested != want || built.Images[1].Tagged != "blogplatform.local/postgres:dev" {
		t.Errorf("the images are %v, want first %s", built.Images, want)
	}
	if len(compiled.Parts) != 2 || compiled.Parts[0] != build.Artifact(operator) {
		t.Errorf("the compiled form has changed: %v", compiled.Parts)
	}
}

func TestReleasedProgramsAreKnownByTheirNames(t *testing.T) {
	server, node := part{name: "controlplane"}, part{name: "node"}
	kubernetes := Component{
		Parts: []build.Artifact{server, node}, Compiled: []build.Artifact{server}, Released: []string{"kubernetes", "etcd"},
		Programs: func(built Built) map[string]string { return map[string]string{"etcd": built.Path(server)} },
	}
	file := func(name string) []upstream.Entry {
		return []upstream.Entry{{Name: name, Kind: upstream.File, From: "https://files.example/" + name, SHA256: map[string]string{"amd64": "1", "arm64": "2"}}}
	}
	lock := upstream.Lock{Components: []upstream.Component{{Name: "kubernetes", Entries: file("kubelet")}, {Name: "other", Entries: file("other")}, {Name: "etcd", Entries: file("etcd")}}}
	released, err := kubernetes.FromUpstream(lock, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	built, want := Built{paths: map[string]string{}}, map[string]string{}
	for _, artifact := range released.Parts {
		built.paths[artifact.ArtifactName()] = "/cache/" + artifact.ArtifactName()
		if a, ok := artifact.(upstream.Artifact); ok && (a.Arch != "arm64" || a.SHA256 != "2") {
			t.Errorf("it takes %+v", a)
		}
	}
	want["kubelet"], want["etcd"] = "/cache/released-kubelet", "/cache/released-etcd"
	if diff := cmp.Diff(want, released.Programs(built)); diff != "" {
		t.Errorf("programs (-want +got):\n%s", diff)
	}
	if len(released.Parts) != 3 || released.Parts[0] != build.Artifact(node) {
		t.Errorf("its parts are %v, want the node and two programs", released.Parts)
	}
}

func TestWhatHasNoReleaseStaysAsItIs(t *testing.T) {
	own := part{name: "operator"}
	same, err := Component{Name: "operator", Parts: []build.Artifact{own}}.FromUpstream(upstream.Lock{}, "amd64")
	if err != nil || len(same.Parts) != 1 || same.Parts[0] != build.Artifact(own) {
		t.Errorf("it is made of %v, %v", same.Parts, err)
	}
	_, err = Component{Name: "Istio", Released: []string{"linkerd"}}.FromUpstream(upstream.Lock{}, "amd64")
	if err == nil || !strings.Contains(err.Error(), "component Istio") || !strings.Contains(err.Error(), "no component linkerd") {
		t.Errorf("the error for a mistake is %v", err)
	}
}

func TestAStaticImageRunsItsOneProgramAsNobody(t *testing.T) {
	want := build.Image{
		Name: "blogplatform.local/coredns", Files: map[string]string{"/coredns": "/cache/coredns-1/coredns"}, Folders: []string{"/tmp"},
		User: "65532:65532", Entrypoint: []string{"/coredns"},
	}
	program := build.Go{Name: "dns"}
	images := StaticImages(program, "coredns")(Built{paths: map[string]string{"dns": "/cache/coredns-1"}})
	if diff := cmp.Diff([]build.Image{want}, images); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
}

// deployment has containers of these images.
func deployment(images ...string) *unstructured.Unstructured {
	containers := make([]any, len(images))
	for i, image := range images {
		containers[i] = map[string]any{"image": image, "imagePullPolicy": "Always", "name": "c"}
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": containers}}}}}
	object.SetNamespace("argo-rollouts")
	object.SetName("controller")
	return object
}

func TestADeploymentUsesAnImageThatIsOnTheNode(t *testing.T) {
	object := deployment("quay.io/argo:v1", "other:v1")
	if err := UseLocalImage(object, "blogplatform.local/rollouts-controller:dev"); err != nil {
		t.Fatal(err)
	}
	want := deployment("blogplatform.local/rollouts-controller:dev", "other:v1")
	containers, _, _ := unstructured.NestedSlice(want.Object, "spec", "template", "spec", "containers")
	containers[0].(map[string]any)["imagePullPolicy"] = "Never"
	if err := unstructured.SetNestedSlice(want.Object, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, object); diff != "" {
		t.Errorf("Deployment (-want +got):\n%s", diff)
	}
}

func TestAProgramGetsArgumentsBesidesItsOwn(t *testing.T) {
	object := deployment("operator:v1", "other:v1")
	for _, arg := range []string{"--a", "--b"} {
		if err := AddArgs(object, arg); err != nil {
			t.Fatal(err)
		}
	}
	want := deployment("operator:v1", "other:v1")
	containers, _, _ := unstructured.NestedSlice(want.Object, "spec", "template", "spec", "containers")
	containers[0].(map[string]any)["args"] = []any{"--a", "--b"}
	if err := unstructured.SetNestedSlice(want.Object, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, object); diff != "" {
		t.Errorf("Deployment (-want +got):\n%s", diff)
	}
}

func TestADeploymentWithoutContainersIsNamed(t *testing.T) {
	malformed := deployment()
	malformed.Object["spec"] = map[string]any{"template": "none"}
	for name, object := range map[string]*unstructured.Unstructured{"no container": deployment(), "no template": malformed} {
		if err := UseLocalImage(object, "blogplatform.local/x:dev"); err == nil {
			t.Errorf("%s: it is changed to %v", name, object)
		}
	}
	if err := UseLocalImage(deployment(), "blogplatform.local/x:dev"); err == nil || !strings.Contains(err.Error(), "argo-rollouts/controller") {
		t.Errorf("the error is %v", err)
	}
}

func TestImagesAreNotLoadedIntoAClusterThatIsDown(t *testing.T) {
	var logged []string
	c := &Cluster{Settings: node.Settings{State: t.TempDir()}, Cache: testCache(t), Detail: func(detail string) { logged = append(logged, detail) }}
	err := c.Load(t.Context(), Built{Images: []build.BuiltImage{{Tagged: "blogplatform.local/pilot:dev"}}})
	if err == nil || !strings.Contains(err.Error(), "blogplatform.local/pilot:dev") || !strings.Contains(err.Error(), "make up") {
		t.Errorf("the error is %v", err)
	}
	if diff := cmp.Diff([]string{"loading blogplatform.local/pilot:dev"}, logged); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
	if err := c.Load(t.Context(), Built{}); err != nil {
		t.Errorf("nothing to load: %v", err)
	}
}

func TestAComponentIsAwaitedForAsLongAsItMayTake(t *testing.T) {
	for name, test := range map[string]struct{ within, want time.Duration }{
		"as every component": {0, 5 * time.Minute},
		"as it says":         {8 * time.Minute, 8 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // so that minutes pass at once
				began := time.Now()
				err := Component{Within: test.within, Ready: func(ctx context.Context, c *Cluster) error {
					return c.Await(ctx, "Godot", func(context.Context) (bool, error) { return false, kube.Pending("not yet") })
				}}.AwaitReady(t.Context(), &Cluster{API: &kube.API{Report: func(string) {}}})
				if took := time.Since(began); took != timefactor.Scale(test.want) || err == nil || !strings.Contains(err.Error(), "not yet") {
					t.Errorf("it took %s, want %s: %v", took, test.want, err)
				}
			})
		})
	}
}

func TestAClusterIsConnectedByTheKubeconfigInItsStateFolder(t *testing.T) {
	c := &Cluster{Settings: node.Settings{State: t.TempDir()}}
	if err := c.Connect(); err == nil {
		t.Error("it connects without a kubeconfig")
	}
	kubeconfig := "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: https://127.0.0.1:1}}]\ncontexts: [{name: c, context: {cluster: c}}]\n"
	if err := os.WriteFile(c.Kubeconfig(), []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(); err != nil || c.API == nil {
		t.Errorf("it does not connect, where no request is needed: %v", err)
	}
}
