package fields

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Name is kind, namespace and name of an object, such as "Job blog/verify".
func Name(object *unstructured.Unstructured) string {
	return object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
}

// Int32 is a number, such as spec.replicas.
func Int32(object *unstructured.Unstructured, path ...string) int32 {
	n, _, _ := unstructured.NestedInt64(object.Object, path...)
	return int32(n)
}

// Text is a string, such as status.currentPodHash.
func Text(object *unstructured.Unstructured, path ...string) string {
	text, _, _ := unstructured.NestedString(object.Object, path...)
	return text
}

// Sum adds up a number of each element of a list, such as replicas of spec.instances.
func Sum(object *unstructured.Unstructured, number string, list ...string) int32 {
	elements, _, _ := unstructured.NestedSlice(object.Object, list...)
	var sum int32
	for _, element := range elements {
		fields, _ := element.(map[string]any)
		n, _ := fields[number].(int64)
		sum += int32(n)
	}
	return sum
}

// ConditionTrue tells whether a condition of an object is True, and its reason.
func ConditionTrue(object *unstructured.Unstructured, condition string) (reason string, isTrue bool) {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	i := slices.IndexFunc(conditions, func(c any) bool {
		fields, _ := c.(map[string]any)
		return fields["type"] == condition && fields["status"] == "True"
	})
	if i < 0 {
		return "", false
	}
	reason, _ = conditions[i].(map[string]any)["reason"].(string)
	return reason, true
}
