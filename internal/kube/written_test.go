package kube

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func entry(hour int, fields string) metav1.ManagedFieldsEntry {
	at := metav1.NewTime(time.Date(2026, 2, 1, hour, 0, 0, 0, time.UTC))
	return metav1.ManagedFieldsEntry{Time: &at, FieldsV1: metav1.NewFieldsV1(fields)}
}

func TestTheCacheKnowsWhenTheValuesOfASecretChanged(t *testing.T) {
	const data = `{"f:data":{".":{},"f:password":{}}}`
	for name, c := range map[string]struct {
		kind   schema.GroupVersionKind
		fields []metav1.ManagedFieldsEntry
		hour   int
	}{
		"one manager":                     {Secrets, []metav1.ManagedFieldsEntry{entry(3, data)}, 3},
		"the last of two":                 {Secrets, []metav1.ManagedFieldsEntry{entry(5, data), entry(4, data)}, 5},
		"another manager labels it later": {Secrets, []metav1.ManagedFieldsEntry{entry(3, data), entry(6, `{"f:metadata":{"f:labels":{}}}`)}, 3},
		"nobody manages it":               {Secrets, nil, 0},
		"an entry without a time":         {Secrets, []metav1.ManagedFieldsEntry{{FieldsV1: metav1.NewFieldsV1(data)}}, 0},
		"it is no Secret":                 {Namespaces, []metav1.ManagedFieldsEntry{entry(3, data)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			object := Metadata(c.kind)
			object.ManagedFields = c.fields
			if _, err := slimMetadata(object); err != nil {
				t.Fatal(err)
			}
			var want time.Time
			if c.hour > 0 {
				want = time.Date(2026, 2, 1, c.hour, 0, 0, 0, time.UTC)
			}
			if got := Written(object); !got.Equal(want) || object.ManagedFields != nil {
				t.Errorf("%v, want %v; managedFields %v", got, want, object.ManagedFields)
			}
		})
	}
}
