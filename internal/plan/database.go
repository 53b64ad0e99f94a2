package plan

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"blogplatform.io/operator/internal/naming"
)

// Ports of PostgreSQL's pods: PostgreSQL, Patroni's REST API and pgBackRest's TLS server.
const (
	portPostgres   = 5432
	portPatroni    = 8008
	portPgBackRest = 8432
)

// labelCluster is on every pod that the Crunchy operator makes for a PostgresCluster.
const labelCluster = "postgres-operator.crunchydata.com/cluster"

// initKey is the key of the init ConfigMap.
const initKey = "init.sql"

// initSQL closes every database to roles that were not granted it: by default
// PostgreSQL lets all of them connect anywhere. Replication keeps the one
// database that pg_rewind opens when a former leader rejoins.
const initSQL = `\set ON_ERROR_STOP on
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', datname)
  FROM pg_catalog.pg_database ORDER BY datname
\gexec
SELECT format('GRANT CONNECT ON DATABASE postgres TO %I', rolname)
  FROM pg_catalog.pg_roles WHERE rolreplication AND NOT rolsuper ORDER BY rolname
\gexec
`

// roleOptions take from a service's role what it was not given, even if
// somebody grants it by hand.
const roleOptions = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"

// database is PostgreSQL, and what it needs before it starts.
func (b *builder) database() {
	b.keep(StageDatabase, &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: b.meta(b.names.DatabaseInit()),
		Data:       map[string]string{initKey: initSQL},
	})
	b.keep(StageDatabase, b.databaseMesh())
	cluster := b.convert(b.postgresCluster())
	if b.HoldDatabase && b.Database != nil {
		keepRunning(cluster, b.Database)
	}
	b.keep(StageDatabase, cluster)
}

// databaseMesh names the ports of PostgreSQL's pods. The Crunchy operator's own
// headless Service has none, so the mesh would send replication in plaintext,
// which strict peers refuse. Replicas need it before they are ready.
func (b *builder) databaseMesh() *corev1.Service {
	port := func(name string, number int32) corev1.ServicePort {
		return corev1.ServicePort{Name: name, Port: number, TargetPort: intstr.FromInt32(number), Protocol: corev1.ProtocolTCP}
	}
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: b.meta(b.names.DatabaseMesh()),
		Spec: corev1.ServiceSpec{
			ClusterIP:                corev1.ClusterIPNone,
			PublishNotReadyAddresses: true,
			Selector:                 map[string]string{labelCluster: b.names.Database()},
			Ports: []corev1.ServicePort{
				port("tcp-postgres", portPostgres), port("tcp-patroni", portPatroni), port("tcp-pgbackrest", portPgBackRest),
			},
		},
	}
}

func (b *builder) postgresCluster() *postgresCluster {
	v := b.values.database
	cluster := &postgresCluster{
		TypeMeta:   metav1.TypeMeta{APIVersion: "postgres-operator.crunchydata.com/v1beta1", Kind: "PostgresCluster"},
		ObjectMeta: b.meta(b.names.Database()),
		Spec: postgresClusterSpec{
			PostgresVersion:  v.postgresVersion,
			ImagePullSecrets: b.pullSecrets(),
			// The Crunchy operator spreads instances over nodes and zones by itself.
			Instances: []postgresInstances{{
				Name: naming.DatabaseInstances, Replicas: v.replicas, Resources: v.resources,
				DataVolumeClaimSpec: claim(v.size, v.class),
			}},
			Patroni:         patroni{DynamicConfiguration: dynamicConfiguration{PostgreSQL: postgresConfiguration{Parameters: v.parameters}}},
			DataSource:      b.dataSource(),
			DatabaseInitSQL: keyReference{Name: b.names.DatabaseInit(), Key: initKey},
			Backups:         postgresBackups{PGBackRest: b.pgBackRest()},
		},
	}
	for _, service := range naming.DataServices {
		role := naming.DatabaseRole(service)
		cluster.Spec.Users = append(cluster.Spec.Users, postgresUser{Name: role, Databases: []string{role}, Options: roleOptions})
	}
	return cluster
}

func (b *builder) pgBackRest() pgBackRest {
	v := b.values.database
	small := podResources{Resources: requests("10m", "64Mi")}
	return pgBackRest{
		Global: map[string]string{
			"repo1-retention-full":      strconv.Itoa(int(v.retentionFull)),
			"repo1-retention-full-type": "count",
			// The platform waits for its first backup, which need not wait for the next checkpoint.
			"start-fast": "y",
		},
		RepoHost: small,
		Jobs:     small,
		Repos: []pgBackRestRepo{{
			Name:      "repo1",
			Schedules: backupSchedules{Full: v.fullSchedule, Incremental: v.incrSchedule},
			Volume:    repoVolume{VolumeClaimSpec: claim(v.backupSize, v.backupClass)},
		}},
	}
}

func claim(size resource.Quantity, class *string) corev1.PersistentVolumeClaimSpec {
	return corev1.PersistentVolumeClaimSpec{
		AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		StorageClassName: class,
		Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
	}
}
