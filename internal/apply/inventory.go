package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// DeletePolicy says what Delete may take.
type DeletePolicy struct {
	// DeleteData also deletes objects applied with Retain.
	DeleteData bool
}

// Entry is an object's inventory line: group/Kind/namespace/name/uid. The uid
// is empty before the first apply, and the group is empty for core kinds.
func Entry(obj *unstructured.Unstructured) string {
	gvk := obj.GroupVersionKind()
	return strings.Join([]string{gvk.Group, gvk.Kind, obj.GetNamespace(), obj.GetName(), string(obj.GetUID())}, "/")
}

// identity is an entry without its uid.
func identity(entry string) string { return entry[:strings.LastIndex(entry, "/")+1] }

// Prune deletes children that are not in keep: those of the known kinds in the
// owner's namespace, and those in the inventory. Data is never pruned. It
// returns the inventory entries that could not be deleted yet.
func (a *Applier) Prune(ctx context.Context, owner client.Object, keep []Child, inventory []string) ([]string, error) {
	kept := map[string]bool{}
	for _, c := range keep {
		kept[identity(Entry(c.Object))] = true
	}
	children, err := a.list(ctx, owner)
	if err != nil {
		return inventory, err
	}
	var errs []error
	for i := range children {
		u := &children[i]
		if !kept[identity(Entry(u))] && prunable(owner, u) {
			errs = append(errs, a.delete(ctx, u))
		}
	}
	var survivors []string
	for _, entry := range inventory {
		u, err := a.find(ctx, owner, entry)
		if err == nil && (u == nil || kept[identity(entry)] || !prunable(owner, u)) {
			continue
		}
		if err == nil {
			err = a.delete(ctx, u)
		}
		survivors = append(survivors, entry)
		errs = append(errs, err)
	}
	return survivors, errors.Join(errs...)
}

// Delete deletes the platform's children in order: workloads, the rest, and
// last data if the policy says so. A group begins when the one before is gone.
// It returns the entries that remain; none means done.
func (a *Applier) Delete(ctx context.Context, owner client.Object, inventory []string, policy DeletePolicy) ([]string, error) {
	children, err := a.list(ctx, owner)
	if err != nil {
		return inventory, err
	}
	var remaining []string
	var errs []error
	for _, entry := range inventory {
		u, err := a.find(ctx, owner, entry)
		if err != nil {
			remaining, errs = append(remaining, entry), append(errs, err)
		} else if u != nil {
			children = append(children, *u)
		}
	}
	ranks := map[int]map[string]*unstructured.Unstructured{0: {}, 1: {}, 2: {}}
	for i := range children {
		u := &children[i]
		if ours(owner, u) && (policy.DeleteData || !isData(u)) && (isData(u) || prunable(owner, u)) {
			ranks[rank(u)][Entry(u)] = u
			remaining = append(remaining, Entry(u))
		}
	}
	for r := range 3 {
		for _, u := range ranks[r] {
			errs = append(errs, a.delete(ctx, u))
		}
		if len(ranks[r]) > 0 {
			break
		}
	}
	slices.Sort(remaining)
	return slices.Compact(remaining), errors.Join(errs...)
}

func rank(u *unstructured.Unstructured) int {
	switch {
	case isData(u):
		return 2
	case u.GetKind() == "Rollout" || u.GetKind() == "Job":
		return 0
	}
	return 1
}

// list returns the platform's labelled objects in its own namespace. A kind
// that the cluster does not serve has none.
func (a *Applier) list(ctx context.Context, owner client.Object) ([]unstructured.Unstructured, error) {
	var all []unstructured.Unstructured
	for _, gvk := range a.kinds {
		l := &unstructured.UnstructuredList{}
		l.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		err := a.client.List(ctx, l, client.InNamespace(owner.GetNamespace()), client.MatchingLabels{
			labelManagedBy: managedBy, labelInstance: owner.GetName(), labelNamespace: owner.GetNamespace()})
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list %s in %s: %w", gvk.Kind, owner.GetNamespace(), err)
		}
		all = append(all, l.Items...)
	}
	return all, nil
}

// find returns the live object of an entry, or nil when it is gone, replaced,
// or not this platform's.
func (a *Applier) find(ctx context.Context, owner client.Object, entry string) (*unstructured.Unstructured, error) {
	p := strings.Split(entry, "/")
	if len(p) != 5 {
		return nil, fmt.Errorf("inventory entry %q: want group/Kind/namespace/name/uid", entry)
	}
	m, err := a.client.RESTMapper().RESTMapping(schema.GroupKind{Group: p[0], Kind: p[1]})
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("inventory entry %s: %w", entry, err)
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(m.GroupVersionKind)
	err = a.live.Get(ctx, client.ObjectKey{Namespace: p[2], Name: p[3]}, u)
	switch {
	case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("inventory entry %s: %w", entry, err)
	case !ours(owner, u) || (p[4] != "" && p[4] != string(u.GetUID())):
		return nil, nil
	}
	return u, nil
}

func (a *Applier) delete(ctx context.Context, u *unstructured.Unstructured) error {
	if u.GetDeletionTimestamp() != nil {
		return nil
	}
	uid := u.GetUID()
	err := a.client.Delete(ctx, u, client.Preconditions{UID: &uid}, client.PropagationPolicy("Background"))
	if err = client.IgnoreNotFound(err); err != nil {
		return fmt.Errorf("delete %s: %w", describe(u), err)
	}
	a.mu.Lock()
	delete(a.seen, uid)
	a.mu.Unlock()
	return nil
}
