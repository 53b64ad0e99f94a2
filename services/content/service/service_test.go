package service

import (
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/server"
	"blogplatform.io/operator/services/internal/testing/apitest"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/token"
)

func TestMain(m *testing.M) { os.Exit(postgres.Main(m)) }

// world is a content service with some of the people who use it.
type world struct {
	*apitest.Service
	views                               *views
	renderer                            *renderer
	anybody, reader, amara, noah, admin *apitest.Person
}

func newWorld(t testing.TB, database *postgres.Server) *world {
	t.Helper()
	views, renderer := newViews(), newRenderer()
	s := apitest.Start(t, database, "content", migrations, func(mux *server.Mux, pool *pgxpool.Pool, verifier *token.Verifier) {
		routes(mux, pool, verifier, views, renderer)
	})
	return &world{
		Service: s, views: views, renderer: renderer, anybody: s.Anybody(), reader: s.Person(1, "Rita Reader", token.Reader),
		amara: s.Person(2, "Amara Silva", token.Editor), noah: s.Person(3, "Noah Perera", token.Editor), admin: s.Person(4, "Ada Admin", token.Admin),
	}
}

// write creates a manuscript.
func write(t testing.TB, who *apitest.Person, in api.ManuscriptInput) api.Manuscript {
	t.Helper()
	var made api.Manuscript
	who.Ask(t, http.MethodPost, "/v1/manuscripts", in).Into(http.StatusCreated, &made)
	return made
}

// act takes a manuscript to its next state.
func act(t testing.TB, who *apitest.Person, m api.Manuscript, action api.TransitionAction, note string) api.Manuscript {
	t.Helper()
	var moved api.Manuscript
	who.Ask(t, http.MethodPost, path(m)+"/transitions", api.Transition{Action: action, Note: &note}, "If-Match", input.ETag(m.Revision)).Into(http.StatusOK, &moved)
	return moved
}

// publish writes a post and takes it through review.
func (w *world) publish(t testing.TB, in api.ManuscriptInput) api.Manuscript {
	t.Helper()
	return act(t, w.noah, act(t, w.amara, write(t, w.amara, in), api.TransitionActionSubmit, ""), api.TransitionActionPublish, "")
}

func TestTheDocumentAndTheRoutesAgree(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	patterns := w.Mux.Patterns()
	slices.Sort(patterns)
	if diff := cmp.Diff(apitest.Operations(t, "../openapi.yaml"), patterns); diff != "" {
		t.Error(diff)
	}
}
