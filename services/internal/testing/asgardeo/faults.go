package asgardeo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// Fault spoils requests.
type Fault struct {
	// Method and Path (a prefix, below the base URL) say which, empty for all.
	Method, Path string
	// Times is how many of them, 0 for all from now on.
	Times int
	// Status is answered instead of serving the request, 0 to serve it.
	Status int
	// RetryAfter goes with Status.
	RetryAfter time.Duration
	// Hang keeps the client waiting until it gives up; nothing is served.
	Hang bool
	// Lose serves the request and then drops the connection without an answer.
	Lose bool
	// Refuse drops the connection before anything is served.
	Refuse bool

	spent bool
}

// Inject adds a fault. The first that fits a request spoils it.
func (f *Fake) Inject(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault)
}

// Heal ends all faults.
func (f *Fake) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// Calls returns the requests so far that fit, as METHOD /path, spoiled ones included.
func (f *Fake) Calls(method, path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	count := 0
	for _, call := range f.calls {
		if strings.HasPrefix(call, method+" "+path) {
			count++
		}
	}
	return count
}

func (f *Fake) fault(r *http.Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	for _, fault := range f.faults {
		if fault.spent || fault.Method != "" && fault.Method != r.Method || !strings.HasPrefix(r.URL.Path, fault.Path) {
			continue
		}
		if fault.Times > 0 {
			fault.Times--
			fault.spent = fault.Times == 0
		}
		return fault
	}
	return nil
}

func (f *Fake) withFaults(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault := f.fault(r)
		switch {
		case fault == nil:
			next.ServeHTTP(w, r)
		case fault.Hang:
			// Only then does the server notice that the client has gone.
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		case fault.Refuse:
			panic(http.ErrAbortHandler)
		case fault.Lose:
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			if fault.RetryAfter > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(int(fault.RetryAfter.Seconds())))
			}
			http.Error(w, http.StatusText(fault.Status), fault.Status)
		}
	})
}
