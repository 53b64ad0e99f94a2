package service

import (
	"bytes"
	"container/list"
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// keptFresh is how long an answer is given to everybody.
	keptFresh = 5 * time.Second
	// keptStale is how long it is still better than an error.
	keptStale = 10 * time.Minute
	// maxKept and maxKeptBytes bound the memory for answers.
	maxKept      = 1024
	maxKeptBytes = 8 << 20
	// keptTimeout is how long a page may take that others wait for, too.
	keptTimeout = 8 * time.Second
	maxViews    = 10000
)

// keeper keeps pages for anonymous readers. There is no invalidation: what a
// page shows is up to keptFresh old, and up to keptStale while a service fails.
type keeper struct {
	now     func() time.Time
	flights singleflight.Group

	mu     sync.Mutex
	pages  map[string]*list.Element
	recent *list.List // of *kept, the last used first
	bytes  int
}

// kept is an answer.
type kept struct {
	key    string
	header http.Header
	status int
	body   []byte
	// length is that of the body, as a header has it.
	length []string
	// made is when it was asked for, due when it is to be made anew.
	made, due time.Time
	// views are how often it was shown and the content service has not heard of.
	// Those of a page that is dropped are lost.
	views int32
}

func newKeeper() *keeper {
	return &keeper{now: time.Now, pages: map[string]*list.Element{}, recent: list.New()}
}

type viewsKey struct{}

// viewsOf is how many readers the request stands for.
func viewsOf(ctx context.Context) *int32 {
	if views, ok := ctx.Value(viewsKey{}).(int32); ok {
		return &views
	}
	return nil
}

type incompleteKey struct{}

// incomplete says that a page lacks what a service should have told: it is not
// kept, and a complete one is shown instead, if there is one.
func incomplete(ctx context.Context) {
	if flag, ok := ctx.Value(incompleteKey{}).(*bool); ok {
		*flag = true
	}
}

// serve answers from what is kept, or with what the handler makes.
func (k *keeper) serve(w http.ResponseWriter, r *http.Request, key string, make http.Handler) {
	if page := k.fresh(key); page != nil {
		page.write(w, r)
		return
	}
	led := false
	answer, _, _ := k.flights.Do(key, func() (any, error) {
		led = true
		// Another flight may have landed since this reader looked.
		if page := k.fresh(key); page != nil {
			return page, nil
		}
		return k.refresh(r, key, make), nil
	})
	if !led {
		k.fresh(key)
	}
	answer.(*kept).write(w, r)
}

// fresh returns the page that everybody is given, nil for none, and counts that
// it is shown.
func (k *keeper) fresh(key string) *kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	element, known := k.pages[key]
	if !known || !k.now().Before(element.Value.(*kept).due) {
		return nil
	}
	k.recent.MoveToFront(element)
	page := element.Value.(*kept)
	page.views = min(page.views+1, maxViews)
	return page
}

// refresh makes the page. While a service fails, the page before is shown.
func (k *keeper) refresh(r *http.Request, key string, make http.Handler) *kept {
	began := k.now()
	before, views := k.before(key, began)
	lacking := false
	// Others wait for this answer: it does not end with this reader.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), keptTimeout)
	defer cancel()
	ctx = context.WithValue(context.WithValue(ctx, viewsKey{}, views), incompleteKey{}, &lacking)
	request := r.Clone(ctx)
	request.Method = http.MethodGet
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "Range", "If-Range"} {
		request.Header.Del(name)
	}
	answer := &recording{header: http.Header{}, status: http.StatusOK}
	make.ServeHTTP(answer, request)
	page := &kept{key: key, header: answer.header, status: answer.status, body: answer.body.Bytes(), made: began, due: began.Add(keptFresh)}
	page.length = []string{strconv.Itoa(len(page.body))}
	failed := lacking || page.status >= http.StatusInternalServerError
	if failed && before != nil {
		k.postpone(before, began.Add(keptFresh), views)
		return before
	}
	if !failed && page.status == http.StatusOK && page.header.Get("Set-Cookie") == "" {
		k.keep(page)
	}
	return page
}

// before returns the page that is better than an error, nil for none, and for how
// many readers the next one is asked for.
func (k *keeper) before(key string, now time.Time) (*kept, int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	element, known := k.pages[key]
	if !known {
		return nil, 1
	}
	page := element.Value.(*kept)
	views := min(page.views+1, maxViews)
	if now.After(page.made.Add(keptStale)) {
		k.drop(element)
		return nil, views
	}
	return page, views
}

// postpone shows the page for another while before a service is asked again.
func (k *keeper) postpone(page *kept, due time.Time, views int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	page.due, page.views = due, views
}

func (k *keeper) keep(page *kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if element, known := k.pages[page.key]; known {
		k.drop(element)
	}
	k.pages[page.key] = k.recent.PushFront(page)
	k.bytes += len(page.body)
	for k.recent.Len() > maxKept || k.bytes > maxKeptBytes {
		k.drop(k.recent.Back())
	}
}

func (k *keeper) drop(element *list.Element) {
	page := k.recent.Remove(element).(*kept)
	delete(k.pages, page.key)
	k.bytes -= len(page.body)
}

// write answers with the page, or with 304 to a browser that has it.
func (p *kept) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	maps.Copy(h, p.header)
	if p.status == http.StatusOK && isConditional(r) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.body))
		return
	}
	h["Content-Length"] = p.length
	w.WriteHeader(p.status)
	// A browser that went away cannot be told.
	_, _ = w.Write(p.body)
}

// keyOf is what tells one page from another: unknown parameters do not.
func keyOf(r *http.Request, parameters []string, theme string) string {
	var key strings.Builder
	key.WriteString(theme + " " + r.URL.EscapedPath())
	if r.URL.RawQuery == "" {
		return key.String()
	}
	query := r.URL.Query()
	for _, name := range parameters {
		if value := query.Get(name); value != "" {
			key.WriteString("&" + name + "=" + url.QueryEscape(value))
		}
	}
	return key.String()
}

// recording is an answer in memory.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recording) Header() http.Header { return r.header }

// Write implements http.ResponseWriter.
func (r *recording) Write(b []byte) (int, error) { return r.body.Write(b) }

// WriteHeader implements http.ResponseWriter.
func (r *recording) WriteHeader(status int) { r.status = status }
