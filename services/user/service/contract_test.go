package service

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/internal/api"
)

// operation is what these tests need of one in openapi.yaml.
type operation struct {
	secured bool
	// body is the media type of its request, empty for none.
	body    string
	answers []string
	hasID   bool
}

// document reads openapi.yaml: every operation by its route, such as GET /v1/me.
func document(t *testing.T) map[string]operation {
	t.Helper()
	raw, err := os.ReadFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		OpenAPI string
		Paths   map[string]map[string]yaml.Node
	}
	if err := yaml.Unmarshal(raw, &spec); err != nil {
		t.Fatal(err)
	}
	if spec.OpenAPI != "3.1.0" {
		t.Errorf("the document is OpenAPI %s", spec.OpenAPI)
	}
	operations := map[string]operation{}
	for path, methods := range spec.Paths {
		for method, node := range methods {
			if method == "parameters" {
				continue
			}
			var said struct {
				Security    []map[string][]string
				RequestBody struct{ Content map[string]any } `yaml:"requestBody"`
				Responses   map[string]any
			}
			if err := node.Decode(&said); err != nil {
				t.Fatal(err)
			}
			route := strings.ToUpper(method) + " " + path
			operations[route] = operation{
				secured: len(said.Security) > 0, answers: slices.Sorted(maps.Keys(said.Responses)),
				body: strings.Join(slices.Sorted(maps.Keys(said.RequestBody.Content)), " "), hasID: strings.Contains(path, "{id}"),
			}
		}
	}
	return operations
}

// routeRecorder is a mux that only remembers what is registered.
type routeRecorder struct{ routes []string }

func (r *routeRecorder) HandleFunc(pattern string, _ func(http.ResponseWriter, *http.Request)) {
	r.routes = append(r.routes, pattern)
}
func (r *routeRecorder) ServeHTTP(http.ResponseWriter, *http.Request) {}

func TestDocumentRoutesAndAccessAgree(t *testing.T) {
	var routes routeRecorder
	api.HandlerFromMux(api.NewStrictHandler(nil, nil), &routes)
	slices.Sort(routes.routes)
	operations := document(t)
	documented := slices.Sorted(maps.Keys(operations))
	if diff := cmp.Diff(documented, routes.routes); diff != "" {
		t.Errorf("document and routes: %s", diff)
	}
	if diff := cmp.Diff(documented, slices.Sorted(maps.Keys(access))); diff != "" {
		t.Errorf("document and rules of access: %s", diff)
	}
	for route, operation := range operations {
		if operation.secured == (access[route] == anyone) {
			t.Errorf("%s: the document asks for a token: %t, the service for %s", route, operation.secured, access[route])
		}
		if strings.Contains(route, "/admin/") != (access[route] == token.Admin) {
			t.Errorf("%s is for %s", route, access[route])
		}
		if !slices.Contains(operation.answers, "default") {
			t.Errorf("%s does not say that it answers with problems", route)
		}
	}
}

// goodBodies are what a request that is let through would send.
var goodBodies = map[string]string{
	"PATCH /v1/me":                   `{"displayName":"Somebody"}`,
	"PUT /v1/admin/people/{id}/role": `{"role":"Editor"}`,
	"PUT /v1/admin/people/{id}/lock": `{"reason":"spam"}`,
}

// The table of who may do what: every secured operation by every kind of caller
// on somebody else's and on their own.
func TestNobodyMayMoreThanTheTableSays(t *testing.T) {
	operations := document(t)
	for _, route := range slices.Sorted(maps.Keys(operations)) {
		if !operations[route].secured {
			continue
		}
		t.Run(route, func(t *testing.T) {
			for _, own := range []bool{false, true} {
				w := newWorld(t)
				admin, editor, reader, other := w.someone(t, "amara"), w.someone(t, "nuwan"), w.someone(t, "priya"), w.someone(t, "other")
				w.setRole(t, editor.id, token.Editor)
				callers := []struct {
					name string
					person
					role token.Role
				}{{"nobody", person{}, ""}, {"a Reader", reader, token.Reader}, {"an Editor", editor, token.Editor}, {"an Admin", admin, token.Admin}}
				for _, by := range callers {
					on := other.id
					if own && by.id != 0 {
						on = by.id
					}
					got := w.send(t, route, w.target(t, route, on), goodBodies[route], "application/json", by.person)
					if may := by.role.Includes(access[route]); may == (got == 401 || got == 403) {
						t.Errorf("%s, own %t: answered %d", by.name, own, got)
					}
					if by.name == "nobody" && got != 401 {
						t.Errorf("nobody is answered %d instead of 401", got)
					}
					if got >= 500 {
						t.Errorf("%s: answered %d", by.name, got)
					}
					if !own && strings.Contains(route, "/me/sessions/") && by.role != "" && got != 404 {
						t.Errorf("%s ended somebody else's session: %d", by.name, got)
					}
				}
			}
		})
	}
}

