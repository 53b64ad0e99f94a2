package apply

import (
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/internal/kube"
)

// memory holds what was last applied for each owner, by the identities of its
// children, so that what has not changed since is not written again.
type memory struct {
	mu     sync.Mutex
	owners map[types.NamespacedName]map[string]record
}

// record is the last apply of one child.
type record struct {
	// desired is the digest of what was asked for, live of what came of it.
	desired, live string
	// version of a live object that is known to have this digest.
	version string
	// conflict: somebody else had written the object, and the cache did not know.
	conflict bool
}

func versionOf(live *unstructured.Unstructured) string {
	return string(live.GetUID()) + "/" + live.GetResourceVersion()
}

func (m *memory) recall(owner types.NamespacedName, child string) record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owners[owner][child]
}

// hadConflict tells, once, whether the last apply of a child met a conflict.
func (m *memory) hadConflict(owner types.NamespacedName, child string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	conflict := m.owners[owner][child].conflict
	if conflict {
		delete(m.owners[owner], child)
	}
	return conflict
}

func (m *memory) remember(owner types.NamespacedName, child string, r record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.owners[owner] == nil {
		m.owners[owner] = map[string]record{}
	}
	m.owners[owner][child] = r
}

// keep forgets the children of an owner that are not in kept.
func (m *memory) keep(owner types.NamespacedName, kept map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.owners[owner], func(child string, _ record) bool { return !kept[child] })
}

func (m *memory) forget(owner types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.owners, owner)
}

// unchanged tells whether neither the desired nor the live object differs from
// the last apply. Most of the time the live object's version alone tells.
func (m *memory) unchanged(owner types.NamespacedName, child string, desired string, live *unstructured.Unstructured) bool {
	last, version := m.recall(owner, child), versionOf(live)
	if last.desired != desired {
		return false
	}
	if last.version != version {
		if last.live != kube.Digest(live) {
			return false
		}
		last.version = version
		m.remember(owner, child, last)
	}
	return true
}
