package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

// fault breaks the writes for which when is true: unless lost, the write does
// not happen; if lost, it happens and only its answer is an error.
type fault struct {
	when func(write int) bool
	err  error
	lost bool
}

// faulty is a client with a fault in its writes, which are counted from 0.
func (w *world) faulty(f fault) client.WithWatch {
	write := -1
	through := func(call func() error) error {
		write++
		if !f.when(write) {
			return call()
		}
		if f.lost {
			if err := call(); err != nil {
				return err
			}
		}
		return f.err
	}
	return w.intercepted(interceptor.Funcs{
		Apply: func(ctx context.Context, next client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return through(func() error { return next.Apply(ctx, o, opts...) })
		},
		Delete: func(ctx context.Context, next client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return through(func() error { return next.Delete(ctx, o, opts...) })
		},
	})
}

// unreadable is a client of which every Get fails.
func (w *world) unreadable(err error) client.WithWatch {
	return w.intercepted(interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return err
		},
	})
}

// hiccups are what an API server under stress answers.
var hiccups = map[string]error{
	"conflict":          apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "child", errors.New("the object has been modified")),
	"too many requests": apierrors.NewTooManyRequests("slow down", 1),
	"internal error":    apierrors.NewInternalError(errors.New("etcd is away")),
	"unavailable":       apierrors.NewServiceUnavailable("no leader"),
	"timeout":           context.DeadlineExceeded,
}

func TestAHiccupOfTheAPIServerIsToldAndTheNextPassRecovers(t *testing.T) {
	for name, hiccup := range hiccups {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, lost answer %v", name, lost), func(t *testing.T) {
				w := newWorld(t)
				a := w.applier(w.faulty(fault{when: func(write int) bool { return write == 0 || write == 2 }, err: hiccup, lost: lost}))
				for _, value := range []string{"created", "changed"} {
					child := w.configMap("child", value)
					if _, err := a.Apply(t.Context(), w.owner, child); !errors.Is(err, hiccup) || !strings.Contains(err.Error(), describe(child.Object)) {
						t.Fatalf("%s: the caller got %v", value, err)
					}
					before := w.live(child)
					live := w.apply(a, child).Live
					w.expect(live, value, "data", "key")
					if lost && before.GetResourceVersion() != live.GetResourceVersion() {
						t.Errorf("%s: what had been written was written again", value)
					}
					w.applyExpecting(a, child, Unchanged)
				}
			})
		}
	}
}

