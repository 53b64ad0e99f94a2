package plan

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// dataSource has the Crunchy operator restore a backup before PostgreSQL starts for the
// first time. Once it has started, the source is taken out of the PostgresCluster: after
// a restore in place, by annotation, the Crunchy operator would restore from it again.
func (b *builder) dataSource() *dataSource {
	source := b.Platform.Spec.Database.DataSource
	if source == nil || !b.begins() {
		return nil
	}
	from := b.sourceCluster(source)
	restore := clusterSource{
		ClusterName: from.Name, ClusterNamespace: from.Namespace, RepoName: cmp.Or(source.PostgresCluster.RepoName, "repo1"),
		Resources: requests("10m", "64Mi"),
	}
	if source.TargetTime != nil {
		// The Crunchy operator runs the options in a shell, hence the quotes.
		restore.Options = []string{"--type=time", `--target="` + source.TargetTime.UTC().Format("2006-01-02 15:04:05+00") + `"`}
	}
	return &dataSource{PostgresCluster: restore}
}

// begins tells of a database without data: there is none, nor a volume of one, or it is being restored.
func (b *builder) begins() bool {
	if b.Database == nil {
		return !slices.ContainsFunc(b.Volumes, holdsData)
	}
	_, restores, _ := unstructured.NestedFieldNoCopy(b.Database.Object, "spec", "dataSource")
	return restores && !started(b.Database)
}

// started tells of a PostgreSQL that is initialised (PostgresCluster status.patroni.systemIdentifier).
func started(cluster *unstructured.Unstructured) bool {
	system, _, _ := unstructured.NestedString(cluster.Object, "status", "patroni", "systemIdentifier")
	return system != ""
}

// holdsData tells of a volume of an instance that nobody deletes.
func holdsData(claim corev1.PersistentVolumeClaim) bool {
	return claim.DeletionTimestamp == nil && claim.Labels[labelRole] == roleData
}

// sourceCluster is the PostgresCluster whose backup is restored.
func (b *builder) sourceCluster(source *v1alpha1.DataSource) types.NamespacedName {
	return types.NamespacedName{
		Namespace: cmp.Or(source.PostgresCluster.ClusterNamespace, b.names.Namespace),
		Name:      cmp.Or(source.PostgresCluster.ClusterName, b.names.Database()),
	}
}

// restoresItself tells of a platform that asks for its own backups, of which the database is gone.
func (b *builder) restoresItself() bool {
	source := b.Platform.Spec.Database.DataSource
	return source != nil && b.sourceCluster(source) == types.NamespacedName{Namespace: b.names.Namespace, Name: b.names.Database()}
}

// restores are the edges of backups that cross platforms: from where this one begins with
// one, and to those that may begin with one of this.
func (b *builder) restores(p parties) []edge {
	var edges []edge
	ports := []int32{portPgBackRest}
	if source := b.Platform.Spec.Database.DataSource; source != nil && !b.restoresItself() {
		from := b.sourceCluster(source)
		edges = append(edges, edge{from: []party{p.restore}, to: party{namespace: from.Namespace, pods: database(from.Name, labelData, "pgbackrest")}, ports: ports})
	}
	for _, reader := range b.Platform.Spec.Database.Backups.Readers {
		other := naming.Platform{Namespace: reader.Namespace, Name: reader.Name}
		from := party{namespace: other.Namespace, accounts: []string{other.DatabaseInstance()}, pods: database(other.Database(), labelRestore, "")}
		edges = append(edges, edge{from: []party{from}, to: p.repository, ports: ports})
	}
	return edges
}

// repositoryBeyond is the Service by which the mesh knows a repository in another namespace.
func (b *builder) repositoryBeyond() []string {
	source := b.Platform.Spec.Database.DataSource
	if source == nil {
		return nil
	}
	from := b.sourceCluster(source)
	if from.Namespace == b.names.Namespace {
		return nil
	}
	return []string{from.Namespace + "/" + naming.MeshHost(from.Namespace, from.Name+naming.DatabaseMeshSuffix)}
}
