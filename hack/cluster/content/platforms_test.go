package content

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"
	fakeclient "sigs.k8s.io/controller-runtime/pkg/client/fake"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/images"
)

// clusterWith is a cluster whose API server holds objects.
func clusterWith(t *testing.T, objects ...client.Object) *component.Cluster {
	t.Helper()
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return &component.Cluster{
		Settings: node.Settings{Root: checkout, State: t.TempDir(), HTTPSPort: 8443},
		API: &kube.API{
			Client: fakeclient.NewClientBuilder().WithObjects(objects...).Build(), Clientset: fake.NewClientset(), Report: func(string) {},
		},
	}
}

func TestEachEnvironmentIsThatOfItsSample(t *testing.T) {
	c := clusterWith(t)
	for _, e := range []environment{staging, production} {
		platform, err := readSample(c, e)
		if err != nil {
			t.Fatal(err)
		}
		if platform.GetNamespace() != e.namespace {
			t.Errorf("%s is in %s, not in %s", e.name, platform.GetNamespace(), e.namespace)
		}
		if want := e.name + " is ready: https://" + host(platform) + ":8443"; e.announce(c) != want {
			t.Errorf("it says %q, want %q", e.announce(c), want)
		}
	}
	objects, err := controlplane.ReadObjects(filepath.Join(c.Root, "config/samples/namespaces.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, object := range objects {
		names = append(names, object.GetName())
	}
	if diff := cmp.Diff(platformNamespaces, names); diff != "" {
		t.Errorf("the namespaces of the samples (-want +got):\n%s", diff)
	}
}

// builtServices is what a build of the services answers.
func builtServices() component.Built {
	var built component.Built
	for _, name := range images.Services {
		built.Images = append(built.Images, build.BuiltImage{Digested: "blogplatform.local/" + name + "@sha256:1"})
	}
	return built
}

func TestAReleaseNamesTheImageOfEachService(t *testing.T) {
	names := references(builtServices())
	for i, image := range serviceImages(component.Built{}, servicePrograms(nil)) {
		service := images.Services[i]
		if !strings.HasPrefix(names[service], image.Name+"@") {
			t.Errorf("%s runs %s, and the image that is built is %s", service, names[service], image.Name)
		}
	}
	if len(names) != 4 {
		t.Errorf("the images are %v", names)
	}
}

func TestAskingForAReleaseChangesNothingElse(t *testing.T) {
	sample, err := readSample(clusterWith(t), staging)
	if err != nil {
		t.Fatal(err)
	}
	c := clusterWith(t, sample)
	before, err := livePlatform(t.Context(), c, staging)
	if err != nil {
		t.Fatal(err)
	}
	if err := askForRelease(t.Context(), c, "v0.2.0", references(builtServices())); err != nil {
		t.Fatal(err)
	}
	live, err := livePlatform(t.Context(), c, staging)
	if err != nil {
		t.Fatal(err)
	}
	release, _, _ := unstructured.NestedMap(live.Object, "spec", "release")
	if release["version"] != "v0.2.0" || release["images"].(map[string]any)["frontend"] != "blogplatform.local/frontend@sha256:1" {
		t.Errorf("it asks for %v", release)
	}
	unstructured.RemoveNestedField(live.Object, "spec", "release")
	unstructured.RemoveNestedField(before.Object, "spec", "release")
	if diff := cmp.Diff(before.Object["spec"], live.Object["spec"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAReleaseOfNoClusterIsRefused(t *testing.T) {
	err := Release(t.Context(), node.Settings{State: t.TempDir()}, nil, "v0.2.0", os.Stderr)
	if err == nil || !strings.Contains(err.Error(), "make up") {
		t.Errorf("the error is %v", err)
	}
}

func TestTheDemoPostsAreWrittenByAPodLikeThoseOfTheServiceThatGetsNoRequests(t *testing.T) {
	rollout := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": map[string]any{"namespace": "g11-stg", "name": "blog-content"},
		"spec": map[string]any{"template": map[string]any{
			"metadata": map[string]any{"labels": map[string]any{"app": "content"}},
			"spec": map[string]any{"containers": []any{map[string]any{
				"name": "content", "image": "content@sha256:1", "readinessProbe": map[string]any{"periodSeconds": int64(1)},
			}}},
		}},
	}}
	c := clusterWith(t, rollout)
	for range 2 { // another make up finds the Job
		if err := staging.startSeed(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	job, err := c.Clientset.(*fake.Clientset).Tracker().Get(batchv1.SchemeGroupVersion.WithResource("jobs"), "g11-stg", seedJobName)
	if err != nil {
		t.Fatal(err)
	}
	template := job.(*batchv1.Job).Spec.Template
	container := template.Spec.Containers[0]
	if len(template.Labels) > 0 || container.ReadinessProbe != nil || template.Spec.RestartPolicy != corev1.RestartPolicyOnFailure {
		t.Errorf("the pod is %+v", template)
	}
	if container.Image != "content@sha256:1" || strings.Join(container.Args, " ") != "seed --force" {
		t.Errorf("it runs %s %q", container.Image, container.Args)
	}
}
