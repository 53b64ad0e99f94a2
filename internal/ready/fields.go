package ready

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func name(u *unstructured.Unstructured) string {
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}

// condition of a type, or nil.
func condition(u *unstructured.Unstructured, kind string) map[string]any {
	return element(list(u.Object, "status", "conditions"), "type", kind)
}

func is(condition map[string]any, status string) bool { return condition["status"] == status }

// element of a list whose key has a value, or nil.
func element(list []map[string]any, key string, value any) map[string]any {
	for _, e := range list {
		if e[key] == value {
			return e
		}
	}
	return nil
}

// list, text, number, truth and timeOf are values in an object; what is not there, or
// of another type, is empty.
func list(object map[string]any, fields ...string) []map[string]any {
	value, _, _ := unstructured.NestedFieldNoCopy(object, fields...)
	all, _ := value.([]any)
	var objects []map[string]any
	for _, e := range all {
		if o, ok := e.(map[string]any); ok {
			objects = append(objects, o)
		}
	}
	return objects
}

func text(object map[string]any, fields ...string) string {
	value, _, _ := unstructured.NestedString(object, fields...)
	return value
}

func number(object map[string]any, fields ...string) int64 {
	value, _, _ := unstructured.NestedInt64(object, fields...)
	return value
}

func truth(object map[string]any, fields ...string) bool {
	value, _, _ := unstructured.NestedBool(object, fields...)
	return value
}

func timeOf(object map[string]any, fields ...string) time.Time {
	at, _ := time.Parse(time.RFC3339, text(object, fields...))
	return at
}
