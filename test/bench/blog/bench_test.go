package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/test/bench/measure"
)

func TestTheBareProcessesAskWhatTheServicesAsk(t *testing.T) {
	s, err := readStatements(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for statement, holds := range map[string]string{s.Post: "WHERE p.slug = $1", s.Threads: "LIMIT $5", s.Replies: "ANY ($2)"} {
		if !strings.HasPrefix(statement, "SELECT ") || !strings.Contains(statement, holds) {
			t.Errorf("it is not complete: %s", statement)
		}
	}
}

// serve answers every request and returns where.
func serve(t *testing.T, answer http.HandlerFunc) target {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return target{strings.TrimPrefix(server.URL, "http://"), func(n int64) string { return fmt.Sprintf("/%d", n) }}
}

func TestWhoWaitsForASlowAnswerIsSlowToo(t *testing.T) {
	const stall = 300 * time.Millisecond
	var once sync.Once
	var all sync.RWMutex
	slow := serve(t, func(http.ResponseWriter, *http.Request) {
		once.Do(func() {
			all.Lock()
			defer all.Unlock()
			time.Sleep(stall) // the stall is what is measured
		})
		all.RLock()
		defer all.RUnlock()
	})
	took, err := openLoop(t.Context(), slow, 0, 200, 0, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	late := 0
	for _, d := range took {
		if d > stall/3 {
			late++
		}
	}
	// Some 40 of 200 are due in the first two thirds of the stall.
	if late < 20 || measure.Percentile(took, 99) < stall*2/3 {
		t.Errorf("%d of %d were late, p99 is %s", late, len(took), measure.Percentile(took, 99))
	}
}

func TestALoadCountsWhatWasAnswered(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	page := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.URL.Path]++
		_, _ = w.Write([]byte("ten bytes."))
	})
	got, err := closedLoop(t.Context(), page, 7, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if got.requests == 0 || got.bytes != 10*got.requests || int64(len(asked)) != got.requests || asked["/7"] != 1 {
		t.Errorf("%d requests for %d paths, %d bytes", got.requests, len(asked), got.bytes)
	}
}

func TestALoadThatIsRefusedMeasuresNothing(t *testing.T) {
	refused := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	if _, err := closedLoop(t.Context(), refused, 0, time.Second); err == nil || !strings.Contains(err.Error(), "429") {
		t.Errorf("the error is %v", err)
	}
}

func TestSidesThatWriteDifferentPagesAreNotCompared(t *testing.T) {
	side := func(bytes int64) *[]side { return &[]side{{served: served{requests: 10, bytes: bytes}}} }
	if err := agree([]turn{{into: side(1000)}, {into: side(1004)}}); err != nil {
		t.Error(err)
	}
	if err := agree([]turn{{into: side(1000)}, {into: side(900)}}); err == nil {
		t.Error("they are compared")
	}
}

func TestListsArePairedByWhatTheyMeasure(t *testing.T) {
	got, err := readLists([]byte(`goos: linux
BenchmarkComments/comments=10000/busy,_deep-2   300   2000000 ns/op
BenchmarkComments/comments=10000/post-2         300   1000000 ns/op
BenchmarkComments/comments=1000000/busy,_deep-2 300   3000000 ns/op
BenchmarkComments/comments=1000000/post-2       300   1800000 ns/op
PASS
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []growth{
		{"Comments/post", [2]int{10_000, 1_000_000}, time.Millisecond, 1800 * time.Microsecond},
		{"Comments/busy,_deep", [2]int{10_000, 1_000_000}, 2 * time.Millisecond, 3 * time.Millisecond},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(growth{})); diff != "" {
		t.Error(diff)
	}
	for _, broken := range []string{"", "BenchmarkComments/comments=10/post-2 300 1 ns/op\n", "BenchmarkOther-2 300 1 ns/op\n"} {
		if _, err := readLists([]byte(broken)); err == nil {
			t.Errorf("%q is taken for lists", broken)
		}
	}
}
