package service

import (
	"context"
	"embed"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/comment/client"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/data"
	"blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/server"
)

const (
	noSuchPost = "There is no post with this id."
	// maxComments bounds one answer; paging comes with threads.
	maxComments = 500
)

//go:embed migrations
var migrations embed.FS

// Main runs the subcommand that the process's arguments name and returns its exit code.
func Main() int {
	return command.Main("comment", data.Commands("comment", migrations, setup)...)
}

func setup(_ context.Context, mux *server.Mux, pool *pgxpool.Pool) error {
	mux.Handle("GET /v1/posts/{id}/comments", problem.Handler(func(w http.ResponseWriter, r *http.Request) error {
		post, err := data.PathID(r, "id", noSuchPost)
		if err != nil {
			return err
		}
		// Query's error comes back from CollectRows.
		rows, _ := pool.Query(r.Context(), `
			SELECT id, author, body, created_at FROM comment.comments
			WHERE post_id = $1 ORDER BY created_at, id LIMIT $2`, post, maxComments)
		comments, err := pgx.CollectRows(rows, pgx.RowToStructByPos[client.Comment])
		if err != nil {
			return postgres.Classify(err, noSuchPost)
		}
		return problem.JSON(w, client.CommentList{Comments: comments})
	}))
	return nil
}
