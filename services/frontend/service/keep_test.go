package service

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// stage is a page that is kept, with a clock and a service that can fail.
type stage struct {
	*keeper
	clock       time.Time
	made        int
	views       []int32
	status      int
	lacking     bool
	setsACookie bool
}

func newStage() *stage {
	s := &stage{keeper: newKeeper(), clock: time.Unix(1e9, 0), status: http.StatusOK}
	s.now = func() time.Time { return s.clock }
	return s
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.made++
	s.views = append(s.views, *viewsOf(r.Context()))
	if s.lacking {
		incomplete(r.Context())
	}
	if s.setsACookie {
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "v"})
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, s.made))
	w.WriteHeader(s.status)
	fmt.Fprintf(w, "page %d", s.made)
}

func (s *stage) read(t *testing.T, header ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.serve(w, r, "key", s)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestAPageIsMadeOnceInFiveSecondsAndItsReadersAreCounted(t *testing.T) {
	s := newStage()
	for range 3 {
		if status, body := s.read(t); status != http.StatusOK || body != "page 1" {
			t.Errorf("%d %s", status, body)
		}
	}
	if status, body := s.read(t, "If-None-Match", `"1"`); status != http.StatusNotModified || body != "" {
		t.Errorf("to who has it: %d %s", status, body)
	}
	s.clock = s.clock.Add(keptFresh)
	if _, body := s.read(t); body != "page 2" {
		t.Error(body)
	}
	if diff := cmp.Diff([]int32{1, 4}, s.views); diff != "" {
		t.Errorf("the first was for one reader, the second for three who had the first and one more: %s", diff)
	}
}

func TestAPageIsShownStaleOnlyWhileAServiceFails(t *testing.T) {
	for name, fail := range map[string]func(*stage){
		"a service that is down":   func(s *stage) { s.status = http.StatusServiceUnavailable },
		"a page without all parts": func(s *stage) { s.lacking = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage()
			s.read(t)
			fail(s)
			s.clock = s.clock.Add(keptStale - time.Second)
			for range 2 {
				if status, body := s.read(t); status != http.StatusOK || body != "page 1" {
					t.Errorf("while it fails: %d %s", status, body)
				}
			}
			if s.made != 2 {
				t.Errorf("a service that fails was asked %d times", s.made-1)
			}
			s.clock = s.clock.Add(keptFresh)
			if status, body := s.read(t); body != "page 3" || status != s.status {
				t.Errorf("after ten minutes: %d %s", status, body)
			}
			s.status, s.lacking = http.StatusNotFound, false
			if status, _ := s.read(t); status != http.StatusNotFound {
				t.Errorf("a post that is gone: %d", status)
			}
		})
	}
}

func TestOnlyGoodAnswersForEverybodyAreKept(t *testing.T) {
	for name, change := range map[string]func(*stage){
		"not found":     func(s *stage) { s.status = http.StatusNotFound },
		"a cookie":      func(s *stage) { s.setsACookie = true },
		"an error":      func(s *stage) { s.status = http.StatusServiceUnavailable },
		"parts missing": func(s *stage) { s.lacking = true },
	} {
		s := newStage()
		change(s)
		s.read(t)
		if _, body := s.read(t); body != "page 2" {
			t.Errorf("%s was kept: %s", name, body)
		}
	}
}

func TestACrowdWaitsForOnePage(t *testing.T) {
	k := newKeeper()
	const readers = 20
	// Those who should not make a page could, so that the test would see it.
	arrived := make(chan struct{}, readers)
	release := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "page")
	})
	var crowd sync.WaitGroup
	for range readers {
		crowd.Go(func() {
			w := httptest.NewRecorder()
			k.serve(w, httptest.NewRequest(http.MethodGet, "/", nil), "key", slow)
			if w.Body.String() != "page" {
				t.Errorf("somebody got %q", w.Body)
			}
		})
	}
	<-arrived
	close(release)
	crowd.Wait()
	if again := len(arrived); again > 0 {
		t.Errorf("made %d times too often", again)
	}
}

func TestKeptPagesAreBounded(t *testing.T) {
	k := newKeeper()
	page := strings.Repeat("x", 64<<10)
	for i := range 2 * maxKept {
		k.serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), fmt.Sprint(i), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, page)
		}))
	}
	if k.bytes > maxKeptBytes || len(k.pages) > maxKept || len(k.pages) != k.recent.Len() || k.bytes != len(page)*len(k.pages) {
		t.Errorf("%d pages with %d bytes", len(k.pages), k.bytes)
	}
}

func TestPagesAreToldApartByWhatTheyShow(t *testing.T) {
	key := func(target, theme string) string {
		return keyOf(httptest.NewRequest(http.MethodGet, target, nil), []string{"after"}, theme)
	}
	base := key("/posts/one", "")
	for name, other := range map[string]string{
		"path": key("/posts/two", ""), "parameter": key("/posts/one?after=x", ""), "theme": key("/posts/one", "dark"),
	} {
		if other == base {
			t.Errorf("another %s is the same page", name)
		}
	}
	if key("/posts/one?utm_source=x", "") != base {
		t.Error("a parameter that means nothing makes another page")
	}
}
