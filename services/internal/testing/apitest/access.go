package apitest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Column is somebody of whom an access table tells what they may do.
type Column struct {
	Name string
	Who  *Person
}

// Access is an access table: for each operation who may, by the names of the
// columns. The operations are those of the service's OpenAPI document.
type Access map[string][]string

// Attempt prepares one cell: it returns the path, body and headers of a request
// that is in order but for who asks.
type Attempt func(t testing.TB, operation string) (path string, body any, headers []string)

// Check asks every operation as every column and reports each that is let in
// without being allowed, or kept out although it is. An operation that has no
// row is an error: nobody has thought about it.
func (a Access) Check(t *testing.T, document string, columns []Column, attempt Attempt) {
	t.Helper()
	operations := Operations(t, document)
	for operation := range a {
		if !slices.Contains(operations, operation) {
			t.Errorf("%s is in the table, but not in the document", operation)
		}
	}
	for _, operation := range operations {
		allowed, known := a[operation]
		if !known {
			t.Errorf("%s has no row in the table", operation)
			continue
		}
		for _, column := range columns {
			t.Run(fmt.Sprintf("%s as %s", operation, column.Name), func(t *testing.T) {
				path, body, headers := attempt(t, operation)
				method, _, _ := strings.Cut(operation, " ")
				answer := column.Who.Ask(t, method, path, body, headers...)
				if slices.Contains(allowed, column.Name) {
					if answer.Status >= http.StatusBadRequest {
						t.Errorf("kept out: %d %s", answer.Status, answer.Body)
					}
					return
				}
				// What one may not see is not there.
				want := []int{http.StatusForbidden, http.StatusNotFound}
				if column.Who.anonymous {
					want = []int{http.StatusUnauthorized, http.StatusNotFound}
				}
				if !slices.Contains(want, answer.Status) {
					t.Errorf("let in: %d %s", answer.Status, answer.Body)
				}
			})
		}
	}
}
