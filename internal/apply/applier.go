package apply

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

const (
	fieldOwner      = client.FieldOwner("blogplatform")
	labelManagedBy  = "app.kubernetes.io/managed-by"
	labelInstance   = "app.kubernetes.io/instance"
	labelNamespace  = "blogplatform.io/namespace"
	managedBy       = "blogplatform"
	annotationData  = "blogplatform.io/data"
	annotationValue = "retain"
)

// Applier writes children. It is safe for concurrent use.
type Applier struct {
	client client.Client
	live   client.Reader
	kinds  []schema.GroupVersionKind

	mu   sync.Mutex
	seen map[types.UID]fingerprint
}

type fingerprint struct{ desired, live [sha256.Size]byte }

// New returns an Applier that reads from c (usually cached), confirms absence
// with live (never cached), and prunes children of the given kinds.
func New(c client.Client, live client.Reader, kinds ...schema.GroupVersionKind) *Applier {
	return &Applier{client: c, live: live, kinds: kinds, seen: map[types.UID]fingerprint{}}
}

// Apply makes the child as desired, unless it already is. Errors wrap
// ErrNotOurs, ErrKindMissing, ErrNamespaceGone or an API server's error; after
// a conflict the caller builds the child anew from a live read.
func (a *Applier) Apply(ctx context.Context, owner client.Object, child Child) (Result, error) {
	desired, err := a.complete(owner, child)
	if err != nil {
		return Result{}, err
	}
	live, err := a.get(ctx, desired)
	if err != nil {
		return Result{}, explain(desired, err)
	}
	if live != nil {
		if !ours(owner, live) {
			return Result{}, fmt.Errorf("%s: %w: delete or rename it", describe(desired), ErrNotOurs)
		}
		if isJob(live) || a.unchanged(desired, live) {
			return Result{Action: Unchanged, Live: live}, nil
		}
	}
	return a.write(ctx, desired, live)
}

func (a *Applier) write(ctx context.Context, desired, live *unstructured.Unstructured) (Result, error) {
	written := desired.DeepCopy()
	err := a.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(written), fieldOwner, client.ForceOwnership)
	if err != nil {
		return Result{}, explain(desired, err)
	}
	a.mu.Lock()
	a.seen[written.GetUID()] = fingerprint{hash(desired), hash(written)}
	a.mu.Unlock()
	switch {
	case live == nil:
		return Result{Action: Created, Live: written}, nil
	case live.GetResourceVersion() == written.GetResourceVersion():
		return Result{Action: Unchanged, Live: written}, nil
	}
	return Result{Action: Configured, Live: written}, nil
}

// complete adds what every child has: labels of its platform, and either a
// controller reference or the mark of data.
func (a *Applier) complete(owner client.Object, child Child) (*unstructured.Unstructured, error) {
	u := child.Object.DeepCopy()
	labels := u.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[labelManagedBy], labels[labelInstance], labels[labelNamespace] = managedBy, owner.GetName(), owner.GetNamespace()
	u.SetLabels(labels)
	if len(u.GetOwnerReferences()) > 0 {
		return nil, fmt.Errorf("%s: ownerReferences are set by apply; leave them out", describe(u))
	}
	if child.Retain {
		annotations := u.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[annotationData] = annotationValue
		u.SetAnnotations(annotations)
		return u, nil
	}
	if u.GetNamespace() != owner.GetNamespace() {
		return u, nil
	}
	gvk, err := apiutil.GVKForObject(owner, a.client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("kind of owner %s/%s: %w", owner.GetNamespace(), owner.GetName(), err)
	}
	u.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(owner, gvk)})
	return u, nil
}

// get reads through the cache and believes only the API server that an object
// is absent. It returns nil for an absent one.
func (a *Applier) get(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	for _, reader := range []client.Reader{a.client, a.live} {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(want.GroupVersionKind())
		err := reader.Get(ctx, client.ObjectKeyFromObject(want), live)
		if err == nil {
			return live, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return nil, nil
}

func (a *Applier) unchanged(desired, live *unstructured.Unstructured) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, ok := a.seen[live.GetUID()]
	return ok && last == fingerprint{hash(desired), hash(live)}
}

// hash leaves out what changes without anyone editing the object.
func hash(u *unstructured.Unstructured) [sha256.Size]byte {
	c := u.DeepCopy()
	unstructured.RemoveNestedField(c.Object, "status")
	c.SetManagedFields(nil)
	c.SetResourceVersion("")
	raw, err := json.Marshal(c.Object)
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(raw)
}

func ours(owner, live client.Object) bool {
	l := live.GetLabels()
	return l[labelManagedBy] == managedBy && l[labelInstance] == owner.GetName() && l[labelNamespace] == owner.GetNamespace()
}

func isData(u client.Object) bool { return u.GetAnnotations()[annotationData] == annotationValue }

// isJob tells of objects whose spec is immutable: Jobs are named by their hash.
func isJob(u *unstructured.Unstructured) bool {
	return u.GroupVersionKind().GroupKind() == schema.GroupKind{Group: "batch", Kind: "Job"}
}

func prunable(owner client.Object, u *unstructured.Unstructured) bool {
	return ours(owner, u) && !isData(u) &&
		(u.GetNamespace() != owner.GetNamespace() || metav1.IsControlledBy(u, owner))
}

func describe(u *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", u.GetKind(), u.GetNamespace(), u.GetName())
}

func explain(u *unstructured.Unstructured, err error) error {
	switch {
	case meta.IsNoMatchError(err):
		return fmt.Errorf("%s: %w: install the CRD of group %s", describe(u), ErrKindMissing, u.GroupVersionKind().Group)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fmt.Errorf("%s: %w: create the namespace again once it is gone", describe(u), ErrNamespaceGone)
	case apierrors.IsNotFound(err):
		if s := apierrors.APIStatus(nil); errors.As(err, &s) && s.Status().Details != nil && s.Status().Details.Kind == "namespaces" {
			return fmt.Errorf("%s: %w: create the namespace", describe(u), ErrNamespaceGone)
		}
	}
	return fmt.Errorf("apply %s: %w", describe(u), err)
}
