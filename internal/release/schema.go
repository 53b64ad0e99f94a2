package release

import (
	"slices"
	"strconv"
	"strings"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// Reported notes which contract migration the schema of a service has, as a
// migration Job has read it in the database. The argument is not modified.
func Reported(schemas []v1alpha1.SchemaStatus, service naming.Service, contract int64) []v1alpha1.SchemaStatus {
	schemas = append(Unreported(schemas, service), v1alpha1.SchemaStatus{Service: string(service), Contract: contract})
	slices.SortFunc(schemas, func(a, b v1alpha1.SchemaStatus) int { return strings.Compare(a.Service, b.Service) })
	return schemas
}

// Unreported forgets what is known of the schemas of services: what they have
// may be something else from now on. The argument is not modified.
func Unreported(schemas []v1alpha1.SchemaStatus, services ...naming.Service) []v1alpha1.SchemaStatus {
	return slices.DeleteFunc(slices.Clone(schemas), func(s v1alpha1.SchemaStatus) bool {
		return slices.Contains(services, naming.Service(s.Service))
	})
}

// schemaOf is what is known of the schema of a service, or nil.
func schemaOf(schemas []v1alpha1.SchemaStatus, service string) *v1alpha1.SchemaStatus {
	i := slices.IndexFunc(schemas, func(s v1alpha1.SchemaStatus) bool { return s.Service == service })
	if i < 0 {
		return nil
	}
	return &schemas[i]
}

// inSchema tells whether a schema has what a contract migration of the history
// did to it: its version is past the one that the migration began from. A schema
// of which nothing is known may have it.
func inSchema(schemas []v1alpha1.SchemaStatus, migration string) bool {
	service, _, _ := strings.Cut(migration, " ")
	_, versions, _ := strings.Cut(migration, " "+naming.PhaseContract+" ")
	before, _, _ := strings.Cut(versions, " -> ")
	schema := schemaOf(schemas, service)
	if schema == nil {
		return true
	}
	from, _ := strconv.ParseInt(before, 10, 64) // 0 where nobody knows
	return schema.Contract > from
}
