package apply

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/internal/kube"
)

// Deleted is what Diff says of an object that Prune would delete.
const Deleted Action = "Deleted"

// Change is what would become of one object.
type Change struct {
	Action Action
	// Before is the live object, nil where there is none; After is what the API
	// server would make of it, nil where it would go or Err says why not.
	Before, After *unstructured.Unstructured
	// Err is why the object cannot be applied; see Apply.
	Err error
}

// Object is the one that the change is about.
func (c Change) Object() *unstructured.Unstructured {
	if c.Before != nil {
		return c.Before
	}
	return c.After
}

// Diff tells what Apply of all children, and then Prune, would change. It asks
// the API server, with all its defaults and admission, and writes nothing.
// Children that would stay as they are, are left out.
func (a *Applier) Diff(ctx context.Context, owner client.Object, children []Child, inventory []string) ([]Change, error) {
	var changes []Change
	kept := map[string]bool{}
	for _, child := range children {
		kept[identity(Entry(child.Object))] = true
		change, err := a.diff(ctx, owner, child)
		if err != nil {
			return nil, err
		}
		if change.Action != Unchanged {
			changes = append(changes, change)
		}
	}
	going, err := a.list(ctx, a.client, owner)
	if err != nil {
		return nil, err
	}
	listed, _, err := a.findAll(ctx, inventory)
	if err != nil {
		return nil, err
	}
	for _, u := range append(going, listed...) {
		if id := identity(Entry(&u)); !kept[id] && prunable(owner, &u) {
			kept[id] = true // an object may be in both lists
			changes = append(changes, Change{Action: Deleted, Before: &u})
		}
	}
	return changes, nil
}

// diff is about one child. Why a child cannot be applied is part of the answer;
// an error means that it could not be read.
func (a *Applier) diff(ctx context.Context, owner client.Object, child Child) (Change, error) {
	desired, err := a.complete(owner, child)
	if err != nil {
		return Change{}, err
	}
	desired.SetResourceVersion("") // what was carried over may be older than what is read here; nothing is written
	live, err := a.get(ctx, desired, false)
	switch {
	case isUnserved(err):
		return Change{Action: Created, After: desired, Err: a.explain(desired, err)}, nil
	case err != nil:
		return Change{}, fmt.Errorf("read %s: %w", describe(desired), err)
	case live != nil && !ours(owner, live):
		return Change{Action: Configured, Before: live, Err: notOurs(owner, desired)}, nil
	case live != nil && (isJob(live) || live.GetDeletionTimestamp() != nil):
		return Change{Action: Unchanged}, nil
	}
	change := Change{Action: Created, Before: live}
	change.After, err = a.write(ctx, desired, live, client.DryRunAll)
	if err != nil {
		change.After, change.Err = desired, a.explain(desired, err)
	}
	if live != nil {
		change.Action = Configured
		if err == nil && kube.Digest(live) == kube.Digest(withoutGeneration(change.After, live)) {
			change.Action = Unchanged
		}
	}
	return change, nil
}

// withoutGeneration has the generation of the live object, which a dry run
// counts up as a write would.
func withoutGeneration(after, live *unstructured.Unstructured) *unstructured.Unstructured {
	after.SetGeneration(live.GetGeneration())
	return after
}
