package cluster

import (
	"context"
	"sync"
)

// turns lets one at a time do something, once it is open. Of those who wait, the one with the lowest number is next.
type turns struct {
	mu      sync.Mutex
	changed *sync.Cond
	busy    bool
	waiting map[int]bool
}

func newTurns() *turns {
	t := &turns{busy: true, waiting: map[int]bool{}}
	t.changed = sync.NewCond(&t.mu)
	return t
}

// take waits for the turn of a number, which nobody else may wait with, or until ctx ends.
func (t *turns) take(ctx context.Context, number int) (giveBack func(), err error) {
	stop := context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.changed.Broadcast()
	})
	defer stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting[number] = true
	for ctx.Err() == nil && (t.busy || t.lowest() != number) {
		t.changed.Wait()
	}
	delete(t.waiting, number)
	if ctx.Err() != nil {
		t.changed.Broadcast()
		return nil, ctx.Err()
	}
	t.busy = true
	return t.open, nil
}

// open lets the first one begin, and the next one after each.
func (t *turns) open() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = false
	t.changed.Broadcast()
}

func (t *turns) lowest() int {
	lowest := -1
	for number := range t.waiting {
		if lowest < 0 || number < lowest {
			lowest = number
		}
	}
	return lowest
}
