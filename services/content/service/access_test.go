package service

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/testing/apitest"
	"blogplatform.io/operator/services/internal/testing/postgres"
)

// access says who may do what with a post in each of its states. The author is
// an Editor; editor is another one.
var (
	everyone = []string{"nobody", "reader", "author", "editor", "admin", "eraser"}
	editors  = []string{"author", "editor", "admin"}
	owners   = []string{"author", "admin"}
	admins   = []string{"admin"}
)

func accessTable() apitest.Access {
	return apitest.Access{
		"GET /v1/posts": everyone, "GET /v1/posts/{slug}": everyone, "GET /v1/tags": everyone, "GET /v1/categories": everyone, "GET /v1/settings": everyone,
		"GET /v1/manuscripts": editors, "POST /v1/manuscripts": editors, "POST /v1/preview": editors,
		"GET /v1/manuscripts/{id}": owners, "PUT /v1/manuscripts/{id}": owners, "DELETE /v1/manuscripts/{id}": owners,
		"GET /v1/manuscripts/{id}/log": owners, "POST /v1/manuscripts/{id}/transitions": owners,
		"PUT /v1/manuscripts/{id}/draft": owners,
		// One's own: there is only something to read for those who have typed.
		"GET /v1/manuscripts/{id}/draft": owners, "DELETE /v1/manuscripts/{id}/draft": editors,
		"PUT /v1/tags/{slug}": admins, "DELETE /v1/tags/{slug}": admins,
		"POST /v1/categories": admins, "PUT /v1/categories/{id}": admins, "DELETE /v1/categories/{id}": admins, "PUT /v1/settings": admins,
		"DELETE /v1/people/{id}": {"eraser"},
	}
}

func (w *world) columns() []apitest.Column {
	return []apitest.Column{
		{Name: "nobody", Who: w.anybody}, {Name: "reader", Who: w.reader}, {Name: "author", Who: w.amara}, {Name: "editor", Who: w.noah},
		{Name: "admin", Who: w.admin}, {Name: "eraser", Who: w.Eraser(77)},
	}
}

func TestNobodyGetsWhereTheyMayNot(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	made := 0
	// Each cell has a post, a tag and a category of its own.
	attempt := func(t testing.TB, operation string) (string, any, []string) {
		w.Exec(t, `DELETE FROM content.rate_limits`)
		made++
		name := fmt.Sprintf("Cell %d", made)
		draft := write(t, w.amara, api.ManuscriptInput{Title: name, Body: "x"})
		for _, who := range []*apitest.Person{w.amara, w.admin} {
			who.Ask(t, "PUT", path(draft)+"/draft", api.DraftInput{BaseRevision: 1, Sequence: 1}).Into(http.StatusOK, nil)
		}
		public := w.publish(t, api.ManuscriptInput{Title: name, Body: "x", Tags: &[]string{name}})
		var category api.Category
		w.admin.Ask(t, "POST", "/v1/categories", api.CategoryInput{Name: name}).Into(http.StatusCreated, &category)
		w.Exec(t, `DELETE FROM content.rate_limits`)

		_, route, _ := strings.Cut(operation, " ")
		url := strings.NewReplacer(
			"/v1/posts/{slug}", "/v1/posts/"+public.Slug, "/v1/tags/{slug}", fmt.Sprintf("/v1/tags/cell-%d", made),
			"/v1/categories/{id}", fmt.Sprintf("/v1/categories/%d", category.ID), "/v1/people/{id}", "/v1/people/77", "/v1/manuscripts/{id}", path(draft),
		).Replace(route)
		bodies := map[string]any{
			"POST /v1/manuscripts": api.ManuscriptInput{Title: "New " + name, Body: "x"}, "POST /v1/preview": api.PreviewInput{Body: "x"},
			"PUT /v1/manuscripts/{id}":              api.ManuscriptInput{Title: name, Body: "y"},
			"POST /v1/manuscripts/{id}/transitions": api.Transition{Action: api.TransitionActionSubmit},
			"PUT /v1/manuscripts/{id}/draft":        api.DraftInput{BaseRevision: 1, Sequence: 2},
			"PUT /v1/tags/{slug}":                   api.TagInput{Name: "T"}, "POST /v1/categories": api.CategoryInput{Name: "New " + name},
			"PUT /v1/categories/{id}": api.CategoryInput{Name: "C"},
			"PUT /v1/settings":        api.SettingsInput{Name: "N", Language: "en", PostsPerPage: 10},
		}
		tag := input.ETag(draft.Revision)
		if operation == "PUT /v1/settings" {
			tag = w.anybody.Ask(t, "GET", "/v1/settings", nil).Header.Get("ETag")
		}
		return url, bodies[operation], []string{"If-Match", tag}
	}
	accessTable().Check(t, "../openapi.yaml", w.columns(), attempt)
}

func TestEachStateOfAPostSaysWhoMayTakeItWhere(t *testing.T) {
	w := newWorld(t, postgres.Shared(t))
	// For each state and action, who may; what is missing nobody may.
	table := map[string][]string{
		"draft read": owners, "draft edit": owners, "draft submit": owners, "draft delete": owners,
		"changes_requested read": owners, "changes_requested edit": owners, "changes_requested submit": owners, "changes_requested delete": owners,
		"in_review read": editors, "in_review withdraw": owners, "in_review publish": {"editor", "admin"}, "in_review request_changes": {"editor", "admin"},
		"published read": owners, "published edit": owners, "published archive": owners,
		"archived read": owners, "archived restore": owners,
	}
	for _, state := range []api.State{api.StateDraft, api.StateInReview, api.StateChangesRequested, api.StatePublished, api.StateArchived} {
		for _, action := range append([]api.Action{"read"}, actions...) {
			for _, column := range w.columns() {
				t.Run(fmt.Sprintf("%s %s as %s", state, action, column.Name), func(t *testing.T) {
					w.Exec(t, `DELETE FROM content.rate_limits`)
					m := write(t, w.amara, api.ManuscriptInput{Title: "T", Body: "x"})
					w.Exec(t, `UPDATE content.posts SET state = $2::text, published_at = CASE WHEN $2::text = 'published' THEN now() END WHERE id = $1`, m.ID, string(state))
					answer := w.try(t, column.Who, m, action)
					allowed := false
					for _, name := range table[string(state)+" "+string(action)] {
						allowed = allowed || name == column.Name
					}
					if (answer.Status < 400) != allowed {
						t.Errorf("answered %d %s", answer.Status, answer.Body)
					}
				})
			}
		}
	}
}

// try acts on a post as somebody, with a request that is in order.
func (w *world) try(t testing.TB, who *apitest.Person, m api.Manuscript, action api.Action) apitest.Answer {
	t.Helper()
	tag := []string{"If-Match", input.ETag(m.Revision)}
	switch action {
	case "read":
		return who.Ask(t, "GET", path(m), nil)
	case api.ActionEdit:
		return who.Ask(t, "PUT", path(m), api.ManuscriptInput{Title: "T", Body: "changed"}, tag...)
	case api.ActionDelete:
		return who.Ask(t, "DELETE", path(m), nil)
	}
	return who.Ask(t, "POST", path(m)+"/transitions", api.Transition{Action: api.TransitionAction(action), Note: new("why")}, tag...)
}
