package plan

import (
	"net/http"
	"slices"

	"blogplatform.io/operator/internal/naming"
)

// operation is what may be asked of a data service: a method, and a path in which
// {*} is one segment. All are those of its document, services/*/openapi.yaml, and of
// the document of the release before, which may run under this operator.
type operation struct{ method, path string }

// Operations that are not the frontend's.
var (
	// fetchKeys gives other services the keys that verify tokens.
	fetchKeys = operation{http.MethodGet, "/v1/keys"}
	// erase is how the user service has others forget who has left.
	erase = operation{http.MethodDelete, "/v1/people/{*}"}
)

// frontendOperations are what the frontend asks for, for those who use it.
var frontendOperations = map[naming.Service][]operation{
	naming.User: {
		{http.MethodGet, "/v1/people"},
		{http.MethodGet, "/v1/people/{*}"},
		{http.MethodPost, "/v1/sign-ins"},
		{http.MethodPost, "/v1/sign-ins/complete"},
		{http.MethodPost, "/v1/sessions/exchange"},
		{http.MethodPost, "/v1/sessions/end"},
		{http.MethodPost, "/v1/logouts"},
		{http.MethodGet, "/v1/me"},
		{http.MethodPatch, "/v1/me"},
		{http.MethodDelete, "/v1/me"},
		{http.MethodGet, "/v1/me/export"},
		{http.MethodGet, "/v1/me/sessions"},
		{http.MethodDelete, "/v1/me/sessions/{*}"},
		{http.MethodGet, "/v1/admin/people"},
		{http.MethodGet, "/v1/admin/people/{*}"},
		{http.MethodDelete, "/v1/admin/people/{*}"},
		{http.MethodPut, "/v1/admin/people/{*}/role"},
		{http.MethodPut, "/v1/admin/people/{*}/lock"},
		{http.MethodDelete, "/v1/admin/people/{*}/lock"},
		{http.MethodPost, "/v1/admin/people/{*}/lock/retry"},
		{http.MethodGet, "/v1/admin/people/{*}/sessions"},
		{http.MethodDelete, "/v1/admin/people/{*}/sessions"},
		{http.MethodGet, "/v1/admin/audit"},
	},
	naming.Content: {
		{http.MethodGet, "/v1/posts"},
		{http.MethodGet, "/v1/posts/{*}"},
		{http.MethodGet, "/v1/tags"},
		{http.MethodPut, "/v1/tags/{*}"},
		{http.MethodDelete, "/v1/tags/{*}"},
		{http.MethodGet, "/v1/categories"},
		{http.MethodPost, "/v1/categories"},
		{http.MethodPut, "/v1/categories/{*}"},
		{http.MethodDelete, "/v1/categories/{*}"},
		{http.MethodGet, "/v1/settings"},
		{http.MethodPut, "/v1/settings"},
		{http.MethodGet, "/v1/manuscripts"},
		{http.MethodPost, "/v1/manuscripts"},
		{http.MethodGet, "/v1/manuscripts/{*}"},
		{http.MethodPut, "/v1/manuscripts/{*}"},
		{http.MethodDelete, "/v1/manuscripts/{*}"},
		{http.MethodPost, "/v1/manuscripts/{*}/transitions"},
		{http.MethodGet, "/v1/manuscripts/{*}/log"},
		{http.MethodGet, "/v1/manuscripts/{*}/draft"},
		{http.MethodPut, "/v1/manuscripts/{*}/draft"},
		{http.MethodDelete, "/v1/manuscripts/{*}/draft"},
		{http.MethodPost, "/v1/preview"},
	},
	naming.Comment: {
		{http.MethodGet, "/v1/posts/{*}/comments"},
		{http.MethodPost, "/v1/posts/{*}/comments"},
		{http.MethodGet, "/v1/comments"},
		{http.MethodGet, "/v1/comments/{*}"},
		{http.MethodPut, "/v1/comments/{*}"},
		{http.MethodDelete, "/v1/comments/{*}"},
		{http.MethodPut, "/v1/comments/{*}/like"},
		{http.MethodDelete, "/v1/comments/{*}/like"},
		{http.MethodGet, "/v1/moderation/comments"},
		{http.MethodGet, "/v1/comments/{*}/decisions"},
		{http.MethodPost, "/v1/comments/{*}/decisions"},
		{http.MethodGet, "/v1/settings"},
		{http.MethodPut, "/v1/settings"},
	},
}

// methods are those that operations may have, in the order of their rules.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// asks are the edges by which one party may ask another for operations: one for
// each method, since a rule allows each of its methods for each of its paths.
func asks(from, to party, operations []operation) []edge {
	var edges []edge
	for _, method := range methods {
		e := edge{from: []party{from}, to: to, ports: []int32{portApp}, methods: []string{method}}
		for _, o := range operations {
			if o.method == method && !slices.Contains(e.paths, o.path) {
				e.paths = append(e.paths, o.path)
			}
		}
		if len(e.paths) > 0 {
			edges = append(edges, e)
		}
	}
	return edges
}
