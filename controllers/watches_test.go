package controllers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/plan"
)

// askedMapper serves no kind. It counts what it is asked for, and answers once open is closed.
type askedMapper struct {
	meta.RESTMapper
	asked chan schema.GroupKind
	open  chan struct{}
}

func (m askedMapper) RESTMapping(kind schema.GroupKind, _ ...string) (*meta.RESTMapping, error) {
	m.asked <- kind
	<-m.open
	return nil, &meta.NoKindMatchError{GroupKind: kind}
}

// mappedBy is a client with another RESTMapper.
type mappedBy struct {
	client.Client
	mapper meta.RESTMapper
}

func (c mappedBy) RESTMapper() meta.RESTMapper { return c.mapper }

// watchesWith are those of a cluster with some CRDs, and of an API server that answers once open is closed.
func watchesWith(t *testing.T, crds ...string) (w *watches, asked chan schema.GroupKind, open chan struct{}) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	scheme.AddKnownTypeWithName(kube.CRDs, &metav1.PartialObjectMetadata{})
	scheme.AddKnownTypeWithName(kube.CRDs.GroupVersion().WithKind(kube.CRDs.Kind+"List"), &metav1.PartialObjectMetadataList{})
	builder := fake.NewClientBuilder().WithScheme(scheme)
	for _, name := range crds {
		crd := kube.Metadata(kube.CRDs)
		crd.Name = name
		builder.WithObjects(crd)
	}
	asked, open = make(chan schema.GroupKind, 100), make(chan struct{})
	return &watches{client: mappedBy{builder.Build(), askedMapper{asked: asked, open: open}}, crds: map[schema.GroupVersionKind]string{}, others: map[schema.GroupVersionKind]string{}}, asked, open
}

// TestAPassDoesNotWaitForWhatAnotherAsksTheAPIServer: a CRD that is missing is
// looked for by one pass, and the others know meanwhile which kinds are there.
func TestAPassDoesNotWaitForWhatAnotherAsksTheAPIServer(t *testing.T) {
	w, asked, open := watchesWith(t)
	served := plan.Kinds[0]
	w.crds[served] = ""
	started := make(chan error)
	go func() { started <- w.start(t.Context()) }()
	<-asked
	answered := make(chan bool)
	go func() { answered <- w.served(t.Context(), served) }()
	select {
	case ok := <-answered:
		if !ok {
			t.Error("a kind that is served is not said to be")
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for the API server")
	}
	close(open)
	if err := <-started; err != nil {
		t.Error(err)
	}
}

// TestAKindIsLookedForOnceItsGroupHasACRD, so that a cluster without it is not asked in every pass.
func TestAKindIsLookedForOnceItsGroupHasACRD(t *testing.T) {
	w, asked, open := watchesWith(t, "gateways.networking.istio.io", "challenges.acme.cert-manager.io")
	close(open)
	if err := w.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(asked)
	groups := map[string]bool{}
	for kind := range asked {
		groups[kind.Group] = true
	}
	for group, want := range map[string]bool{"": true, "apps": true, "networking.istio.io": true, "argoproj.io": false, "cert-manager.io": false} {
		if groups[group] != want {
			t.Errorf("group %q: asked %v, want %v", group, groups[group], want)
		}
	}
}

// olderMapper serves every kind as v1alpha0.
type olderMapper struct{ meta.RESTMapper }

func (olderMapper) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	if len(versions) > 0 {
		return nil, &meta.NoKindMatchError{GroupKind: kind, SearchedVersions: versions}
	}
	return &meta.RESTMapping{GroupVersionKind: kind.WithVersion("v1alpha0")}, nil
}

// TestAKindThatIsServedInAnotherVersionIsKnown as long as its CRD is there.
func TestAKindThatIsServedInAnotherVersionIsKnown(t *testing.T) {
	w, _, _ := watchesWith(t, "postgresclusters.postgres-operator.crunchydata.com")
	installed := w.client
	w.client = mappedBy{installed, olderMapper{}}
	if err := w.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.servedAs(clusterKind); got != "v1alpha0" || w.served(t.Context(), clusterKind) {
		t.Errorf("served as %q", got)
	}
	crd := kube.Metadata(kube.CRDs)
	crd.Name = "postgresclusters.postgres-operator.crunchydata.com"
	if err := installed.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	if err := w.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.servedAs(clusterKind); got != "" {
		t.Errorf("after its CRD has gone it is served as %q", got)
	}
}

