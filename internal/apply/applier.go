package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/version"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/naming"
)

// retain is the value of the annotation that marks data.
const retain = "retain"

// Applier writes children. It is safe for concurrent use.
type Applier struct {
	client client.Client
	live   client.Reader
	kinds  []schema.GroupVersionKind
	memory memory
}

// New returns an Applier that reads from c (usually cached), confirms absence
// with live (never cached), and prunes children of the given kinds.
func New(c client.Client, live client.Reader, kinds ...schema.GroupVersionKind) *Applier {
	return &Applier{client: c, live: live, kinds: kinds,
		memory: memory{owners: map[types.NamespacedName]map[string]record{}}}
}

// Apply makes the child as desired, unless it already is. A Job is created and
// then left alone, because its spec is immutable; an object that is being
// deleted is left to go. Errors wrap ErrNotOurs, ErrKindMissing,
// ErrNamespaceGone or an API server's error; after a conflict the caller builds
// the child anew from a live read.
func (a *Applier) Apply(ctx context.Context, owner client.Object, child Child) (Result, error) {
	desired, err := a.complete(owner, child)
	if err != nil {
		return Result{}, err
	}
	key, id := client.ObjectKeyFromObject(owner), identity(Entry(desired))
	live, err := a.get(ctx, desired, a.memory.hadConflict(key, id))
	if err != nil {
		return Result{}, a.explain(desired, err)
	}
	sum := kube.Digest(desired)
	if live != nil {
		if !ours(owner, live) {
			return Result{}, notOurs(owner, desired)
		}
		if isJob(live) || live.GetDeletionTimestamp() != nil || a.memory.unchanged(key, id, sum, live) {
			return Result{Action: Unchanged, Skipped: true, Live: live}, nil
		}
	}
	askedBefore := !isJob(desired) && a.memory.recall(key, id).desired == sum
	written, err := a.write(ctx, desired, live)
	if err != nil {
		if apierrors.IsConflict(err) {
			a.memory.remember(key, id, record{conflict: true})
		}
		return Result{}, a.explain(desired, err)
	}
	a.memory.remember(key, id, record{desired: sum, live: kube.Digest(written), version: versionOf(written)})
	done := action(live, written)
	return Result{Action: done, Repaired: askedBefore && done != Unchanged, Live: written}, nil
}

// Forget frees what is remembered of an owner that is gone.
func (a *Applier) Forget(owner types.NamespacedName) { a.memory.forget(owner) }

// write applies desired over live, or creates it when live is nil. It is a
// conflict when the object was created, replaced or deleted since it was read:
// it could be somebody else's now.
func (a *Applier) write(ctx context.Context, desired, live *unstructured.Unstructured, options ...client.ApplyOption) (*unstructured.Unstructured, error) {
	written := desired.DeepCopy()
	options = append(options, client.FieldOwner(kube.FieldOwner))
	if live != nil {
		written.SetUID(live.GetUID())
		options = append(options, client.ForceOwnership)
	} else if desired.GetResourceVersion() != "" {
		// The API server would create it, with what was carried over from an object that is gone.
		return nil, conflict(desired, "the object is gone")
	}
	err := a.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(written), options...)
	if isReplaced(err) {
		return nil, conflict(desired, "the object was replaced")
	}
	return written, err
}

func action(live, written *unstructured.Unstructured) Action {
	switch {
	case live == nil:
		return Created
	case live.GetResourceVersion() == written.GetResourceVersion():
		return Unchanged
	}
	return Configured
}

// complete adds what every child has: labels of its platform, and either a
// controller reference or the mark of data. The child is not modified.
func (a *Applier) complete(owner client.Object, child Child) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{Object: maps.Clone(child.Object.Object)}
	metadata, _ := u.Object["metadata"].(map[string]any)
	u.Object["metadata"] = maps.Clone(metadata)
	owned := !child.Retain && u.GetNamespace() == owner.GetNamespace()
	u.SetLabels(merge(u.GetLabels(), labelsOf(owner, owned)))
	if len(u.GetOwnerReferences()) > 0 {
		return nil, fmt.Errorf("%s: ownerReferences are set by apply; leave them out", describe(u))
	}
	if child.Retain {
		u.SetAnnotations(merge(u.GetAnnotations(), map[string]string{naming.AnnotationData: retain}))
	}
	if !owned {
		return u, nil
	}
	gvk, err := apiutil.GVKForObject(owner, a.client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("kind of owner %s/%s: %w", owner.GetNamespace(), owner.GetName(), err)
	}
	u.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(owner, gvk)})
	return u, nil
}

// merge adds what is to be added to a copy of a map, or to an empty one.
func merge(to, add map[string]string) map[string]string {
	if to == nil {
		to = map[string]string{}
	}
	maps.Copy(to, add)
	return to
}

