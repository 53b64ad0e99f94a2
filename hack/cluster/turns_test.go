package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func TestOfThoseWhoWaitTheLowestNumberIsNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		var order []int
		var waiting sync.WaitGroup
		for _, number := range []int{3, 1, 2} {
			waiting.Go(func() {
				giveBack, err := turns.take(t.Context(), number)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, number) // one at a time, so no other lock is needed
				giveBack()
			})
		}
		synctest.Wait()
		turns.open()
		waiting.Wait()
		if !slices.Equal(order, []int{1, 2, 3}) {
			t.Errorf("the order is %v", order)
		}
	})
}

func TestWhoStopsWaitingHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if _, err := turns.take(ctx, 1); !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v", err)
			}
		})
		waiting.Go(func() {
			giveBack, err := turns.take(t.Context(), 2)
			if err != nil {
				t.Error(err)
				return
			}
			giveBack()
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		turns.open()
		waiting.Wait()
	})
}
