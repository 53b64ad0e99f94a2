package apply

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

func TestAChildIsCreatedOnceAndThenLeftAlone(t *testing.T) {
	w := newWorld(t)
	c, calls := w.watched()
	a, child := w.applier(c), w.configMap("child", "a")
	before := child.Object.DeepCopy()

	live := w.applyExpecting(a, child, Created)
	for range 3 {
		w.applyExpecting(a, child, Unchanged)
	}

	if diff := cmp.Diff([]string{"apply ConfigMap child"}, calls.writes()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, child.Object); diff != "" {
		t.Errorf("the child itself was modified (-before +after):\n%s", diff)
	}
	if !metav1.IsControlledBy(live, w.owner) {
		t.Errorf("its ownerReferences are %v", live.GetOwnerReferences())
	}
	want := map[string]string{"app.kubernetes.io/managed-by": "blogplatform",
		"app.kubernetes.io/instance": "blog", "blogplatform.io/namespace": w.namespace}
	if diff := cmp.Diff(want, live.GetLabels()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if manager := live.GetManagedFields()[0]; manager.Manager != "blogplatform" || manager.Operation != metav1.ManagedFieldsOperationApply {
		t.Errorf("it is managed by %+v", manager)
	}
}

func TestAnotherPlanIsApplied(t *testing.T) {
	w := newWorld(t)
	a := w.applier(w.client)
	w.applyExpecting(a, w.configMap("child", "a"), Created)
	w.expect(w.applyExpecting(a, w.configMap("child", "b"), Configured), "b", "data", "key")
	w.applyExpecting(a, w.configMap("child", "b"), Unchanged)
}

func TestAnEditIsUndoneAndForeignLabelsAndAnnotationsStay(t *testing.T) {
	w := newWorld(t)
	a, child := w.applier(w.client), w.configMap("child", "ours")
	child.Object.SetAnnotations(map[string]string{"example.com/ours": "ours"})
	w.apply(a, child)
	w.edit(child, func(u *unstructured.Unstructured) {
		u.SetLabels(merge(u.GetLabels(), map[string]string{"foreign": "label"}))
		u.SetAnnotations(map[string]string{"foreign": "annotation", "example.com/ours": "theirs"})
		u.Object["data"] = map[string]any{"key": "theirs", "other": "theirs"}
	})

	live := w.applyExpecting(a, child, Configured)

	w.expect(live, map[string]any{"key": "ours", "other": "theirs"}, "data")
	w.expect(live, map[string]any{"foreign": "annotation", "example.com/ours": "ours"}, "metadata", "annotations")
	w.expect(live, "label", "metadata", "labels", "foreign")
	w.applyExpecting(a, child, Unchanged)
}

func TestAFieldThatIsNotPlannedAnyMoreIsRemoved(t *testing.T) {
	w := newWorld(t)
	a := w.applier(w.client)
	w.apply(a, w.child(things, "child", map[string]any{"kept": "a", "dropped": "b"}))
	live := w.applyExpecting(a, w.child(things, "child", map[string]any{"kept": "a"}), Configured)
	w.expect(live, map[string]any{"kept": "a"}, "spec")
}

func TestAStatusThatMovesCausesNoWrite(t *testing.T) {
	w := newWorld(t)
	c, calls := w.watched()
	a, child := w.applier(c), w.child(things, "child", map[string]any{"a": "b"})
	w.apply(a, child)
	calls.take()
	for _, phase := range []string{"Progressing", "Healthy"} {
		live := w.live(child)
		live.Object["status"] = map[string]any{"phase": phase}
		if err := w.client.Status().Update(t.Context(), live); err != nil {
			t.Fatal(err)
		}
		w.expect(w.applyExpecting(a, child, Unchanged), phase, "status", "phase")
	}
	if writes := calls.writes(); len(writes) > 0 {
		t.Errorf("it was written: %v", writes)
	}
}

func TestAfterARestartEachChildIsAppliedAtMostOnceAndKeepsItsVersion(t *testing.T) {
	w := newWorld(t)
	children := []Child{
		w.configMap("config", "a"),
		w.job("job"),
		retained(w.child(things, "data", map[string]any{"list": []any{map[string]any{"name": "a", "number": int64(1)}}})),
		w.child(rollouts, "workload", map[string]any{"template": map[string]any{"float": 1.5, "none": nil}}),
	}
	versions := map[string]string{}
	before := w.applier(w.client)
	for _, child := range children {
		versions[child.Object.GetName()] = w.apply(before, child).Live.GetResourceVersion()
	}

	c, calls := w.watched()
	after := w.applier(c)
	for range 3 {
		for _, child := range children {
			live := w.applyExpecting(after, child, Unchanged)
			// The Job controller writes its Job meanwhile.
			if name := child.Object.GetName(); !isJob(live) && live.GetResourceVersion() != versions[name] {
				t.Errorf("%s: its version moved from %s to %s", name, versions[name], live.GetResourceVersion())
			}
		}
	}
	want := []string{"apply ConfigMap config", "apply Thing data", "apply Rollout workload"}
	if diff := cmp.Diff(want, calls.writes()); diff != "" {
		t.Errorf("writes after the restart (-want +got):\n%s", diff)
	}
}

func TestAtRestNothingIsAsked(t *testing.T) {
	w := newWorld(t)
	var requests atomic.Int64
	counted := rest.CopyConfig(config)
	counted.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			requests.Add(1)
			return next.RoundTrip(r)
		})
	})
	informers, err := cache.New(counted, cache.Options{DefaultTransform: cache.TransformStripManagedFields(),
		DefaultNamespaces: map[string]cache.Config{w.namespace: {}}})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = informers.Start(t.Context()) }()
	c, err := client.New(counted, client.Options{Cache: &client.CacheOptions{Reader: informers, Unstructured: true}})
	if err != nil {
		t.Fatal(err)
	}
	live, err := client.New(counted, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := New(c, live, kinds...)
	children := []Child{w.configMap("config", "a"), w.job("job"), retained(w.child(things, "data", map[string]any{"a": "b"}))}
	var inventory []string
	pass := func() {
		t.Helper()
		for _, child := range children {
			w.apply(a, child)
		}
		if _, err := a.Prune(t.Context(), w.owner, children, inventory); err != nil {
			t.Fatal(err)
		}
	}
	pass()
	inventory = []string{Entry(w.live(children[2]))}
	w.until("the cache has caught up", func() bool {
		before := requests.Load()
		pass()
		return requests.Load() == before
	})
	before := requests.Load()
	for range 5 {
		pass()
	}
	if n := requests.Load() - before; n != 0 {
		t.Errorf("five passes at rest made %d requests", n)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnUnlabelledObjectIsNotAdopted(t *testing.T) {
	w := newWorld(t)
	other := w.newOwner("other")
	a := w.applier(w.client)
	for name, labels := range map[string]map[string]string{
		"unlabelled":             nil,
		"of-another-platform":    namesOf(other).Labels(),
		"of-another-namespace":   merge(namesOf(w.owner).Labels(), map[string]string{"blogplatform.io/namespace": "elsewhere"}),
		"managed-by-another":     merge(namesOf(w.owner).Labels(), map[string]string{"app.kubernetes.io/managed-by": "Helm"}),
		"labelled-but-for-ours":  {"app.kubernetes.io/instance": "blog"},
		"managed-by-us-for-whom": {"app.kubernetes.io/managed-by": "blogplatform"},
	} {
		stranger := w.configMap(name, "theirs")
		stranger.Object.SetLabels(maps.Clone(labels))
		w.create(stranger.Object.DeepCopy())

		_, err := a.Apply(t.Context(), w.owner, w.configMap(name, "ours"))

		if !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s: %v", name, err)
		} else if handover := "app.kubernetes.io/instance=blog"; !strings.Contains(err.Error(), handover) || !strings.Contains(err.Error(), name) {
			t.Errorf("the error names neither the object nor what to do: %v", err)
		}
		w.expect(w.live(stranger), "theirs", "data", "key")
	}
}

func TestAnObjectIsHandedOverByItsLabels(t *testing.T) {
	w := newWorld(t)
	a, child := w.applier(w.client), retained(w.child(things, "data", map[string]any{"a": "ours"}))
	w.apply(a, child)
	w.edit(child, func(u *unstructured.Unstructured) { u.SetLabels(nil) })
	if _, err := a.Apply(t.Context(), w.owner, child); !errors.Is(err, ErrNotOurs) {
		t.Errorf("data without our labels: %v", err)
	}
	w.edit(child, func(u *unstructured.Unstructured) { u.SetLabels(namesOf(w.owner).Labels()) })
	w.apply(a, child)
}

func TestAChildWhoseLabelsWereEditedComesBack(t *testing.T) {
	w := newWorld(t)
	a, child := w.applier(w.client), w.configMap("child", "a")
	w.apply(a, child)
	for _, labels := range []map[string]string{nil, {"app.kubernetes.io/instance": "other"}} {
		w.edit(child, func(u *unstructured.Unstructured) { u.SetLabels(labels) })
		live := w.applyExpecting(a, child, Configured)
		if diff := cmp.Diff(namesOf(w.owner).Labels(), live.GetLabels()); diff != "" {
			t.Errorf("labels (-want +got):\n%s", diff)
		}
	}
}

func TestAnOwnerReferenceThatWasTakenAwayComesBack(t *testing.T) {
	w := newWorld(t)
	a, child := w.applier(w.client), w.configMap("child", "a")
	w.apply(a, child)
	w.edit(child, func(u *unstructured.Unstructured) { u.SetOwnerReferences(nil) })
	if live := w.applyExpecting(a, child, Configured); !metav1.IsControlledBy(live, w.owner) {
		t.Errorf("its ownerReferences are %v", live.GetOwnerReferences())
	}
}

func TestDataIsMarkedAndNeitherItNorAChildElsewhereHasAnOwner(t *testing.T) {
	w := newWorld(t)
	a, data, elsewhere := w.applier(w.client), retained(w.configMap("data", "a")), w.configMap("child", "a")
	elsewhere.Object.SetNamespace(w.newNamespace())
	for _, child := range []Child{data, elsewhere} {
		w.expect(w.applyExpecting(a, child, Created), nil, "metadata", "ownerReferences")
		w.applyExpecting(a, child, Unchanged)
	}
	w.expect(w.live(data), map[string]any{"blogplatform.io/data": "retain"}, "metadata", "annotations")
	w.expect(w.live(elsewhere), nil, "metadata", "annotations")
}

func TestAChildThatComesWithOwnerReferencesIsRefused(t *testing.T) {
	w := newWorld(t)
	child := w.configMap("child", "a")
	child.Object.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "someone", UID: "1"}})
	if _, err := w.applier(w.client).Apply(t.Context(), w.owner, child); err == nil || !strings.Contains(err.Error(), "ownerReferences") {
		t.Errorf("%v", err)
	}
	if w.live(child) != nil {
		t.Error("it was created")
	}
}

