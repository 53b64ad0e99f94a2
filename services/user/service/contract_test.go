package service

import (
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.yaml.in/yaml/v3"

	"blogplatform.io/operator/services/internal/server"
	"blogplatform.io/operator/services/internal/testing/apitest"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/internal/api"
)

const document = "../openapi.yaml"

// table is a user service whose people are rows of the test's own, and whose
// tokens the test signs.
type table struct {
	*apitest.Service
	world *world
}

// Ids of people in a table. The target is acted on, the others act, and one
// Admin more is there so that each can leave.
const (
	targetID, readerID, editorID, adminID, spareID = 1, 2, 3, 4, 5
	// targetSession is the id of the target's session, targetSecret its cookie's value.
	targetSession = 500
	targetSecret  = "target"
)

func newTable(t *testing.T) *table {
	t.Helper()
	w := newWorld(t)
	started := apitest.Start(t, w.database, "user", migrations, func(mux *server.Mux, pool *pgxpool.Pool, verifier *token.Verifier) {
		s, err := newService(pool, w.settings)
		if err != nil {
			t.Fatal(err)
		}
		s.verifier = verifier
		s.routes(mux)
	})
	// Who signs in for the first time gets another id than these.
	started.Exec(t, `ALTER TABLE "user".people ALTER id RESTART WITH 100`)
	return &table{started, w}
}

// reset makes the people as they were, the target with that role.
func (s *table) reset(t testing.TB, target token.Role) {
	t.Helper()
	for _, relation := range []string{"people", "erased", "erasures", "provider_locks", "sign_ins", "rate_limits"} {
		s.Exec(t, `DELETE FROM "user".`+relation)
	}
	s.Exec(t, `INSERT INTO "user".people (id, display_name, issuer, subject, role) OVERRIDING SYSTEM VALUE
		SELECT id, role, 'https://id.example.com', id::text, role FROM unnest($1::bigint[], $2::text[]) AS p (id, role)`,
		[]int64{readerID, editorID, adminID, spareID, targetID}, []token.Role{token.Reader, token.Editor, token.Admin, token.Admin, target})
	s.Exec(t, `INSERT INTO "user".sessions (id, token_hash, person_id, sid, id_token, user_agent, expires_at) OVERRIDING SYSTEM VALUE
		VALUES ($1, sha256($2), $3, '', '', '', now() + interval '1 hour')`, targetSession, []byte(targetSecret), targetID)
	s.Exec(t, `INSERT INTO "user".provider_locks (person_id, issuer, subject, desired) VALUES ($1, 'https://id.example.com', '1', false)`, targetID)
	s.Exec(t, `INSERT INTO "user".provider_sync (person_id) VALUES ($1)`, targetID)
}

// who may do what. What is somebody's own is the target's.
func accessTable(target token.Role) apitest.Access {
	everyone := []string{"nobody", "eraser", "reader", "editor", "admin", "themselves"}
	people := []string{"reader", "editor", "admin", "themselves"}
	owner := []string{"themselves"}
	othersAdmin := []string{"admin"}
	admins := othersAdmin
	if target == token.Admin {
		admins = []string{"admin", "themselves"}
	}
	return apitest.Access{
		"GET /v1/people": everyone, "GET /v1/people/{id}": everyone, "GET /v1/keys": everyone, "POST /v1/logouts": everyone,
		"POST /v1/sign-ins": everyone, "POST /v1/sign-ins/complete": everyone, "POST /v1/sessions/exchange": everyone, "POST /v1/sessions/end": everyone,
		"GET /v1/me": people, "PATCH /v1/me": people, "DELETE /v1/me": people, "GET /v1/me/export": people, "GET /v1/me/sessions": people,
		"DELETE /v1/me/sessions/{id}": owner,
		"GET /v1/admin/people":        admins, "GET /v1/admin/people/{id}": admins, "DELETE /v1/admin/people/{id}": admins, "GET /v1/admin/audit": admins,
		"GET /v1/admin/people/{id}/sessions": admins, "DELETE /v1/admin/people/{id}/sessions": admins, "POST /v1/admin/people/{id}/lock/retry": admins,
		"PUT /v1/admin/people/{id}/role": othersAdmin, "PUT /v1/admin/people/{id}/lock": othersAdmin, "DELETE /v1/admin/people/{id}/lock": othersAdmin,
	}
}

