package controllers

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

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
	return &watches{client: mappedBy{builder.Build(), askedMapper{asked: asked, open: open}}, crds: map[schema.GroupVersionKind]string{}}, asked, open
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
	w, asked, open := watchesWith(t, "gateways.networking.istio.io")
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
