package apply

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func (w *world) diff(a *Applier, children []Child, inventory ...string) []Change {
	w.t.Helper()
	changes, err := a.Diff(w.t.Context(), w.owner, children, inventory)
	if err != nil {
		w.t.Fatal(err)
	}
	return changes
}

// summary of changes, one word and name each.
func summary(changes []Change) []string {
	var lines []string
	for _, change := range changes {
		lines = append(lines, string(change.Action)+" "+change.Object().GetName())
	}
	return lines
}

func TestADiffTellsWhatApplyAndPruneWouldDoAndWritesNothing(t *testing.T) {
	w := newWorld(t)
	a := w.applier(w.client)
	same, other, edited := w.configMap("same", "a"), w.configMap("other", "a"), w.configMap("edited", "a")
	job, goes, data := w.job("job"), w.configMap("goes", "a"), retained(w.child(things, "data", map[string]any{"a": "b"}))
	far := w.elsewhere(w.newNamespace())
	for _, child := range []Child{same, other, edited, job, goes, data, far} {
		w.apply(a, child)
	}
	w.edit(edited, func(u *unstructured.Unstructured) { u.Object["data"] = map[string]any{"key": "theirs"} })
	planned := []Child{same, w.configMap("other", "b"), edited, w.configMap("new", "a"), job}
	inventory := []string{Entry(w.live(far)), Entry(w.live(data))}
	before := w.live(edited)

	// A plugin that never applied anything sees the same as the operator that did.
	for _, who := range []*Applier{a, w.applier(w.client)} {
		changes := w.diff(who, planned, inventory...)
		want := []string{"Configured other", "Configured edited", "Created new", "Deleted goes", "Deleted " + far.Object.GetName()}
		if diff := cmp.Diff(want, summary(changes)); diff != "" {
			t.Fatalf("changes (-want +got):\n%s", diff)
		}
		w.expect(changes[0].Before, "a", "data", "key")
		w.expect(changes[0].After, "b", "data", "key")
		w.expect(changes[1].Before, "theirs", "data", "key")
		w.expect(changes[1].After, "a", "data", "key")
		if changes[2].Before != nil || changes[3].After != nil {
			t.Errorf("what is created has a before, or what is deleted an after: %+v", changes)
		}
	}
	w.exists(w.configMap("new", "a"), false)
	w.exists(goes, true)
	w.exists(far, true)
	if diff := cmp.Diff(before, w.live(edited)); diff != "" {
		t.Errorf("the diff wrote (-before +after):\n%s", diff)
	}
}

func TestADiffSaysWhatCannotBeApplied(t *testing.T) {
	w := newWorld(t)
	a := w.applier(w.client)
	foreign := w.configMap("foreign", "a")
	w.create(foreign.Object.DeepCopy())
	unserved := w.child(things, "unserved", nil)
	unserved.Object.SetAPIVersion("nobody.example.com/v1")
	refused := w.configMap("Not A Name", "a")

	changes := w.diff(a, []Child{foreign, unserved, refused})
	if len(changes) != 3 {
		t.Fatalf("changes: %v", summary(changes))
	}
	if !errors.Is(changes[0].Err, ErrNotOurs) || !errors.Is(changes[1].Err, ErrKindMissing) || changes[2].Err == nil {
		t.Errorf("errors: %v; %v; %v", changes[0].Err, changes[1].Err, changes[2].Err)
	}
}
