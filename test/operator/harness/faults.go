package harness

import (
	"errors"
	"net/http"
	"strings"
	"sync"
)

// These tests have operators of their own, and the cluster for themselves.

// RoundTripper is a transport made of a function.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f RoundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// IsWrite tells whether a request changes an object; events do not count.
func IsWrite(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/events")
}

// CrashAt lets the first write that is one of those reach the API server and
// nothing after it, not even its answer, as if the process had died. It closes
// crashed then.
func CrashAt(those func(*http.Request) bool, crashed chan struct{}) Setting {
	var mu sync.Mutex
	dead := false
	last := func(r *http.Request) (last, dies bool) {
		mu.Lock()
		defer mu.Unlock()
		if dead {
			return false, true
		}
		dead = IsWrite(r) && those(r)
		return dead, dead
	}
	return Through(func(next http.RoundTripper) http.RoundTripper {
		return RoundTripper(func(r *http.Request) (*http.Response, error) {
			last, dies := last(r)
			if !dies {
				return next.RoundTrip(r)
			}
			if last {
				if response, err := next.RoundTrip(r); err == nil {
					_ = response.Body.Close()
				}
				close(crashed)
			}
			return nil, errors.New("this process has crashed")
		})
	})
}

// Nth is the n-th write.
func Nth(n int) func(*http.Request) bool {
	return func(*http.Request) bool { n--; return n == 0 }
}