// edit sets one field.
func edit(value any, fields ...string) func(*unstructured.Unstructured) error {
	return func(u *unstructured.Unstructured) error {
		return unstructured.SetNestedField(u.Object, value, fields...)
	}
}

// TestAPassFollowsWhateverOfAChildMayHaveToBeRepaired, of every kind, and of what
// others write into status only what is read.
func TestAPassFollowsWhateverOfAChildMayHaveToBeRepaired(t *testing.T) {
	now := "2026-01-01T00:00:00Z"
	drifts := map[string]func(*unstructured.Unstructured) error{
		"a label":            edit("elsewhere", "metadata", "labels", "app.kubernetes.io/instance"),
		"an annotation":      edit("other", "metadata", "annotations", "a"),
		"an owner reference": edit([]any{}, "metadata", "ownerReferences"),
		"a finalizer":        edit([]any{"example.com/a"}, "metadata", "finalizers"),
		"a deletion":         edit(now, "metadata", "deletionTimestamp"),
		"another object":     edit("other", "metadata", "uid"),
		"data or spec":       edit("other", "spec", "a"),
	}
	for _, kind := range plan.Kinds {
		before := &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{
				"name": "a", "uid": "1", "resourceVersion": "1", "labels": map[string]any{"app.kubernetes.io/instance": "blog"},
				"annotations": map[string]any{"a": "b"}, "ownerReferences": []any{map[string]any{"uid": "1"}},
			},
			"spec":   map[string]any{"a": "b"},
			"status": map[string]any{"a": int64(1)},
		}}
		before.SetGroupVersionKind(kind)
		follows := func(change func(*unstructured.Unstructured) error) bool {
			after := before.DeepCopy()
			if err := change(after); err != nil {
				t.Fatal(err)
			}
			after.SetResourceVersion("2")
			return childChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after})
		}
		for name, drift := range drifts {
			if !follows(drift) {
				t.Errorf("%s: no pass follows %s", kind.Kind, name)
			}
		}
		read := slices.Contains([]string{"Certificate", "Job", "PostgresCluster", "Rollout", "SealedSecret"}, kind.Kind)
		if got := follows(edit(int64(2), "status", "a")); got != read {
			t.Errorf("%s: a pass follows a change of its status: %v", kind.Kind, got)
		}
		if follows(edit([]any{map[string]any{"manager": "a"}}, "metadata", "managedFields")) {
			t.Errorf("%s: a pass follows a change of managedFields", kind.Kind)
		}
	}
}

// TestAPassFollowsAnAutoscalerThatCannotScale, and not one that does what it should.
func TestAPassFollowsAnAutoscalerThatCannotScale(t *testing.T) {
	with := func(status string, replicas int64) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": map[string]any{"name": "a"},
			"status": map[string]any{"currentReplicas": replicas, "conditions": []any{
				map[string]any{"type": "ScalingActive", "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z", "message": fmt.Sprint(replicas)},
				map[string]any{"type": "ScalingLimited", "status": "True", "message": fmt.Sprint(replicas)},
			}},
		}}
	}
	for name, c := range map[string]struct {
		before, after *unstructured.Unstructured
		follows       bool
	}{
		"it scales":                {with("True", 2), with("True", 3), false},
		"it has no metrics":        {with("True", 2), with("False", 2), true},
		"it has metrics again":     {with("False", 2), with("True", 2), true},
		"it says the same at once": {with("False", 2), with("False", 3), false},
	} {
		if got := childChanged().Update(event.UpdateEvent{ObjectOld: c.before, ObjectNew: c.after}); got != c.follows {
			t.Errorf("%s: a pass follows: %v", name, got)
		}
	}
}
