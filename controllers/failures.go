package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// patience is how many reconciles in a row may fail before conditions say why. A short
// failure of the API server is over by then.
const patience = 4

// failures counts the reconciles of each platform that failed in a row.
type failures struct {
	mu     sync.Mutex
	counts map[types.UID]int
}

func (f *failures) add(platform types.UID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = map[types.UID]int{}
	}
	f.counts[platform]++
}

func (f *failures) forget(platform types.UID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.counts, platform)
}

// persist tells whether the platform's reconciles have failed for some time.
func (f *failures) persist(platform types.UID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[platform] >= patience
}