// target is the id in a route: a person's, or their session's.
func (w *world) target(t *testing.T, route string, person int64) int64 {
	t.Helper()
	if strings.Contains(route, "/sessions/{id}") {
		return scan[int64](t, w, `SELECT coalesce(max(id), 1) FROM "user".sessions WHERE person_id = $1`, person)
	}
	return person
}

// send sends a request and returns the status of its answer, which must be a
// problem document where it is an error.
func (w *world) send(t *testing.T, route string, id any, body, contentType string, by person) int {
	t.Helper()
	status, _ := w.sendTo(t, route, id, body, contentType, by)
	return status
}

func (w *world) sendTo(t *testing.T, route string, id any, body, contentType string, by person) (int, problem.Document) {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	path = strings.ReplaceAll(path, "{id}", fmt.Sprint(id))
	req, err := http.NewRequestWithContext(t.Context(), method, w.app.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if by.as != nil {
		if err := by.as(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc problem.Document
	if resp.StatusCode >= 400 {
		if err := json.Unmarshal(answer, &doc); err != nil || resp.Header.Get("Content-Type") != problem.MediaType || doc.Status != resp.StatusCode || doc.Detail == "" {
			t.Errorf("%s answered %d without a problem document: %s", route, resp.StatusCode, answer)
		}
	}
	return resp.StatusCode, doc
}

func TestHostileBodiesGetAProblemThatNamesTheField(t *testing.T) {
	w := newWorld(t)
	w.someone(t, "nuwan")
	admin := w.someone(t, "amara")
	long := strings.Repeat("x", 70_000)
	bodies := map[string]string{
		"nothing": "", "half": `{"`, "a list": `[]`, "a number": `7`, "numbers for texts": `{"displayName":1,"role":1,"reason":1,"token":1,"returnTo":1,"transaction":1,"state":1}`,
		"too much": `{"displayName":"` + long + `","role":"` + long + `"}`, "deep": strings.Repeat(`{"a":`, 20_000),
	}
	for route, operation := range document(t) {
		if operation.body == "" {
			continue
		}
		for name, body := range bodies {
			t.Run(route+" with "+name, func(t *testing.T) {
				status, doc := w.sendTo(t, route, 1, body, operation.body, admin)
				if status != 400 && status != 413 || doc.Field == "" {
					t.Errorf("got %d %+v", status, doc)
				}
			})
		}
	}
	for _, c := range []struct{ route, body, field string }{
		{"PATCH /v1/me", `{"displayName":""}`, "body.displayName"},
		{"PATCH /v1/me", `{"displayName":"` + strings.Repeat("x", 81) + `"}`, "body.displayName"},
		{"PATCH /v1/me", `{"displayName":"a\u0000b"}`, "body.displayName"},
		{"PATCH /v1/me", `{"displayName":"a\u202eb"}`, "body.displayName"},
		{"PATCH /v1/me", `{"displayName":" a"}`, "body.displayName"},
		{"PATCH /v1/me", `null`, "body.displayName"},
		{"PUT /v1/admin/people/{id}/role", `{"role":"Owner"}`, "body.role"},
		{"PUT /v1/admin/people/{id}/role", `{}`, "body.role"},
		{"PUT /v1/admin/people/{id}/role", `{"role":"Editor","reason":"a\u0000b"}`, "body.reason"},
		{"PUT /v1/admin/people/{id}/lock", `{"reason":"` + strings.Repeat("x", 501) + `"}`, "body.reason"},
		{"POST /v1/sign-ins/complete", `{"transaction":"` + strings.Repeat("x", 201) + `","state":""}`, "body.transaction"},
	} {
		if status, doc := w.sendTo(t, c.route, 1, c.body, "application/json", admin); status != 400 || doc.Field != c.field {
			t.Errorf("%s %.60s: %d %+v", c.route, c.body, status, doc)
		}
	}
}

func TestHostileParametersGetAProblemThatNamesTheField(t *testing.T) {
	w := newWorld(t)
	admin := w.someone(t, "amara")
	for route, operation := range document(t) {
		if !operation.hasID {
			continue
		}
		for id, want := range map[string]int{"amara": 400, "9223372036854775808": 400, "1.5": 400, "%00": 400, "-1": 404, "0": 404, "9223372036854775807": 404} {
			body := goodBodies[route]
			if status, doc := w.sendTo(t, route, id, body, "application/json", admin); status != want || want == 400 && doc.Field != "id" {
				t.Errorf("%s with id %s: %d %+v", route, id, status, doc)
			}
		}
	}
	for query, field := range map[string]string{
		"people?limit=0": "limit", "people?limit=101": "limit", "people?limit=x": "limit", "people?after=x": "after", "people?role=Owner": "role",
		"people?locked=maybe": "locked", "people?search=%00": "search", "people?search=%ff": "search", "people?search=" + strings.Repeat("x", 101): "search",
		"audit?before=x": "before", "audit?person=x": "person", "audit?person=-1": "person", "audit?limit=-1": "limit",
	} {
		if status, doc := w.sendTo(t, "GET /v1/admin/"+query, 0, "", "", admin); status != 400 || doc.Field != field {
			t.Errorf("%s: %d %+v", query, status, doc)
		}
	}
}
