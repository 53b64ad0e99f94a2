package service

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/internal/caller"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/data"
	"blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/quota"
	"blogplatform.io/operator/services/internal/server"
	"blogplatform.io/operator/services/internal/token"
)

const schema = "content"

// textBody is how many bytes a request with a text may have: each of its
// characters may take six as JSON writes it.
const textBody = 6*maxBody + 64<<10

// What one person may do, on all replicas together.
var (
	// saves leave room for an autosave every other second.
	saves    = quota.Bucket{Name: "save", Uses: 120, Window: time.Minute}
	previews = quota.Bucket{Name: "preview", Uses: 240, Window: time.Minute}
	creates  = quota.Bucket{Name: "create", Uses: 60, Window: time.Hour}
)

//go:embed migrations
var migrations embed.FS

// Main runs the subcommand that the process's arguments name and returns its exit code.
func Main() int {
	return command.Main("content", append(data.Commands("content", migrations, setup), seedCommand())...)
}

func setup(background context.Context, mux *server.Mux, pool *pgxpool.Pool, _ prometheus.Registerer) error {
	verifier, err := token.VerifierFromEnv(token.Content)
	if err != nil {
		return err
	}
	go verifier.Run(background)
	views := newViews()
	renderer := newRenderer()
	go renderer.run(background, pool)
	go views.run(background, pool)
	routes(mux, pool, verifier, views, renderer)
	return nil
}

// routes adds the routes of openapi.yaml.
func routes(mux *server.Mux, pool *pgxpool.Pool, verifier *token.Verifier, views *views, renderer *renderer) {
	strict := api.NewStrictHandlerWithOptions(&service{pool, caller.Changes{Pool: pool, Schema: schema}, views, renderer}, nil, api.StrictHTTPServerOptions{
		RequestErrorHandlerFunc: problem.Malformed, ResponseErrorHandlerFunc: fail,
	})
	api.HandlerWithOptions(strict, api.StdHTTPServerOptions{
		BaseRouter: mux, ErrorHandlerFunc: problem.Malformed,
		Middlewares: []api.MiddlewareFunc{caller.Authenticate(verifier), server.ETags},
	})
	for _, pattern := range []string{"POST /v1/manuscripts", "PUT /v1/manuscripts/{id}", "PUT /v1/manuscripts/{id}/draft", "POST /v1/preview"} {
		mux.AllowBody(pattern, textBody)
	}
}

// fail answers with a problem, where only the database can have failed in a way
// that has none yet.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	problem.Fail(w, r, postgres.Classify(err, "There is no such thing."))
}

// service implements api.StrictServerInterface. Handlers begin with who may ask,
// then look at what is asked, then at the database.
type service struct {
	pool     *pgxpool.Pool
	changes  caller.Changes
	views    *views
	renderer *renderer
}

// ErasePerson implements api.StrictServerInterface.
func (s *service) ErasePerson(ctx context.Context, r api.ErasePersonRequestObject) (api.ErasePersonResponseObject, error) {
	if err := caller.RequireErasure(ctx, r.ID); err != nil {
		return nil, err
	}
	err := s.changes.Forget(ctx, r.ID,
		`DELETE FROM content.posts WHERE author_id = $1 AND first_published_at IS NULL`,
		`UPDATE content.posts SET author_id = NULL, author_name = '' WHERE author_id = $1`,
		`UPDATE content.post_log SET actor_id = NULL, actor_name = '' WHERE actor_id = $1`,
		`DELETE FROM content.drafts WHERE person_id = $1`,
		`DELETE FROM content.creations WHERE person_id = $1`)
	if err != nil {
		return nil, err
	}
	slog.InfoContext(ctx, "person erased", "person", r.ID)
	return api.ErasePerson204Response{}, nil
}
