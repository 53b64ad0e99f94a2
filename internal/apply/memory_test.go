package apply

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestWhatIsRememberedIsForgotten(t *testing.T) {
	w := newWorld(t)
	a := w.applier(w.client)
	plan := []Child{w.configMap("one", "a"), w.configMap("two", "a"), w.job("job-of-a-release")}
	remembered := func() []string {
		return slices.Sorted(maps.Keys(a.memory.owners[client.ObjectKeyFromObject(w.owner)]))
	}
	for _, child := range plan {
		w.apply(a, child)
	}
	if n := len(remembered()); n != 3 {
		t.Errorf("after the first pass: %v", remembered())
	}
	w.prune(a, plan[:1])
	if got := strings.Join(remembered(), " "); got != "/ConfigMap/"+w.namespace+"/one/" {
		t.Errorf("after a prune: %v", got)
	}
	w.deleteAll(a, DeletePolicy{})
	if len(a.memory.owners) > 0 {
		t.Errorf("after a deletion: %v", a.memory.owners)
	}
	w.apply(a, w.configMap("three", "a"))
	a.Forget(types.NamespacedName{Namespace: w.namespace, Name: "another"})
	if len(remembered()) != 1 {
		t.Error("another owner was forgotten")
	}
	a.Forget(client.ObjectKeyFromObject(w.owner))
	if len(a.memory.owners) > 0 {
		t.Errorf("after the owner is gone: %v", a.memory.owners)
	}
}

// Owners are worked on side by side; one owner twice only if a reconciler errs,
// but then, too, nothing may break.
func TestManyAreAppliedSideBySide(t *testing.T) {
	w := newWorld(t)
	a := w.applier(w.client)
	owners := make([]*corev1.ConfigMap, 4)
	for i := range owners {
		owners[i] = w.newOwner(fmt.Sprintf("owner-%d", i))
	}
	var group sync.WaitGroup
	for worker := range 2 * len(owners) {
		owner := owners[worker%len(owners)]
		group.Go(func() {
			for round := range 3 {
				children := []Child{w.configMap(owner.Name+"-one", fmt.Sprint(round)), w.configMap(owner.Name+"-two", "a")}
				for _, child := range children {
					// Two that create the same child may meet in a conflict, which is the caller's to repeat.
					_, _ = a.Apply(t.Context(), owner, child)
				}
				if _, err := a.Prune(t.Context(), owner, children, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, owner := range owners {
		child := w.configMap(owner.Name+"-one", "2")
		if _, err := a.Apply(t.Context(), owner, child); err != nil {
			t.Error(err)
		}
		if live := w.live(child); !metav1.IsControlledBy(live, owner) {
			t.Errorf("%s has owners %v", describe(live), live.GetOwnerReferences())
		}
	}
}