func TestAReadThatFailsIsNotTakenForAbsence(t *testing.T) {
	w := newWorld(t)
	child, unreadable := w.configMap("child", "a"), w.unreadable(hiccups["unavailable"])
	for name, a := range map[string]*Applier{
		"cached": w.applier(unreadable),
		"live":   New(w.client, unreadable, kinds...),
	} {
		if _, err := a.Apply(t.Context(), w.owner, child); !apierrors.IsServiceUnavailable(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.live(child) != nil {
		t.Error("it was created")
	}
}

func TestAChildBuiltFromAnOlderVersionIsAConflict(t *testing.T) {
	w := newWorld(t)
	child := w.configMap("child", "a")
	live := w.apply(w.applier(w.client), child).Live
	a := w.applier(w.cacheThatHolds(child, live))
	w.apply(a, child)
	w.edit(child, func(u *unstructured.Unstructured) { u.Object["data"] = map[string]any{"key": "theirs"} })

	carried := w.configMap("child", "carried")
	carried.Object.SetResourceVersion(live.GetResourceVersion())
	if _, err := a.Apply(t.Context(), w.owner, carried); !apierrors.IsConflict(err) {
		t.Fatalf("%v", err)
	}
	w.expect(w.live(child), "theirs", "data", "key")

	// The caller looks at the API server and builds the child anew; so does Apply, whatever the cache holds.
	carried.Object.SetResourceVersion(w.live(child).GetResourceVersion())
	w.expect(w.applyExpecting(a, carried, Configured), "carried", "data", "key")
}

func TestAfterAConflictNotEvenAnUnchangedPlanIsTakenForApplied(t *testing.T) {
	w := newWorld(t)
	child := w.configMap("child", "a")
	live := w.apply(w.applier(w.client), child).Live
	a := w.applier(w.cacheThatHolds(child, live))
	w.apply(a, child)
	w.edit(child, func(u *unstructured.Unstructured) { u.Object["data"] = map[string]any{"key": "theirs"} })
	w.applyExpecting(a, child, Unchanged) // by the cache, which has not seen the edit
	other := w.configMap("child", "b")
	other.Object.SetResourceVersion(live.GetResourceVersion())
	if _, err := a.Apply(t.Context(), w.owner, other); !apierrors.IsConflict(err) {
		t.Fatalf("%v", err)
	}
	w.expect(w.applyExpecting(a, child, Configured), "a", "data", "key")
}

func TestAChildCarriedOverFromAnObjectThatIsGoneIsAConflict(t *testing.T) {
	w := newWorld(t)
	a, child := w.applier(w.client), w.configMap("child", "carried")
	child.Object.SetResourceVersion(w.apply(a, w.configMap("child", "a")).Live.GetResourceVersion())
	w.delete(child)
	if _, err := a.Apply(t.Context(), w.owner, child); !apierrors.IsConflict(err) {
		t.Errorf("%v", err)
	}
	if w.live(child) != nil {
		t.Error("it was created with what was carried over")
	}
	w.applyExpecting(a, w.configMap("child", "a"), Created)
}

// TestACRDOfAnotherVersionIsSaid: to install it again would not help.
func TestACRDOfAnotherVersionIsSaid(t *testing.T) {
	w := newWorld(t)
	for served, says := range map[string]string{
		"v1alpha3": "it is served as v1alpha3, but this operator needs v1beta1: upgrade the CRD",
		"v1":       "it is served as v1, but this operator needs v1beta1: upgrade the operator",
	} {
		kind := schema.GroupVersionKind{Group: served + "." + w.namespace + ".example.com", Version: served, Kind: "Gadget"}
		if err := controlplane.InstallCRDs(t.Context(), w.client, []*unstructured.Unstructured{crdOf(kind)}); err != nil {
			t.Fatal(err)
		}
		w.until("the kind is served", func() bool {
			_, err := w.client.RESTMapper().RESTMapping(kind.GroupKind(), served)
			return err == nil
		})
		kind.Version = "v1beta1"
		_, err := w.applier(w.client).Apply(t.Context(), w.owner, w.child(kind, "child", nil))
		if !errors.Is(err, ErrKindMissing) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}

func TestAMissingCRDIsSaidAndRecoversByItself(t *testing.T) {
	w := newWorld(t)
	gadgets := schema.GroupVersionKind{Group: w.namespace + ".example.com", Version: "v1", Kind: "Gadget"}
	child := w.child(gadgets, "child", map[string]any{"a": "b"})
	a := w.applier(w.client)
	missing := func(when string, a *Applier, child Child) {
		t.Helper()
		if _, err := a.Apply(t.Context(), w.owner, child); !errors.Is(err, ErrKindMissing) || !strings.Contains(err.Error(), gadgets.Group) {
			t.Errorf("%s: %v", when, err)
		}
	}
	missing("never installed", a, child)
	served := func() bool {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gadgets.GroupVersion().WithKind("GadgetList"))
		return !isUnserved(w.client.List(t.Context(), list, client.InNamespace(w.namespace)))
	}
	install := func() {
		t.Helper()
		if err := controlplane.InstallCRDs(t.Context(), w.client, []*unstructured.Unstructured{crdOf(gadgets)}); err != nil {
			t.Fatal(err)
		}
		// Established comes a moment before discovery names the kind.
		w.until("the kind is served", served)
	}
	install()
	w.applyExpecting(a, child, Created)

	w.hold(child)
	if err := w.client.Delete(t.Context(), crdOf(gadgets)); err != nil {
		t.Fatal(err)
	}
	w.until("the CRD is on its way out", func() bool { return w.live(child).GetDeletionTimestamp() != nil })
	missing("on its way out", a, w.child(gadgets, "another", map[string]any{"a": "b"}))
	w.applyExpecting(a, child, Unchanged)

	w.release(child)
	w.until("the CRD is gone", func() bool {
		err := w.client.Get(t.Context(), client.ObjectKey{Name: "gadgets." + gadgets.Group}, crdOf(gadgets))
		return apierrors.IsNotFound(err)
	})
	w.until("the kind is not served", func() bool { return !served() })
	missing("gone, known to an old client", a, child)
	carried := w.child(gadgets, "child", map[string]any{"a": "b"})
	carried.Object.SetResourceVersion("1")
	missing("gone, with what was carried over", a, carried)
	fresh, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	missing("gone, unknown to a new client", New(fresh, fresh, kinds...), child)
	install()
	w.applyExpecting(a, child, Created)
}

func TestAMissingNamespaceIsSaidAndRecoversByItself(t *testing.T) {
	w := newWorld(t)
	namespace := w.namespace + "-later"
	for _, child := range []Child{w.configMap("child", "a"), w.child(things, "child", map[string]any{"a": "b"})} {
		child.Object.SetNamespace(namespace)
		_, err := w.applier(w.client).Apply(t.Context(), w.owner, child)
		if !errors.Is(err, ErrNamespaceGone) || !strings.Contains(err.Error(), namespace) {
			t.Errorf("%s: %v", describe(child.Object), err)
		}
	}
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	child := w.configMap("child", "a")
	child.Object.SetNamespace(namespace)
	w.applyExpecting(w.applier(w.client), child, Created)
}

func TestATerminatingNamespaceIsSaid(t *testing.T) {
	w := newWorld(t)
	namespace := w.newNamespace()
	held := w.configMap("held", "a")
	held.Object.SetNamespace(namespace)
	held.Object.SetFinalizers([]string{"example.com/hold"})
	w.create(held.Object.DeepCopy())
	t.Cleanup(func() {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
		_ = w.client.Patch(context.WithoutCancel(t.Context()), held.Object, patch)
	})
	if err := w.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Fatal(err)
	}
	for _, child := range []Child{w.configMap("child", "a"), w.child(things, "child", map[string]any{"a": "b"})} {
		child.Object.SetNamespace(namespace)
		if _, err := w.applier(w.client).Apply(t.Context(), w.owner, child); !errors.Is(err, ErrNamespaceGone) {
			t.Errorf("%s: %v", describe(child.Object), err)
		}
	}
}

func TestAnExceededQuotaIsReadable(t *testing.T) {
	w := newWorld(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "small"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/jobs.batch": resource.MustParse("0")}}}
	w.create(quota)
	w.until("the quota counts", func() bool {
		err := w.client.Get(t.Context(), client.ObjectKeyFromObject(quota), quota)
		return err == nil && len(quota.Status.Hard) > 0
	})
	_, err := w.applier(w.client).Apply(t.Context(), w.owner, w.job("job"))
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "exceeded quota: small") || !strings.Contains(err.Error(), "Job "+w.namespace+"/job") {
		t.Errorf("%v", err)
	}
}

// pass applies a plan and prunes what an earlier one left, as a reconciler does
// from whatever it finds.
func (w *world) pass(a *Applier, plan []Child, inventory []string) error {
	for _, child := range plan {
		if _, err := a.Apply(w.t.Context(), w.owner, child); err != nil {
			return err
		}
	}
	_, err := a.Prune(w.t.Context(), w.owner, plan, inventory)
	return err
}

// state is what is in the namespace, without what differs from run to run.
func (w *world) state() map[string]any {
	w.t.Helper()
	objects, err := w.applier(w.client).list(w.t.Context(), w.client, w.owner)
	if err != nil {
		w.t.Fatal(err)
	}
	state := map[string]any{}
	for i := range objects {
		u := &objects[i]
		content := u.Object["spec"]
		if u.GetKind() == "ConfigMap" {
			content = u.Object["data"]
		}
		if isJob(u) {
			content = nil // the API server writes the UID into it
		}
		state[u.GetKind()+"/"+u.GetName()] = []any{content, metav1.IsControlledBy(u, w.owner), isData(u)}
	}
	return state
}

func TestAKillAfterAnyWriteLeadsToTheSameEnd(t *testing.T) {
	killed := errors.New("killed")
	plan := func(w *world) []Child {
		return []Child{
			w.configMap("one", "a"), retained(w.child(things, "data", map[string]any{"a": "b"})), w.configMap("two", "a"),
			w.job("job"), w.child(rollouts, "workload", map[string]any{"a": "b"}), w.child(things, "last", map[string]any{"a": "b"}),
		}
	}
	// Before the plan there was another, one of whose children is in neither the plan nor the end.
	prepare := func(w *world) {
		a := w.applier(w.client)
		w.apply(a, w.configMap("earlier", "a"))
		w.apply(a, w.configMap("two", "earlier"))
	}
	undisturbed := newWorld(t)
	prepare(undisturbed)
	if err := undisturbed.pass(undisturbed.applier(undisturbed.client), plan(undisturbed), nil); err != nil {
		t.Fatal(err)
	}
	want := undisturbed.state()
	writes := len(plan(undisturbed)) + 1
	for write := range writes {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, happened %v", write, lost), func(t *testing.T) {
				w := newWorld(t)
				prepare(w)
				dying := w.applier(w.faulty(fault{when: func(n int) bool { return n == write }, err: killed, lost: lost}))
				if err := w.pass(dying, plan(w), nil); !errors.Is(err, killed) {
					t.Fatalf("it was not killed: %v", err)
				}
				survived := map[string]types.UID{}
				for _, child := range plan(w) {
					if live := w.live(child); live != nil {
						survived[describe(live)] = live.GetUID()
					}
				}
				if err := w.pass(w.applier(w.client), plan(w), nil); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, w.state()); diff != "" {
					t.Errorf("the end (-undisturbed +killed):\n%s", diff)
				}
				for _, child := range plan(w) {
					if live := w.live(child); survived[describe(live)] != "" && live.GetUID() != survived[describe(live)] {
						t.Errorf("%s was created twice", describe(live))
					}
				}
			})
		}
	}
}
