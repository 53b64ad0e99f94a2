package service

import (
	"fmt"
	"strings"
	"testing"

	"blogplatform.io/operator/services/comment/internal/api"
	"blogplatform.io/operator/services/internal/testing/apitest"
	"blogplatform.io/operator/services/internal/testing/postgres"
)

// access tells who may do what with a Reader's comment: author is that Reader.
var (
	everyone   = []string{"nobody", "reader", "author", "editor", "admin", "eraser"}
	people     = []string{"reader", "author", "editor", "admin"}
	moderators = []string{"editor", "admin"}
)

func (w *world) columns() []apitest.Column {
	return []apitest.Column{
		{Name: "nobody", Who: w.anybody}, {Name: "reader", Who: w.sam}, {Name: "author", Who: w.rita}, {Name: "editor", Who: w.editor},
		{Name: "admin", Who: w.admin}, {Name: "eraser", Who: w.Eraser(77)},
	}
}

func TestNobodyGetsWhereTheyMayNot(t *testing.T) {
	public := apitest.Access{
		"GET /v1/posts/{id}/comments": everyone, "POST /v1/posts/{id}/comments": people, "GET /v1/comments": people,
		"GET /v1/comments/{id}": everyone, "PUT /v1/comments/{id}": {"author"}, "DELETE /v1/comments/{id}": {"author", "editor", "admin"},
		"PUT /v1/comments/{id}/like": people, "DELETE /v1/comments/{id}/like": people,
		"GET /v1/moderation/comments": moderators, "GET /v1/comments/{id}/decisions": moderators, "POST /v1/comments/{id}/decisions": moderators,
		"GET /v1/settings": everyone, "PUT /v1/settings": {"admin"}, "DELETE /v1/people/{id}": {"eraser"},
	}
	held := apitest.Access{}
	for operation, who := range public {
		held[operation] = who
	}
	held["GET /v1/comments/{id}"] = []string{"author", "editor", "admin"}
	held["PUT /v1/comments/{id}/like"], held["DELETE /v1/comments/{id}/like"] = nil, nil

	for state, access := range map[api.State]apitest.Access{api.StateApproved: public, api.StateHeld: held} {
		t.Run(string(state), func(t *testing.T) {
			w := newWorld(t, postgres.Shared(t))
			made := 0
			attempt := func(t testing.TB, operation string) (string, any, []string) {
				w.Exec(t, `DELETE FROM comment.rate_limits`)
				made++
				c := speak(t, w.rita, fmt.Sprint("Cell ", made), nil)
				w.Exec(t, `UPDATE comment.comments SET state = $2 WHERE id = $1`, c.ID, string(state))
				_, route, _ := strings.Cut(operation, " ")
				url := strings.NewReplacer("/v1/posts/{id}", "/v1/posts/7", "/v1/comments/{id}", path(c), "/v1/people/{id}", "/v1/people/77").Replace(route)
				bodies := map[string]any{
					"POST /v1/posts/{id}/comments":     api.CommentInput{Body: fmt.Sprint("New ", made)},
					"PUT /v1/comments/{id}":            api.EditInput{Body: fmt.Sprint("Changed ", made)},
					"POST /v1/comments/{id}/decisions": api.DecisionInput{State: api.DecisionInputStateRejected, Revision: c.Revision},
					"PUT /v1/settings":                 api.SettingsInput{Policy: api.Open},
				}
				return url, bodies[operation], []string{"If-Match", w.anybody.Ask(t, "GET", "/v1/settings", nil).Header.Get("ETag")}
			}
			access.Check(t, "../openapi.yaml", w.columns(), attempt)
		})
	}
}
