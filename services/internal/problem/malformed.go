package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
)

// Malformed answers a request that a generated server could not read: 400 with
// the field named, or 413 when the body is longer than the server takes. It is
// the ErrorHandlerFunc and RequestErrorHandlerFunc of every generated server.
func Malformed(w http.ResponseWriter, r *http.Request, err error) {
	var (
		tooLong   *http.MaxBytesError
		wrongType *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &tooLong):
		write(w, r, &Error{Status: http.StatusRequestEntityTooLarge, Field: "body", Detail: "The body is longer than this service takes."})
	case errors.As(err, &wrongType):
		field := "body"
		if wrongType.Field != "" {
			field += "." + wrongType.Field
		}
		write(w, r, Invalid(field, "must not be a JSON "+wrongType.Value+"; the API's document says what it takes."))
	case parameter(err) != "":
		write(w, r, Invalid(parameter(err), "is missing or has the wrong form; the API's document says what it takes."))
	default:
		write(w, r, Invalid("body", "must be one JSON document as the API's document describes it."))
	}
}

// Invalid is the 400 for a field of a request; rule completes a sentence that
// begins with the field's name.
func Invalid(field, rule string) *Error {
	return &Error{Status: http.StatusBadRequest, Field: field, Detail: field + " " + rule}
}

// parameter returns the name of the parameter that a generated server refused.
// Each server has error types of its own, alike in this field only.
func parameter(err error) string {
	for ; err != nil; err = errors.Unwrap(err) {
		value := reflect.Indirect(reflect.ValueOf(err))
		if value.Kind() != reflect.Struct {
			continue
		}
		if name := value.FieldByName("ParamName"); name.IsValid() && name.Kind() == reflect.String {
			return name.String()
		}
	}
	return ""
}
