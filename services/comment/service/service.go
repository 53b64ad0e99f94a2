package service

import (
	"context"
	"embed"
	"log/slog"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"blogplatform.io/operator/services/comment/internal/api"
	"blogplatform.io/operator/services/internal/caller"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/data"
	"blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/server"
	"blogplatform.io/operator/services/internal/token"
)

const schema = "comment"

//go:embed migrations
var migrations embed.FS

// Main runs the subcommand that the process's arguments name and returns its exit code.
func Main() int {
	return command.Main("comment", append(data.Commands("comment", migrations, setup), seedCommand())...)
}

func setup(background context.Context, mux *server.Mux, pool *pgxpool.Pool, _ prometheus.Registerer) error {
	verifier, err := token.VerifierFromEnv(token.Comment)
	if err != nil {
		return err
	}
	go verifier.Run(background)
	routes(mux, pool, verifier)
	return nil
}

// routes adds the routes of openapi.yaml.
func routes(mux *server.Mux, pool *pgxpool.Pool, verifier *token.Verifier) {
	strict := api.NewStrictHandlerWithOptions(&service{pool, caller.Changes{Pool: pool, Schema: schema}}, nil, api.StrictHTTPServerOptions{
		RequestErrorHandlerFunc: problem.Malformed, ResponseErrorHandlerFunc: fail,
	})
	api.HandlerWithOptions(strict, api.StdHTTPServerOptions{
		BaseRouter: mux, ErrorHandlerFunc: problem.Malformed,
		Middlewares: []api.MiddlewareFunc{caller.Authenticate(verifier), server.ETags},
	})
}

// fail answers with a problem, where only the database can have failed in a way
// that has none yet.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	problem.Fail(w, r, postgres.Classify(err, "There is no such thing."))
}

// service implements api.StrictServerInterface. Handlers begin with who may ask,
// then look at what is asked, then at the database.
type service struct {
	pool    *pgxpool.Pool
	changes caller.Changes
}

// ErasePerson implements api.StrictServerInterface.
func (s *service) ErasePerson(ctx context.Context, r api.ErasePersonRequestObject) (api.ErasePersonResponseObject, error) {
	if err := caller.RequireErasure(ctx, r.ID); err != nil {
		return nil, err
	}
	err := s.changes.Forget(ctx, r.ID,
		`UPDATE comment.comments SET state = 'deleted', body = '`+gone+`', author = '`+gone+`', author_id = NULL, held_for = '' WHERE author_id = $1`,
		`UPDATE comment.comments SET likes = likes - 1 WHERE id IN (SELECT comment_id FROM comment.likes WHERE person_id = $1)`,
		`DELETE FROM comment.likes WHERE person_id = $1`,
		`UPDATE comment.moderation_log SET actor_id = NULL, actor_name = '' WHERE actor_id = $1`)
	if err != nil {
		return nil, err
	}
	slog.InfoContext(ctx, "person erased", "person", r.ID)
	return api.ErasePerson204Response{}, nil
}
