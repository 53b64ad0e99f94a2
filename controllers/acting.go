package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// gap between two reconciles of a platform after which the operator counts as having
// been away. While a release is under way there is a reconcile every pollInterval.
const gap = 2 * time.Minute

// acting remembers since when this process has reconciled each platform without a
// gap. After a gap the time starts again from zero.
type acting struct {
	mu    sync.Mutex
	spans map[types.UID]span
}

type span struct{ since, last time.Time }

// at notes a reconcile, and answers since when there was no gap.
func (a *acting) at(platform types.UID, now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, known := a.spans[platform]
	if !known || now.Sub(s.last) > gap {
		s.since = now
	}
	s.last = now
	if a.spans == nil {
		a.spans = map[types.UID]span{}
	}
	a.spans[platform] = s
	return s.since
}

// reset notes that the operator does nothing for a platform.
func (a *acting) reset(platform types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.spans, platform)
}
