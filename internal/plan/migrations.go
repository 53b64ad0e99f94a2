package plan

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// migrations bring each schema to what the target needs. The contract migrations of
// the current release run first: they remove what only earlier releases need, and did
// not run before, so that one step back was safe. They do not disturb what runs.
func (b *builder) migrations() {
	if b.Run.WithoutMigrations {
		return
	}
	for _, service := range naming.DataServices {
		if b.Run.Contract != nil {
			b.migration(StageContract, service, naming.PhaseContract, *b.Run.Contract)
		}
		b.migration(StageMigrations, service, naming.PhaseExpand, b.target.Release)
	}
}

// DatabaseIdentity tells one database from another that took its place: the system
// identifier of PostgreSQL, which a new database has another of, and the last
// restore in place, which keeps it (PostgresCluster status.patroni.systemIdentifier
// and status.pgbackrest.restore.id), or that a person tells of by an annotation. It is
// empty while PostgreSQL is not initialised.
func DatabaseIdentity(cluster *unstructured.Unstructured) string {
	if cluster == nil {
		return ""
	}
	system, _, _ := unstructured.NestedString(cluster.Object, "status", "patroni", "systemIdentifier")
	restore, _, _ := unstructured.NestedString(cluster.Object, "status", "pgbackrest", "restore", "id")
	if restore != "" {
		system += "/" + restore
	}
	if restored := cluster.GetAnnotations()[naming.AnnotationRestored]; restored != "" && system != "" {
		system += "/" + naming.Hash(restored)
	}
	return system
}

func (b *builder) migration(stage Stage, service naming.Service, phase string, release v1alpha1.Release) {
	container := b.container(service, release)
	container.Args = []string{"migrate", "--phase=" + phase}
	b.gate(stage, b.job(task{
		name:      b.names.Migration(service, phase, container.Image, DatabaseIdentity(b.Database)),
		account:   b.names.Workload(service),
		selector:  b.names.MigrationSelector(service),
		container: container,
		volumes:   b.volumes(service),
		attempts:  3,
		deadline:  int64(b.values.migrationDeadline),
		retry:     300,
	}))
}