func (s *table) columns(target token.Role) []apitest.Column {
	return []apitest.Column{
		{Name: "nobody", Who: s.Anybody()}, {Name: "eraser", Who: s.Eraser(targetID)},
		{Name: "reader", Who: s.Person(readerID, "Reader", token.Reader)}, {Name: "editor", Who: s.Person(editorID, "Editor", token.Editor)},
		{Name: "admin", Who: s.Person(adminID, "Admin", token.Admin)}, {Name: "themselves", Who: s.Person(targetID, "Target", target)},
	}
}

// inOrder is a request that is in order but for who asks.
func (s *table) inOrder(t testing.TB, operation string) (path string, body any, headers []string) {
	t.Helper()
	_, path, _ = strings.Cut(operation, " ")
	path = strings.NewReplacer("/me/sessions/{id}", "/me/sessions/500", "{id}", "1").Replace(path)
	switch operation {
	case "GET /v1/people":
		path += "?ids=1"
	case "POST /v1/sign-ins":
		body = api.SignInBeginning{ReturnTo: "/"}
	case "POST /v1/sign-ins/complete":
		body = s.completion(t)
	case "POST /v1/sessions/exchange", "POST /v1/sessions/end":
		body = api.SessionToken{Token: targetSecret}
	case "POST /v1/logouts":
		body = "logout_token=" + s.world.idp.LogoutToken("blog", nuwan, "", nil)
		headers = []string{"Content-Type", "application/x-www-form-urlencoded"}
	case "PATCH /v1/me":
		body = api.MeChange{DisplayName: "Somebody"}
	case "PUT /v1/admin/people/{id}/role":
		body = api.RoleChange{Role: api.Editor}
	case "PUT /v1/admin/people/{id}/lock":
		body = api.Lock{Reason: "spam"}
	}
	return path, body, headers
}

// completion is what the provider answers to a sign-in that was begun.
func (s *table) completion(t testing.TB) api.SignInCompletion {
	t.Helper()
	var began api.SignIn
	s.Anybody().Ask(t, http.MethodPost, "/v1/sign-ins", api.SignInBeginning{ReturnTo: "/"}).Into(http.StatusCreated, &began)
	at, err := s.world.browser().SignIn(began.AuthorizationURL, "priya@example.com", "pw")
	if err != nil {
		t.Fatal(err)
	}
	return api.SignInCompletion{Transaction: began.Transaction, State: at.Query().Get("state"), Code: new(at.Query().Get("code"))}
}

func TestNobodyMayMoreThanTheTableSays(t *testing.T) {
	s := newTable(t)
	for _, target := range []token.Role{token.Reader, token.Editor, token.Admin} {
		t.Run("on an account of role "+string(target), func(t *testing.T) {
			accessTable(target).Check(t, document, s.columns(target), func(t testing.TB, operation string) (string, any, []string) {
				s.reset(t, target)
				return s.inOrder(t, operation)
			})
		})
	}
}

// secured returns the document's operations and whether each asks for a token.
func secured(t *testing.T) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Paths map[string]map[string]yaml.Node
	}
	if err := yaml.Unmarshal(raw, &said); err != nil {
		t.Fatal(err)
	}
	operations := map[string]bool{}
	for _, name := range apitest.Operations(t, document) {
		method, path, _ := strings.Cut(name, " ")
		var operation struct {
			Security  []map[string][]string
			Responses map[string]any
		}
		node := said.Paths[path][strings.ToLower(method)]
		if err := node.Decode(&operation); err != nil {
			t.Fatal(err)
		}
		operations[name] = len(operation.Security) > 0
		if operation.Responses["default"] == nil {
			t.Errorf("%s does not say that it answers with problems", name)
		}
	}
	return operations
}

