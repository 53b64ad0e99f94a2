// Package await lets tests wait for a condition instead of for a time.
package await

import (
	"testing"
	"time"

	"blogplatform.io/operator/hack/timefactor"
)

const (
	patience = 30 * time.Second
	interval = 20 * time.Millisecond
)

// Nil asks condition until it returns nil, and fails the test with its last
// error when that takes longer than 30 s, scaled by timefactor.
func Nil(t testing.TB, condition func() error) {
	t.Helper()
	limit := timefactor.Scale(patience)
	deadline := time.Now().Add(limit)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s still: %v", limit, err)
		}
		<-ticker.C
	}
}