func TestAJobIsCreatedAndThenLeftAlone(t *testing.T) {
	w := newWorld(t)
	c, calls := w.watched()
	a, child := w.applier(c), w.job("job")
	w.applyExpecting(a, child, Created)
	calls.take()
	other := w.job("job")
	if err := unstructured.SetNestedField(other.Object.Object, "OnFailure", "spec", "template", "spec", "restartPolicy"); err != nil {
		t.Fatal(err)
	}
	w.applyExpecting(a, other, Unchanged)
	w.applyExpecting(w.applier(c), other, Unchanged)
	if writes := calls.writes(); len(writes) > 0 {
		t.Errorf("it was written: %v", writes)
	}
}

func TestAChildThatIsBeingDeletedIsLeftToGoAndThenCreatedAnew(t *testing.T) {
	w := newWorld(t)
	a, child := w.applier(w.client), w.configMap("child", "a")
	first := w.apply(a, child).Live
	w.hold(child)
	if err := w.client.Delete(t.Context(), first.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	changed := w.configMap("child", "b")
	if live := w.applyExpecting(a, changed, Unchanged); live.GetDeletionTimestamp() == nil {
		t.Error("the answer does not say that it is being deleted")
	}
	w.expect(w.live(child), "a", "data", "key")
	w.release(child)
	if live := w.applyExpecting(a, changed, Created); live.GetUID() == first.GetUID() {
		t.Error("it is the same object")
	}
}

func TestAChildThatSomebodyDeletedIsCreatedAnew(t *testing.T) {
	w := newWorld(t)
	a, child := w.applier(w.client), w.configMap("child", "a")
	w.apply(a, child)
	w.delete(child)
	w.applyExpecting(a, child, Created)
	w.applyExpecting(a, child, Unchanged)
}

func TestACacheThatHasNotSeenAChildYetIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	child := w.configMap("child", "a")
	a := w.applier(w.cacheThatHolds(child, nil))
	created := w.applyExpecting(a, child, Created)
	if live := w.applyExpecting(a, child, Unchanged); live.GetUID() != created.GetUID() {
		t.Error("there is another object now")
	}
	stranger := w.configMap("stranger", "theirs")
	w.create(stranger.Object.DeepCopy())
	if _, err := w.applier(w.cacheThatHolds(stranger, nil)).Apply(t.Context(), w.owner, w.configMap("stranger", "ours")); !errors.Is(err, ErrNotOurs) {
		t.Errorf("a stranger that the cache does not hold: %v", err)
	}
}

