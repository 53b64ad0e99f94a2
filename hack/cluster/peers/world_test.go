package peers

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
)

// all are the components of this package.
var all = []component.Component{CoreDNS, Istio, CertManager, Rollouts, SealedSecrets, Postgres, MetricsServer, Prometheus, ArgoCD}

// server is an API server that remembers what is applied, and says of each object that it is as its clients want it.
type server struct {
	client.Client
	applied []*unstructured.Unstructured
}

// Apply implements client.Client.
func (s *server) Apply(_ context.Context, configuration runtime.ApplyConfiguration, _ ...client.ApplyOption) error {
	text, err := json.Marshal(configuration)
	if err != nil {
		return err
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		return err
	}
	s.applied = append(s.applied, object)
	return nil
}

// Get implements client.Client.
func (s *server) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	wanted := object.GetObjectKind().GroupVersionKind()
	for _, one := range s.applied {
		if one.GroupVersionKind() == wanted && client.ObjectKeyFromObject(one) == key {
			var conditions []any
			for _, condition := range []string{"Ready", "Available", "Established"} {
				conditions = append(conditions, map[string]any{"type": condition, "status": "True"})
			}
			found := one.DeepCopy()
			found.Object["status"] = map[string]any{"conditions": conditions}
			found.DeepCopyInto(object.(*unstructured.Unstructured))
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{Group: wanted.Group, Resource: wanted.Kind}, key.Name)
}

// RESTMapper implements client.Client. It knows the kinds of the CRDs that were applied.
func (s *server) RESTMapper() meta.RESTMapper {
	var kinds []schema.GroupVersionKind
	var versions []schema.GroupVersion
	for _, one := range s.applied {
		if one.GetKind() == "CustomResourceDefinition" {
			group, _, _ := unstructured.NestedString(one.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(one.Object, "spec", "names", "kind")
			kinds = append(kinds, schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind})
			versions = append(versions, kinds[len(kinds)-1].GroupVersion())
		}
	}
	mapper := meta.NewDefaultRESTMapper(versions)
	for _, kind := range kinds {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	return mapper
}

// existing is a part that is there already.
type existing struct {
	build.Artifact
	path string
}

func (e existing) Build(context.Context, *build.Cache) (string, error) { return e.path, nil }

// started starts a peer in a cluster that does what it is asked. Manifests in Go
// modules are the real ones; nothing is compiled. programs are what the peer finds.
func started(t *testing.T, part component.Component, programs map[string]string) (*component.Cluster, []*unstructured.Unstructured) {
	t.Helper()
	root, err := build.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	api := &server{}
	c := &component.Cluster{
		Settings: node.Settings{Root: root, State: t.TempDir(), HTTPSPort: 8443, APIPort: 6443},
		API:      &kube.API{Client: api, Report: func(string) {}},
		Cache:    &build.Cache{Dir: t.TempDir(), Root: root, Log: func(string) {}}, Detail: func(string) {},
	}
	stub := component.Component{Programs: func(component.Built) map[string]string { return programs }}
	for _, artifact := range part.Parts {
		if _, isModule := artifact.(build.Module); !isModule {
			artifact = existing{artifact, filepath.Join(c.Cache.Dir, artifact.ArtifactName())}
		}
		stub.Parts = append(stub.Parts, artifact)
	}
	built, err := stub.Build(t.Context(), c.Cache)
	if err != nil {
		t.Fatal(err)
	}
	if err := part.Start(t.Context(), c, built); err != nil {
		t.Fatalf("starting %s: %v", part.Name, err)
	}
	return c, api.applied
}

// runs lets the pods of what was applied run, as many of them as ready says.
func runs(t *testing.T, c *component.Cluster, applied []*unstructured.Unstructured, ready int32) *fake.Clientset {
	t.Helper()
	var objects []runtime.Object
	for _, object := range applied {
		switch object.GetKind() {
		case "Deployment":
			deployment := convert[appsv1.Deployment](t, object)
			deployment.Status = appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: ready}
			objects = append(objects, deployment)
		case "StatefulSet":
			set := convert[appsv1.StatefulSet](t, object)
			set.Status = appsv1.StatefulSetStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: ready}
			objects = append(objects, set)
		case "DaemonSet":
			set := convert[appsv1.DaemonSet](t, object)
			set.Status = appsv1.DaemonSetStatus{DesiredNumberScheduled: 1, NumberReady: ready}
			objects = append(objects, set)
		}
	}
	clientset := fake.NewClientset(objects...)
	clientset.PrependReactor("create", "pods", func(action ktesting.Action) (bool, runtime.Object, error) {
		pod := action.(ktesting.CreateAction).GetObject().(*corev1.Pod).DeepCopy()
		pod.Name = pod.GenerateName + "1"
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}}
		return true, pod, clientset.Tracker().Add(pod)
	})
	c.Clientset = clientset
	return clientset
}

func convert[T any](t *testing.T, object *unstructured.Unstructured) *T {
	t.Helper()
	typed := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
		t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
	}
	return typed
}

// imagesIn are the images of ours that a value mentions, each once, sorted, without tag.
func imagesIn(value any) []string {
	var found []string
	switch v := value.(type) {
	case string:
		if strings.HasPrefix(v, "blogplatform.local/") {
			found = append(found, strings.TrimSuffix(v, ":"+build.Tag))
		}
	case []any:
		for _, one := range v {
			found = append(found, imagesIn(one)...)
		}
	case map[string]any:
		for _, one := range v {
			found = append(found, imagesIn(one)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// made are the images that a peer builds, sorted.
func made(part component.Component) []string {
	var names []string
	for _, image := range part.Images(component.Built{}) {
		names = append(names, image.Name)
	}
	slices.Sort(names)
	return names
}
