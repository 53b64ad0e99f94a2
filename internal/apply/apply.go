package apply

import (
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Child is one object to apply.
type Child struct {
	// Object is the desired state, with name and namespace, without ownerReferences,
	// status or managedFields. If it carries a resourceVersion, the write is
	// refused with a conflict unless the live object still has it.
	Object *unstructured.Unstructured
	// Retain marks an object that carries data, or that data needs: it gets no
	// ownerReference, is never pruned and goes only with an explicit deletion of data.
	Retain bool
}

// Action is what Apply did.
type Action string

// The actions.
const (
	Created    Action = "Created"
	Configured Action = "Configured"
	Unchanged  Action = "Unchanged"
)

// Result is the outcome of one Apply.
type Result struct {
	Action Action
	// Skipped is true when no request was sent: nothing differs from the last apply, or the object must not be written.
	Skipped bool
	// Repaired is true when the child was asked for as before, and somebody else had changed or deleted it.
	Repaired bool
	// Live is the object as the API server has it now. Never modify it.
	Live *unstructured.Unstructured
}

// Why an object could not be applied. Errors of this package wrap one of these
// or an error of the API server.
var (
	// ErrKindMissing: the cluster does not serve the kind, because its CRD is absent or has no such version.
	ErrKindMissing = errors.New("is not served by this cluster")
	// ErrNotOurs: an object of that name exists, with neither our labels nor our controller reference; it is not adopted.
	ErrNotOurs = errors.New("object exists and belongs to somebody else")
	// ErrNamespaceGone: the namespace does not exist or is terminating.
	ErrNamespaceGone = errors.New("namespace is missing or terminating")
)