func TestAChildThatIsGoneBehindTheCacheIsAConflictAndThenCreatedAnew(t *testing.T) {
	w := newWorld(t)
	child := w.configMap("child", "a")
	a := w.applier(w.cacheThatHolds(child, w.apply(w.applier(w.client), child).Live))
	w.delete(child)
	if _, err := a.Apply(t.Context(), w.owner, child); !apierrors.IsConflict(err) {
		t.Errorf("%v", err)
	}
	w.applyExpecting(a, child, Created)
}

func TestAStrangerInAChildsPlaceIsNotForcedOver(t *testing.T) {
	w := newWorld(t)
	for _, child := range []Child{w.configMap("child", "a"), w.child(things, "child", map[string]any{"a": "b"})} {
		a := w.applier(w.cacheThatHolds(child, w.apply(w.applier(w.client), child).Live))
		w.delete(child)
		stranger := child.Object.DeepCopy()
		w.create(stranger)
		if _, err := a.Apply(t.Context(), w.owner, child); !apierrors.IsConflict(err) {
			t.Errorf("%s, at first: %v", describe(stranger), err)
		}
		if _, err := a.Apply(t.Context(), w.owner, child); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s, then: %v", describe(stranger), err)
		}
		if w.live(child).GetResourceVersion() != stranger.GetResourceVersion() {
			t.Errorf("%s was written", describe(stranger))
		}
	}
}

