package kube

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// annotationWritten is kept of the metadata of a Secret in the cache alone. No object
// of the API has it.
const annotationWritten = "blogplatform.io/written"

// Written is when the values of a Secret changed last, by the clock of the API server;
// zero if that is not known. Its metadata come from the cache.
func Written(secret *metav1.PartialObjectMetadata) time.Time {
	at, _ := time.Parse(time.RFC3339, secret.Annotations[annotationWritten])
	return at
}

// writtenAt reads it from managedFields: the time of an entry moves when its manager
// changes the value of a field that it owns (metav1.ManagedFieldsEntry). A manager of
// values that changes a label only moves it, too.
func writtenAt(fields []metav1.ManagedFieldsEntry) (last time.Time) {
	for _, entry := range fields {
		if entry.Time != nil && entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:data"`) && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last
}
