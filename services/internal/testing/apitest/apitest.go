package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.yaml.in/yaml/v3"

	"blogplatform.io/operator/services/internal/migrate"
	"blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/server"
	testpostgres "blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/token"
)

const issuer = "blogplatform://test/blog"

// Service is a service that serves from this process.
type Service struct {
	Pool *pgxpool.Pool
	Mux  *server.Mux
	URL  string

	audience string
	key      token.Key
}

// Routes adds a service's routes.
type Routes func(mux *server.Mux, pool *pgxpool.Pool, verifier *token.Verifier)

// Start migrates a database on the server and serves the routes from it. The
// service's name is that of its schema and of its audience.
func Start(t testing.TB, database *testpostgres.Server, service string, migrations fs.FS, routes Routes) *Service {
	t.Helper()
	for name, value := range database.Database(t, service) {
		t.Setenv(name, value)
	}
	if _, err := migrate.Run(t.Context(), service, migrate.Expand, migrations); err != nil {
		t.Fatal(err)
	}
	pool, err := postgres.Open(context.WithoutCancel(t.Context()), service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	key, err := token.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Pool: pool, Mux: server.NewMux(), audience: service, key: key}
	keys := func(context.Context) (token.Set, error) {
		var set token.Set
		set.Keys = append(set.Keys, key.Public())
		return set, nil
	}
	routes(s.Mux, pool, token.NewVerifier(keys, issuer, service))
	listener := httptest.NewServer(s.Mux)
	t.Cleanup(listener.Close)
	s.URL = listener.URL
	return s
}

// Exec runs a statement in the service's database.
func (s *Service) Exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := s.Pool.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// Person asks a service.
type Person struct {
	service *Service
	claims  token.Claims
	// anonymous people send no token.
	anonymous bool
}

// Anybody is somebody who has not signed in.
func (s *Service) Anybody() *Person { return &Person{service: s, anonymous: true} }

// Person is somebody with that role.
func (s *Service) Person(id int64, name string, role token.Role) *Person {
	return &Person{service: s, claims: token.Claims{Person: id, Name: name, Role: role}}
}

// Eraser is the user service, as it erases the person with that id.
func (s *Service) Eraser(id int64) *Person {
	return &Person{service: s, claims: token.Claims{Person: id, Purpose: token.Erasure}}
}

// Answer is what a service said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	t      testing.TB
}

// Ask sends a request and returns the answer, whatever it is. A body that is
// not a string or nil is sent as JSON. headers are names and values in turn.
func (p *Person) Ask(t testing.TB, method, path string, body any, headers ...string) Answer {
	t.Helper()
	answer, err := p.Try(t, method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// Try is Ask for those who expect to get no answer. It may be called from any goroutine.
func (p *Person) Try(t testing.TB, method, path string, body any, headers ...string) (Answer, error) {
	r, err := http.NewRequest(method, p.service.URL+path, encode(body))
	if err != nil {
		return Answer{}, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	if !p.anonymous {
		raw, err := p.service.key.Sign(issuer, p.service.audience, p.claims, time.Now())
		if err != nil {
			return Answer{}, err
		}
		r.Header.Set("Authorization", "Bearer "+raw)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, content, t}, err
}

func encode(body any) io.Reader {
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return strings.NewReader(b)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err) // a test's own value
	}
	return bytes.NewReader(raw)
}

// Into fails the test unless the answer has the status, and reads its document.
func (a Answer) Into(status int, out any) {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("answered %d instead of %d: %s", a.Status, status, a.Body)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(a.Body, out); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
}

// Refused fails the test unless the answer is a problem with the status, and
// returns it.
func (a Answer) Refused(status int) problem.Document {
	a.t.Helper()
	var document problem.Document
	a.Into(status, &document)
	if a.Header.Get("Content-Type") != problem.MediaType || document.Status != status || document.Detail == "" {
		a.t.Fatalf("not a problem: %s %s", a.Header.Get("Content-Type"), a.Body)
	}
	return document
}

// Operations returns the operations that an OpenAPI document has, such as
// GET /v1/posts/{slug}, in alphabetical order.
func Operations(t testing.TB, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	var operations []string
	for path, item := range document.Paths {
		for method := range item {
			if method != "parameters" {
				operations = append(operations, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(operations)
	return operations
}
