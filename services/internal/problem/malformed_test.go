package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"blogplatform.io/operator/services/internal/problem"
)

// refusedParameter is what a generated server says of a parameter.
type refusedParameter struct{ ParamName string }

func (e *refusedParameter) Error() string { return "Invalid format for parameter " + e.ParamName }

func TestARequestThatCannotBeReadNamesItsField(t *testing.T) {
	decode := func(body string) error {
		var out struct {
			Role struct{ Name string }
		}
		return fmt.Errorf("can't decode JSON body: %w", json.NewDecoder(strings.NewReader(body)).Decode(&out))
	}
	cases := map[string]struct {
		err    error
		status int
		field  string
	}{
		"a parameter of the wrong form":       {fmt.Errorf("bind: %w", &refusedParameter{"limit"}), 400, "limit"},
		"a value of the wrong type":           {decode(`{"role": {"name": 7}}`), 400, "body.Role.Name"},
		"a document of the wrong type":        {decode(`[]`), 400, "body"},
		"half a document":                     {decode(`{"role":`), 400, "body"},
		"no document":                         {decode(``), 400, "body"},
		"a body that is too long":             {fmt.Errorf("can't decode JSON body: %w", &http.MaxBytesError{Limit: 1}), 413, "body"},
		"anything else that is wrong with it": {errors.New("who knows"), 400, "body"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			problem.Malformed(w, httptest.NewRequest(http.MethodPost, "/v1/x", nil), c.err)
			var doc problem.Document
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || !strings.EqualFold(doc.Field, c.field) || doc.Detail == "" {
				t.Errorf("got %d %+v", w.Code, doc)
			}
		})
	}
}
