package apply

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

func TestAnEntryNamesAnObject(t *testing.T) {
	w := &world{namespace: "space"}
	named := w.child(things, "name", nil).Object
	if got := Entry(named); got != "example.com/Thing/space/name/" {
		t.Errorf("before the first apply: %q", got)
	}
	named.SetUID("uid")
	if got := Entry(named); got != "example.com/Thing/space/name/uid" {
		t.Errorf("after it: %q", got)
	}
	if got := Entry(w.configMap("a.b", "").Object); got != "/ConfigMap/space/a.b/" {
		t.Errorf("of a core kind: %q", got)
	}
}

// elsewhere is a child in another namespace, where no owner reference can hold it.
func (w *world) elsewhere(namespace string) Child {
	child := w.child(things, w.namespace+".blog", map[string]any{"a": "b"})
	child.Object.SetNamespace(namespace)
	return child
}

func (w *world) prune(a *Applier, keep []Child, inventory ...string) []string {
	w.t.Helper()
	survivors, err := a.Prune(w.t.Context(), w.owner, keep, inventory)
	if err != nil {
		w.t.Fatal(err)
	}
	return survivors
}

func (w *world) deleteAll(a *Applier, policy DeletePolicy, inventory ...string) []string {
	w.t.Helper()
	remaining, err := a.Delete(w.t.Context(), w.owner, inventory, policy)
	if err != nil {
		w.t.Fatal(err)
	}
	return remaining
}

func (w *world) exists(child Child, want bool) {
	w.t.Helper()
	live := w.live(child)
	if exists := live != nil && live.GetDeletionTimestamp() == nil; exists != want {
		w.t.Errorf("%s exists: %v, want %v", describe(child.Object), exists, want)
	}
}

func TestPruneTakesWhatIsNotPlannedAnyMoreAndNothingElse(t *testing.T) {
	w := newWorld(t)
	a := w.applier(w.client)
	kept, old, data := w.configMap("kept", "a"), w.child(things, "old", map[string]any{"a": "b"}), retained(w.configMap("data", "a"))
	for _, child := range []Child{kept, old, data} {
		w.apply(a, child)
	}
	// What only looks like a child: without labels, a copy with them, and one of another platform.
	unlabelled, copied, others := w.configMap("unlabelled", "a"), w.configMap("copied", "a"), w.configMap("others", "a")
	w.create(unlabelled.Object)
	copied.Object.SetLabels(namesOf(w.owner).Labels())
	w.create(copied.Object)
	other := w.newOwner("other")
	if _, err := a.Apply(t.Context(), other, others); err != nil {
		t.Fatal(err)
	}

	if survivors := w.prune(a, []Child{kept}); len(survivors) > 0 {
		t.Errorf("survivors %v", survivors)
	}

	w.exists(old, false)
	for _, child := range []Child{kept, data, unlabelled, copied, others} {
		w.exists(child, true)
	}
}

func TestPruneTakesAChildElsewhereByTheInventoryAndKeepsItsLineUntilItIsGone(t *testing.T) {
	w := newWorld(t)
	c, calls := w.watched()
	a, child := w.applier(c), w.elsewhere(w.newNamespace())
	entry := Entry(w.apply(a, child).Live)
	if survivors := w.prune(a, nil); len(survivors) > 0 {
		t.Errorf("survivors %v", survivors)
	}
	w.exists(child, true) // no line, no deletion
	calls.take()

	w.hold(child)
	for range 2 {
		if diff := cmp.Diff([]string{entry}, w.prune(a, nil, entry)); diff != "" {
			t.Errorf("survivors (-want +got):\n%s", diff)
		}
		w.exists(child, false)
	}
	w.release(child)
	if survivors := w.prune(a, nil, entry); len(survivors) > 0 {
		t.Errorf("survivors once it is gone: %v", survivors)
	}
	if writes := calls.writes(); len(writes) != 1 {
		t.Errorf("it was deleted by %v", writes)
	}
}

func TestALineWithoutUIDIsOfAChildThatMayHaveBeenCreatedBeforeACrash(t *testing.T) {
	w := newWorld(t)
	a, child := w.applier(w.client), w.elsewhere(w.newNamespace())
	announced := Entry(child.Object)
	if survivors := w.prune(a, nil, announced); len(survivors) > 0 {
		t.Errorf("survivors of what was never created: %v", survivors)
	}
	w.apply(a, child)
	w.prune(a, nil, announced)
	w.exists(child, false)
}

func TestWhatIsInThePlaceOfALineIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	a, other := w.applier(w.client), w.newOwner("other")
	replaced, strangers, others := w.elsewhere(w.newNamespace()), w.elsewhere(w.newNamespace()), w.elsewhere(w.newNamespace())
	data, dataElsewhere := retained(w.configMap("data", "a")), retained(w.elsewhere(w.newNamespace()))
	was := w.apply(a, replaced).Live
	w.delete(replaced)
	w.apply(a, replaced)
	w.create(strangers.Object)
	if _, err := a.Apply(t.Context(), other, others); err != nil {
		t.Fatal(err)
	}
	lines := []string{Entry(was), Entry(strangers.Object), Entry(others.Object), Entry(w.apply(a, data).Live), Entry(w.apply(a, dataElsewhere).Live)}

	if survivors := w.prune(a, nil, lines...); len(survivors) > 0 {
		t.Errorf("survivors %v", survivors)
	}
	if remaining := w.deleteAll(a, DeletePolicy{}, lines...); len(remaining) > 0 {
		t.Errorf("remaining %v", remaining)
	}
	for _, child := range []Child{replaced, strangers, others, data, dataElsewhere} {
		w.exists(child, true)
	}
}

func TestLinesOfPlannedChildrenCostNoRequest(t *testing.T) {
	w := newWorld(t)
	c, calls := w.watched()
	a, child := New(w.client, c, kinds...), w.elsewhere(w.newNamespace())
	entry := Entry(w.apply(a, child).Live)
	calls.take()
	if survivors := w.prune(a, []Child{child}, entry); len(survivors) > 0 {
		t.Errorf("survivors %v", survivors)
	}
	if made := calls.take(); len(made) > 0 {
		t.Errorf("requests past the cache: %v", made)
	}
	w.exists(child, true)
}

func TestLinesOfMissingKindsAndNamespacesAreDropped(t *testing.T) {
	w := newWorld(t)
	lines := []string{"missing.example.com/Widget/" + w.namespace + "/child/uid", "example.com/Thing/no-such-namespace/child/uid"}
	if survivors := w.prune(w.applier(w.client), nil, lines...); len(survivors) > 0 {
		t.Errorf("survivors %v", survivors)
	}
	if remaining := w.deleteAll(w.applier(w.client), DeletePolicy{}, lines...); len(remaining) > 0 {
		t.Errorf("remaining %v", remaining)
	}
}

func TestALineThatCannotBeReadSurvives(t *testing.T) {
	w := newWorld(t)
	child := w.elsewhere(w.newNamespace())
	entry := Entry(w.apply(w.applier(w.client), child).Live)
	for name, hiccup := range hiccups {
		a := New(w.client, w.intercepted(interceptor.Funcs{
			Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
				return hiccup
			},
		}), kinds...)
		survivors, err := a.Prune(t.Context(), w.owner, nil, []string{entry})
		if err == nil || !cmp.Equal(survivors, []string{entry}) {
			t.Errorf("%s: survivors %v, error %v", name, survivors, err)
		}
	}
	if survivors, err := w.applier(w.client).Prune(t.Context(), w.owner, nil, []string{"nonsense"}); err == nil || !cmp.Equal(survivors, []string{"nonsense"}) {
		t.Errorf("a line that is none: survivors %v, error %v", survivors, err)
	}
}

func TestADeletionThatFailsIsTriedAgain(t *testing.T) {
	for name, hiccup := range hiccups {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			one, two, far := w.configMap("one", "a"), w.configMap("two", "a"), w.elsewhere(w.newNamespace())
			before := w.applier(w.client)
			w.apply(before, one)
			w.apply(before, two)
			entry := Entry(w.apply(before, far).Live)
			a := w.applier(w.faulty(fault{when: func(write int) bool { return write != 1 && write < 3 }, err: hiccup}))
			survivors, err := a.Prune(t.Context(), w.owner, nil, []string{entry})
			if err == nil || !cmp.Equal(survivors, []string{entry}) {
				t.Fatalf("survivors %v, error %v", survivors, err)
			}
			w.exists(two, false) // one that fails does not hold up the others
			for range 2 {
				survivors = w.prune(a, nil, survivors...)
			}
			w.exists(one, false)
			w.exists(far, false)
			if len(survivors) > 0 {
				t.Errorf("survivors %v", survivors)
			}
		})
	}
}