// get reads through the cache, unless that is known to be stale, and believes
// only the API server that an object is absent. It returns nil for an absent one.
func (a *Applier) get(ctx context.Context, want *unstructured.Unstructured, stale bool) (*unstructured.Unstructured, error) {
	readers := []client.Reader{a.client, a.live}
	if stale {
		readers = readers[1:]
	}
	for _, reader := range readers {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(want.GroupVersionKind())
		err := reader.Get(ctx, client.ObjectKeyFromObject(want), live)
		if err == nil {
			return live, nil
		}
		if !apierrors.IsNotFound(err) || isUnserved(err) {
			return nil, err
		}
	}
	return nil, nil
}

func namesOf(owner client.Object) naming.Platform {
	return naming.Of(client.ObjectKeyFromObject(owner))
}

// labelsOf are the labels of a child that the owner controls, or of one that it does not.
func labelsOf(owner client.Object, owned bool) map[string]string {
	if owned {
		return namesOf(owner).Labels()
	}
	return namesOf(owner).UnownedLabels()
}

// ours tells whether the object is the owner's: by its labels or, where
// somebody has edited these, by the controller reference.
func ours(owner, live client.Object) bool {
	return metav1.IsControlledBy(live, owner) || namesOf(owner).Owns(live.GetLabels())
}

func isData(u client.Object) bool { return u.GetAnnotations()[naming.AnnotationData] == retain }

// isJob tells of objects whose spec is immutable: Jobs are named by their hash.
func isJob(u *unstructured.Unstructured) bool {
	return u.GroupVersionKind().GroupKind() == schema.GroupKind{Group: "batch", Kind: "Job"}
}

func describe(u *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", u.GetKind(), u.GetNamespace(), u.GetName())
}

func notOurs(owner client.Object, u *unstructured.Unstructured) error {
	var labels []string
	for name, value := range labelsOf(owner, metav1.IsControlledBy(u, owner)) {
		labels = append(labels, name+"="+value)
	}
	slices.Sort(labels)
	return fmt.Errorf("%s: %w: delete or rename it, or hand it over by the labels %s", describe(u), ErrNotOurs, strings.Join(labels, ", "))
}

func conflict(u *unstructured.Unstructured, why string) error {
	return apierrors.NewConflict(schema.GroupResource{Group: u.GroupVersionKind().Group, Resource: u.GetKind()}, u.GetName(), errors.New(why))
}

// isReplaced tells of a write that named the UID of an object in whose place another is.
func isReplaced(err error) bool {
	return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "metadata.uid: Invalid value")
}

// isUnserved tells of a kind that the cluster does not serve: the client knows
// none, or knew one whose CRD is gone by now, or is on its way out.
func isUnserved(err error) bool {
	return meta.IsNoMatchError(err) ||
		apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse) ||
		apierrors.IsForbidden(err) && strings.Contains(err.Error(), "custom resource definition is terminating")
}

func isNamespaceMissing(err error) bool {
	status := apierrors.APIStatus(nil)
	return apierrors.IsNotFound(err) && errors.As(err, &status) &&
		status.Status().Details != nil && status.Status().Details.Kind == "namespaces"
}

// KindMissing is the error of an object whose kind the cluster serves in another
// version only, or in none if that is empty. It wraps ErrKindMissing, and says what to do.
func KindMissing(u *unstructured.Unstructured, served string) error {
	needed, action := u.GroupVersionKind(), "install the CRD of group "+u.GroupVersionKind().Group
	if served != "" {
		outdated := "CRD"
		if version.CompareKubeAwareVersionStrings(served, needed.Version) > 0 {
			outdated = "operator"
		}
		action = fmt.Sprintf("it is served as %s, but this operator needs %s: upgrade the %s", served, needed.Version, outdated)
	}
	return fmt.Errorf("%s: %s %w: %s", describe(u), needed.GroupVersion(), ErrKindMissing, action)
}

// OtherVersion is the version in which a kind is served that is not served as is; empty if there is none.
func OtherVersion(mapper meta.RESTMapper, kind schema.GroupVersionKind) string {
	if mapping, err := mapper.RESTMapping(kind.GroupKind()); err == nil && mapping.GroupVersionKind.Version != kind.Version {
		return mapping.GroupVersionKind.Version
	}
	return ""
}

func (a *Applier) explain(u *unstructured.Unstructured, err error) error {
	switch {
	case isUnserved(err):
		return KindMissing(u, OtherVersion(a.client.RESTMapper(), u.GroupVersionKind()))
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fmt.Errorf("%s: %w: create the namespace again once it is gone", describe(u), ErrNamespaceGone)
	case isNamespaceMissing(err):
		return fmt.Errorf("%s: %w: create the namespace", describe(u), ErrNamespaceGone)
	}
	return fmt.Errorf("apply %s: %w", describe(u), err)
}