func TestDocumentRoutesAndRulesOfAccessAgree(t *testing.T) {
	s := newTable(t)
	routes := s.Mux.Patterns()
	slices.Sort(routes)
	operations := secured(t)
	documented := slices.Sorted(maps.Keys(operations))
	if diff := cmp.Diff(documented, routes); diff != "" {
		t.Errorf("document and routes: %s", diff)
	}
	if diff := cmp.Diff(documented, slices.Sorted(maps.Keys(access))); diff != "" {
		t.Errorf("document and rules of access: %s", diff)
	}
	for route, needsToken := range operations {
		if needsToken == (access[route] == anyone) {
			t.Errorf("%s: the document asks for a token: %t, the service for %s", route, needsToken, access[route])
		}
		if strings.Contains(route, "/admin/") != (access[route] == token.Admin) {
			t.Errorf("%s is for %s", route, access[route])
		}
	}
}

func TestHostileRequestsGetProblemsThatNameTheField(t *testing.T) {
	s := newTable(t)
	s.Withstand(t, document, func() { s.reset(t, token.Admin) }, s.Anybody(), s.Person(adminID, "<b>Mallory</b>", token.Admin))
}

func TestAProblemNamesTheFieldThatIsWrong(t *testing.T) {
	s := newTable(t)
	s.reset(t, token.Reader)
	admin := s.Person(adminID, "Admin", token.Admin)
	long := strings.Repeat("x", 501)
	for _, c := range []struct{ operation, body, field string }{
		{"PATCH /v1/me", `{"displayName":""}`, "body.displayName"},
		{"PATCH /v1/me", `{"displayName":"` + long + `"}`, "body.displayName"},
		{"PATCH /v1/me", `{"displayName":"a\u0000b"}`, "body.displayName"},
		{"PATCH /v1/me", `{"displayName":"a\u202eb"}`, "body.displayName"},
		{"PATCH /v1/me", `{"displayName":"\u200b"}`, "body.displayName"},
		{"PATCH /v1/me", `{"displayName":"Аdmin"}`, "body.displayName"},
		{"PATCH /v1/me", `{"displayName":7}`, "body.displayName"},
		{"PATCH /v1/me", `null`, "body.displayName"},
		{"PUT /v1/admin/people/1/role", `{"role":"Owner"}`, "body.role"},
		{"PUT /v1/admin/people/1/role", `{"role":"Editor","reason":"a\u0000b"}`, "body.reason"},
		{"PUT /v1/admin/people/1/role", `{}`, "body.role"},
		{"PUT /v1/admin/people/x/role", `{"role":"Editor"}`, "id"},
		{"PUT /v1/admin/people/9223372036854775808/role", `{"role":"Editor"}`, "id"},
		{"PUT /v1/admin/people/1/lock", `{"reason":"` + long + `"}`, "body.reason"},
		{"POST /v1/sign-ins", `{"returnTo":"https://evil.example.com"}`, "body.returnTo"},
		{"POST /v1/sign-ins/complete", `{"transaction":"` + long + `","state":""}`, "body.transaction"},
		{"POST /v1/logouts", `{}`, "body.logout_token"},
		{"GET /v1/people", "", "ids"},
		{"GET /v1/people?ids=x", "", "ids"},
		{"GET /v1/people?ids=1" + strings.Repeat(",1", 100), "", "ids"},
		{"GET /v1/admin/people?limit=0", "", "limit"},
		{"GET /v1/admin/people?limit=101", "", "limit"},
		{"GET /v1/admin/people?after=x", "", "after"},
		{"GET /v1/admin/people?role=Owner", "", "role"},
		{"GET /v1/admin/people?locked=maybe", "", "locked"},
		{"GET /v1/admin/people?search=%00", "", "search"},
		{"GET /v1/admin/people?search=%ff", "", "search"},
		{"GET /v1/admin/people?search=" + long, "", "search"},
		{"GET /v1/admin/audit?before=x", "", "before"},
		{"GET /v1/admin/audit?person=-1", "", "person"},
		{"GET /v1/admin/audit?limit=-1", "", "limit"},
	} {
		method, path, _ := strings.Cut(c.operation, " ")
		if doc := admin.Ask(t, method, path, c.body).Refused(http.StatusBadRequest); doc.Field != c.field {
			t.Errorf("%s %.60s names %q", c.operation, c.body, doc.Field)
		}
	}
	for _, id := range []string{"0", "-1", "9223372036854775807"} {
		admin.Ask(t, http.MethodGet, "/v1/admin/people/"+id, nil).Refused(http.StatusNotFound)
	}
}