func TestAnObjectThatReplacedTheOneInTheCacheIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	child := w.configMap("child", "a")
	was := w.apply(w.applier(w.client), child).Live
	w.delete(child)
	w.create(child.Object.DeepCopy()) // somebody else's
	a := w.applier(w.intercepted(interceptor.Funcs{
		List: func(_ context.Context, _ client.WithWatch, l client.ObjectList, _ ...client.ListOption) error {
			if list := l.(*unstructured.UnstructuredList); list.GetKind() == "ConfigMapList" {
				list.Items = []unstructured.Unstructured{*was}
			}
			return nil
		},
	}))
	if _, err := a.Prune(t.Context(), w.owner, nil, nil); !apierrors.IsConflict(err) {
		t.Errorf("Prune: %v", err)
	}
	if remaining, err := a.Delete(t.Context(), w.owner, nil, DeletePolicy{}); !apierrors.IsConflict(err) || len(remaining) != 1 {
		t.Errorf("Delete: remaining %v, %v", remaining, err)
	}
	w.exists(child, true)
}

func TestDeletionTakesWorkloadsThenTheRestThenData(t *testing.T) {
	w := newWorld(t)
	a := w.applier(w.client)
	workload, service, data, far := w.child(rollouts, "workload", nil), w.configMap("service", "a"), retained(w.child(things, "data", nil)), w.elsewhere(w.newNamespace())
	entries := map[string]string{}
	for name, child := range map[string]Child{"workload": workload, "service": service, "data": data, "far": far} {
		entries[name] = Entry(w.apply(a, child).Live)
		w.hold(child)
	}
	inventory := []string{entries["data"], entries["far"]}
	step := func(gone []Child, left ...Child) {
		t.Helper()
		remaining := w.deleteAll(a, DeletePolicy{DeleteData: true}, inventory...)
		var want []string
		for _, child := range append(slices.Clone(gone), left...) {
			want = append(want, Entry(w.live(child)))
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, remaining); diff != "" {
			t.Errorf("remaining (-want +got):\n%s", diff)
		}
		for _, child := range gone {
			w.exists(child, false)
		}
		for _, child := range left {
			w.exists(child, true)
		}
	}
	step([]Child{workload}, service, far, data)
	step([]Child{workload}, service, far, data) // it is not gone yet
	w.release(workload)
	step([]Child{service, far}, data)
	w.release(service)
	step([]Child{far}, data)
	w.release(far)
	step([]Child{data})
	w.release(data)
	if remaining := w.deleteAll(a, DeletePolicy{DeleteData: true}, inventory...); len(remaining) > 0 {
		t.Errorf("in the end %v remains", remaining)
	}
}

func TestDeletionLeavesDataUnlessItIsAskedForAndNeverTakesWhatIsOthers(t *testing.T) {
	w := newWorld(t)
	a, other := w.applier(w.client), w.newOwner("other")
	data, lost, othersData := retained(w.configMap("data", "a")), retained(w.configMap("lost", "a")), retained(w.configMap("others", "a"))
	inventory := []string{Entry(w.apply(a, data).Live), Entry(w.apply(a, lost).Live)}
	w.edit(lost, func(u *unstructured.Unstructured) { u.SetLabels(nil) })
	if _, err := a.Apply(t.Context(), other, othersData); err != nil {
		t.Fatal(err)
	}
	w.apply(a, w.configMap("child", "a"))
	for range 2 {
		w.deleteAll(a, DeletePolicy{}, inventory...)
	}
	for _, child := range []Child{data, lost, othersData} {
		w.exists(child, true)
	}
	w.exists(w.configMap("child", "a"), false)

	for range 2 {
		w.deleteAll(a, DeletePolicy{DeleteData: true}, inventory...)
	}
	w.exists(data, false)
	w.exists(lost, true) // somebody took our labels off: it is theirs now
	w.exists(othersData, true)
}

func TestACacheThatIsBehindEndsNoDeletion(t *testing.T) {
	w := newWorld(t)
	child, data := w.configMap("child", "a"), retained(w.configMap("data", "a"))
	before := w.applier(w.client)
	w.apply(before, child)
	w.apply(before, data)
	a := w.applier(w.intercepted(interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return nil },
	}))
	if remaining := w.deleteAll(a, DeletePolicy{DeleteData: true}); len(remaining) != 2 {
		t.Errorf("remaining %v", remaining)
	}
	w.exists(child, false)
	w.exists(data, true) // the child was there a moment ago
	w.deleteAll(a, DeletePolicy{DeleteData: true})
	w.exists(data, false)
}

func TestDataWaitsForALineThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	child, data, far := w.configMap("child", "a"), retained(w.configMap("data", "a")), w.elsewhere(w.newNamespace())
	before := w.applier(w.client)
	for _, c := range []Child{child, data} {
		w.apply(before, c)
	}
	entry := Entry(w.apply(before, far).Live)
	a := New(w.client, w.unreadable(hiccups["internal error"]), kinds...)
	for range 2 {
		remaining, err := a.Delete(t.Context(), w.owner, []string{entry}, DeletePolicy{DeleteData: true})
		if !apierrors.IsInternalError(err) || !slices.Contains(remaining, entry) {
			t.Errorf("remaining %v, error %v", remaining, err)
		}
	}
	w.exists(child, false)
	w.exists(data, true)
}

func TestDeletionGoesOnWithoutACRD(t *testing.T) {
	w := newWorld(t)
	gizmos := schema.GroupVersionKind{Group: w.namespace + ".example.com", Version: "v1", Kind: "Gizmo"}
	if err := controlplane.InstallCRDs(t.Context(), w.client, []*unstructured.Unstructured{crdOf(gizmos)}); err != nil {
		t.Fatal(err)
	}
	a := New(w.client, w.client, append(slices.Clone(kinds), gizmos)...)
	far := w.child(gizmos, "far", map[string]any{"a": "b"})
	far.Object.SetNamespace(w.newNamespace())
	entry := Entry(w.apply(a, far).Live)
	w.apply(a, w.child(gizmos, "near", map[string]any{"a": "b"}))
	w.apply(a, w.configMap("child", "a"))
	if err := w.client.Delete(t.Context(), crdOf(gizmos)); err != nil {
		t.Fatal(err)
	}
	w.until("the kind is not served", func() bool {
		_, err := a.Apply(t.Context(), w.owner, far)
		return err != nil && w.live(far) == nil && apierrors.IsNotFound(w.client.Get(t.Context(), client.ObjectKey{Name: "gizmos." + gizmos.Group}, crdOf(gizmos)))
	})
	if survivors := w.prune(a, []Child{w.configMap("child", "a")}, entry); len(survivors) > 0 {
		t.Errorf("survivors %v", survivors)
	}
	w.deleteAll(a, DeletePolicy{DeleteData: true}, entry)
	if remaining := w.deleteAll(a, DeletePolicy{DeleteData: true}, entry); len(remaining) > 0 {
		t.Errorf("remaining %v", remaining)
	}
	w.exists(w.configMap("child", "a"), false)
}

func TestAKillDuringADeletionLeadsToTheSameEnd(t *testing.T) {
	for write := range 4 {
		for _, lost := range []bool{false, true} {
			w := newWorld(t)
			before := w.applier(w.client)
			children := []Child{w.child(rollouts, "workload", nil), w.configMap("one", "a"), retained(w.configMap("data", "a")), w.elsewhere(w.newNamespace())}
			var inventory []string
			for _, child := range children {
				if live := w.apply(before, child).Live; child.Retain || live.GetNamespace() != w.namespace {
					inventory = append(inventory, Entry(live))
				}
			}
			dying := w.applier(w.faulty(fault{when: func(n int) bool { return n >= write }, err: context.Canceled, lost: lost}))
			for range 4 {
				_, _ = dying.Delete(t.Context(), w.owner, inventory, DeletePolicy{DeleteData: true})
			}
			a := w.applier(w.client)
			w.until("nothing remains", func() bool { return len(w.deleteAll(a, DeletePolicy{DeleteData: true}, inventory...)) == 0 })
			for _, child := range children {
				w.exists(child, false)
			}
		}
	}
}

func TestWhenTheOwnerIsGoneSoAreItsChildrenButNotData(t *testing.T) {
	w := newWorld(t)
	a, child, data, far := w.applier(w.client), w.configMap("child", "a"), retained(w.configMap("data", "a")), w.elsewhere(w.newNamespace())
	for _, c := range []Child{child, data, far} {
		w.apply(a, c)
	}
	if err := w.client.Delete(t.Context(), w.owner, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	w.until("the garbage collector has taken the child", func() bool { return w.live(child) == nil })
	w.exists(data, true)
	w.exists(far, true)
}
