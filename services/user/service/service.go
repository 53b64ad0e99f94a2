package service

import (
	"context"
	"embed"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/data"
	"blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/server"
	"blogplatform.io/operator/services/user/client"
)

const noSuchPerson = "There is no person with this id."

//go:embed migrations
var migrations embed.FS

// Main runs the subcommand that the process's arguments name and returns its exit code.
func Main() int {
	return command.Main("user", data.Commands("user", migrations, setup)...)
}

func setup(_ context.Context, mux *server.Mux, pool *pgxpool.Pool) error {
	mux.Handle("GET /v1/people/{id}", problem.Handler(func(w http.ResponseWriter, r *http.Request) error {
		id, err := data.PathID(r, "id", noSuchPerson)
		if err != nil {
			return err
		}
		person := client.Person{ID: id}
		err = pool.QueryRow(r.Context(), `SELECT display_name FROM "user".people WHERE id = $1`, id).Scan(&person.DisplayName)
		if err != nil {
			return postgres.Classify(err, noSuchPerson)
		}
		return problem.JSON(w, person)
	}))
	return nil
}
