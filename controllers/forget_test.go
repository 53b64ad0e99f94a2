package controllers

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/metrics"
)

// TestWhatIsRememberedOfAPlatformGoesWithIt, whether the operator has removed its
// finalizer or somebody else, and also if another one has its name at once.
func TestWhatIsRememberedOfAPlatformGoesWithIt(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).Build()
	r := &Reconciler{client: c, applier: apply.New(c, c), counters: metrics.NewCounters(), keyring: newKeyring(c, c)}
	name := types.NamespacedName{Namespace: "ns", Name: "blog"}
	remember := func(uid types.UID) {
		r.meet(name, uid)
		r.lastWrites.Store(uid, "1")
		r.failures.add(uid)
		r.acting.at(uid, time.Now())
		r.keyring.ask(name, "secret")
		r.injected.versions.Store(name.Namespace, "1")
		r.counters.Aborted(name, "AnalysisFailed")
	}
	remembered := func(uid types.UID) bool {
		_, written := r.lastWrites.Load(uid)
		return written || r.failures.counts[uid] > 0 || r.acting.spans[uid] != span{}
	}

	remember("first")
	r.meet(name, "first")
	if !remembered("first") {
		t.Error("a platform that lives was forgotten")
	}
	remember("second")
	if remembered("first") || !remembered("second") {
		t.Errorf("of the first %v, of the second %v is remembered", remembered("first"), remembered("second"))
	}
	if _, err := r.Reconcile(t.Context(), request(name)); err != nil {
		t.Fatal(err)
	}
	_, met := r.uids.Load(name)
	_, injected := r.injected.versions.Load(name.Namespace)
	if remembered("second") || met || injected || len(r.keyring.known) > 0 || testutil.CollectAndCount(r.counters) > 0 {
		t.Error("a platform that is gone is remembered")
	}
}
