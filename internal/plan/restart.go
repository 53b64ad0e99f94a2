package plan

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
)

// parametersField and pullSecretsField of a PostgresCluster, and the resources of its
// instances, are what the plan sets of it that makes the Crunchy operator restart
// PostgreSQL. Volumes, schedules and users do not.
var (
	parametersField  = []string{"spec", "patroni", "dynamicConfiguration", "postgresql", "parameters"}
	pullSecretsField = []string{"spec", "imagePullSecrets"}
)

// RestartsDatabase tells whether the spec of a platform would restart the PostgreSQL that there is.
func RestartsDatabase(platform *v1alpha1.BlogPlatform, live *unstructured.Unstructured) bool {
	b := newBuilder(Input{Platform: platform, Database: live})
	if live == nil || !b.names.Owns(live.GetLabels()) {
		return false
	}
	desired := b.convert(b.postgresCluster())
	held := desired.DeepCopy()
	keepRunning(held, live)
	return !equality.Semantic.DeepEqual(desired.Object, held.Object)
}

// keepRunning puts into a planned PostgresCluster what would restart the live one.
func keepRunning(desired, live *unstructured.Unstructured) {
	for _, field := range [][]string{parametersField, pullSecretsField} {
		keepField(desired.Object, live.Object, field...)
	}
	running := map[any]map[string]any{}
	for _, set := range objects(live.Object, "spec", "instances") {
		running[set["name"]] = set
	}
	for _, set := range objects(desired.Object, "spec", "instances") {
		if now, found := running[set["name"]]; found {
			keepField(set, now, "resources")
		}
	}
}

// keepField has an object have the value of another one, or none.
func keepField(object, from map[string]any, field ...string) {
	value, found, _ := unstructured.NestedFieldCopy(from, field...)
	if !found {
		unstructured.RemoveNestedField(object, field...)
		return
	}
	_ = unstructured.SetNestedField(object, value, field...)
}