func TestAStrangerThatAppearsBetweenReadAndCreationIsNotForcedOver(t *testing.T) {
	w := newWorld(t)
	child := w.configMap("child", "ours")
	a := w.applier(w.intercepted(interceptor.Funcs{
		Apply: func(ctx context.Context, next client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			w.create(w.configMap("child", "theirs").Object)
			return next.Apply(ctx, o, opts...)
		},
	}))
	if _, err := a.Apply(t.Context(), w.owner, child); !apierrors.IsConflict(err) {
		t.Errorf("at first: %v", err)
	}
	if _, err := a.Apply(t.Context(), w.owner, child); !errors.Is(err, ErrNotOurs) {
		t.Errorf("then: %v", err)
	}
	w.expect(w.live(child), "theirs", "data", "key")
}

// TestARepairIsToldFromAChangeOfThePlan: only what somebody else did is drift.
func TestARepairIsToldFromAChangeOfThePlan(t *testing.T) {
	w := newWorld(t)
	a, child := w.applier(w.client), w.configMap("child", "a")
	expect := func(what string, child Child, skipped, repaired bool) {
		t.Helper()
		if got := w.apply(a, child); got.Skipped != skipped || got.Repaired != repaired {
			t.Errorf("%s: skipped is %t and repaired %t, want %t and %t", what, got.Skipped, got.Repaired, skipped, repaired)
		}
	}
	expect("it is created", child, false, false)
	expect("nothing has changed", child, true, false)
	changed := w.configMap("child", "b")
	expect("the plan has changed", changed, false, false)
	w.edit(changed, func(u *unstructured.Unstructured) { u.Object["data"] = map[string]any{"key": "theirs"} })
	expect("somebody has edited it", changed, false, true)
	w.edit(changed, func(u *unstructured.Unstructured) {
		u.SetLabels(merge(u.GetLabels(), map[string]string{"foreign": "label"}))
	})
	expect("somebody has added a label of their own", changed, false, false)
	w.delete(changed)
	expect("somebody has deleted it", changed, false, true)

	job := w.job("job")
	expect("a Job is created", job, false, false)
	w.delete(job)
	expect("a Job that Kubernetes has cleaned up is no drift", job, false, false)
}
