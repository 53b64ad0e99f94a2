package service

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/testing/postgres"
)

// table is one that costs too much: 8 KB that ask for two million cells.
var table = strings.Repeat("|a", 1000) + "|\n" + strings.Repeat("|-", 1000) + "|\n" + strings.Repeat("|\n", 2000)

func TestATextThatCostsTooMuchIsKeptAndCanBeRepaired(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	for _, ask := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/v1/preview", api.PreviewInput{Body: table}},
		{"POST", "/v1/manuscripts", api.ManuscriptInput{Title: "Table", Body: table}},
	} {
		doc := w.amara.Ask(t, ask.method, ask.path, ask.body).Refused(http.StatusBadRequest)
		if doc.Field != "body.body" || !strings.Contains(doc.Detail, "line 1 begins a table with which the text has more than 20000 cells") {
			t.Errorf("%s: %+v", ask.path, doc)
		}
	}
	m := write(t, w.amara, api.ManuscriptInput{Title: "Table", Body: "Small."})
	w.amara.Ask(t, "PUT", path(m)+"/draft", api.DraftInput{BaseRevision: m.Revision, Sequence: 1, Title: "Table", Body: table}).Into(http.StatusOK, nil)
	if draft := get[api.Draft](t, w.amara, path(m)+"/draft"); draft.Body != table {
		t.Errorf("the draft is %.40s…", draft.Body)
	}
	// As a release without that limit saved it.
	w.Exec(t, `UPDATE content.posts SET body = $1, renderer = 0 WHERE id = $2`, table, m.ID)
	for range 2 {
		if got := get[api.Manuscript](t, w.amara, path(m)); got.Body != table || got.HTML != "<pre>"+table+"</pre>\n" {
			t.Errorf("got %.60s…", got.HTML)
		}
		if _, err := w.renderer.runOnce(t.Context(), w.Pool); err != nil {
			t.Error(err)
		}
	}
	var saved api.Manuscript
	w.amara.Ask(t, "PUT", path(m), api.ManuscriptInput{Title: "Table", Body: "|a|\n|-|"}, "If-Match", input.ETag(m.Revision)).Into(http.StatusOK, &saved)
	if diff := cmp.Diff("<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n</table>\n", saved.HTML); diff != "" {
		t.Error(diff)
	}
}

func TestWhoWaitsForARenderInVainIsAskedToComeBack(t *testing.T) {
	r := newRenderer()
	for range cap(r.slots) {
		r.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.stored(ctx, "Hello.")
	var known *problem.Error
	if !errors.As(err, &known) || known.Status != http.StatusServiceUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-r.slots
	if got, err := r.stored(t.Context(), "Hello."); err != nil || got.HTML != "<p>Hello.</p>\n" {
		t.Errorf("got %+v, %v", got, err)
	}
}
