package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	a.memory.keep(client.ObjectKeyFromObject(owner), kept)
	children, err := a.list(ctx, a.client, owner)
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
		if kept[identity(entry)] {
			continue
		}
		u, err := a.find(ctx, entry)
		if err == nil && (u == nil || !prunable(owner, u)) {
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

// The groups in which children are deleted.
const (
	workloads = iota
	others
	data
	groups
)

// Delete deletes the platform's children in order: workloads, the rest, and
// last data if the policy says so. A group begins when the one before is gone.
// It returns the entries that remain; none means done.
func (a *Applier) Delete(ctx context.Context, owner client.Object, inventory []string, policy DeletePolicy) ([]string, error) {
	a.Forget(client.ObjectKeyFromObject(owner))
	found, unread, err := a.findAll(ctx, inventory)
	errs := []error{err}
	var children [groups]map[string]*unstructured.Unstructured
	// The cache may be stale: only the API server can say that nothing is left but data.
	for _, reader := range []client.Reader{a.client, a.live} {
		listed, err := a.list(ctx, reader, owner)
		if err != nil {
			return inventory, errors.Join(append(errs, err)...)
		}
		children = group(owner, append(listed, found...), policy)
		if len(children[workloads])+len(children[others]) > 0 {
			break
		}
	}
	var remaining []string
	for g := range groups {
		if g == data {
			remaining = append(remaining, unread...) // any of them may belong to a group before data
		}
		begins := len(remaining) == 0
		for _, entry := range slices.Sorted(maps.Keys(children[g])) {
			remaining = append(remaining, entry)
			if begins {
				errs = append(errs, a.delete(ctx, children[g][entry]))
			}
		}
	}
	slices.Sort(remaining)
	return slices.Compact(remaining), errors.Join(errs...)
}

// group sorts out, by entry, what Delete takes.
func group(owner client.Object, objects []unstructured.Unstructured, policy DeletePolicy) (children [groups]map[string]*unstructured.Unstructured) {
	for g := range groups {
		children[g] = map[string]*unstructured.Unstructured{}
	}
	for i := range objects {
		u := &objects[i]
		switch {
		case isData(u):
			if policy.DeleteData && ours(owner, u) {
				children[data][Entry(u)] = u
			}
		case !prunable(owner, u):
		case u.GetKind() == "Rollout" || isJob(u):
			children[workloads][Entry(u)] = u
		default:
			children[others][Entry(u)] = u
		}
	}
	return children
}

// prunable tells of objects that may go with their owner or before. In its
// namespace labels are not enough: somebody may have copied them.
func prunable(owner client.Object, u *unstructured.Unstructured) bool {
	return ours(owner, u) && !isData(u) &&
		(u.GetNamespace() != owner.GetNamespace() || metav1.IsControlledBy(u, owner))
}

// list returns the platform's labelled objects in its own namespace. A kind
// that the cluster does not serve has none.
func (a *Applier) list(ctx context.Context, reader client.Reader, owner client.Object) ([]unstructured.Unstructured, error) {
	var all []unstructured.Unstructured
	for _, gvk := range a.kinds {
		l := &unstructured.UnstructuredList{}
		l.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		err := reader.List(ctx, l, client.InNamespace(owner.GetNamespace()), client.MatchingLabels(namesOf(owner).ListLabels()))
		if isUnserved(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list %s in %s: %w", gvk.Kind, owner.GetNamespace(), err)
		}
		all = append(all, l.Items...)
	}
	return all, nil
}

// findAll returns the live objects of an inventory, and the entries that could not be read.
func (a *Applier) findAll(ctx context.Context, inventory []string) (found []unstructured.Unstructured, unread []string, err error) {
	var errs []error
	for _, entry := range inventory {
		u, err := a.find(ctx, entry)
		if err != nil {
			unread, errs = append(unread, entry), append(errs, err)
		} else if u != nil {
			found = append(found, *u)
		}
	}
	return found, unread, errors.Join(errs...)
}

// find returns the live object of an entry, whoever's it is, or nil when it is
// gone or another is in its place.
func (a *Applier) find(ctx context.Context, entry string) (*unstructured.Unstructured, error) {
	p := strings.Split(entry, "/")
	if len(p) != 5 {
		return nil, fmt.Errorf("inventory entry %q is not group/Kind/namespace/name/uid: remove it from the status", entry)
	}
	m, err := a.client.RESTMapper().RESTMapping(schema.GroupKind{Group: p[0], Kind: p[1]})
	if isUnserved(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("inventory entry %s: %w", entry, err)
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(m.GroupVersionKind)
	err = a.live.Get(ctx, client.ObjectKey{Namespace: p[2], Name: p[3]}, u)
	switch {
	case apierrors.IsNotFound(err): // of the object, or of its kind
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("inventory entry %s: %w", entry, err)
	case p[4] != "" && p[4] != string(u.GetUID()):
		return nil, nil
	}
	return u, nil
}

func (a *Applier) delete(ctx context.Context, u *unstructured.Unstructured) error {
	if u.GetDeletionTimestamp() != nil {
		return nil
	}
	err := a.client.Delete(ctx, u, client.Preconditions{UID: new(u.GetUID())}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if err == nil || apierrors.IsNotFound(err) || isUnserved(err) {
		return nil
	}
	return fmt.Errorf("delete %s: %w", describe(u), err)
}
