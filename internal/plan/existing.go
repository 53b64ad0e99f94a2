package plan

import (
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Labels of volume claims of a PostgresCluster (postgres-operator internal/naming/labels.go).
const (
	labelRole       = "postgres-operator.crunchydata.com/role"
	labelRepoVolume = "postgres-operator.crunchydata.com/pgbackrest-volume"
	roleData        = "pgdata"
)

// defaultClass stands for a StorageClass that is not named.
const defaultClass = "the cluster's default"

// databaseProblem is what keeps the spec from holding for the data that there
// is. The rules of the CRD compare with the spec before: a platform that was
// deleted and created again has none, and of a size it tells what was asked for
// and not what there is.
func (b *builder) databaseProblem() *Problem {
	live := b.Database
	if live == nil {
		return b.backupsAlone()
	}
	if !b.names.Owns(live.GetLabels()) {
		return nil // it is not written, either
	}
	v := b.values.database
	version, _, _ := unstructured.NestedInt64(live.Object, "spec", "postgresVersion")
	if version != 0 && version != int64(v.postgresVersion) {
		return b.mismatch("postgresVersion", strconv.Itoa(int(v.postgresVersion)), strconv.FormatInt(version, 10))
	}
	data, backups := b.volumeSizes()
	for _, set := range objects(live.Object, "spec", "instances") {
		if problem := b.volumeProblem("storage", set, v.size, data, v.class, "dataVolumeClaimSpec"); problem != nil {
			return problem
		}
	}
	for _, repo := range objects(live.Object, "spec", "backups", "pgbackrest", "repos") {
		if problem := b.volumeProblem("backups.storage", repo, v.backupSize, backups, v.backupClass, "volume", "volumeClaimSpec"); problem != nil {
			return problem
		}
	}
	return nil
}

// volumeSizes are the sizes below which the volumes of instances and of the
// repository cannot go; zero where there are none. A claim that cannot grow asks
// for more than it has, and one of a big volume may ask for less.
func (b *builder) volumeSizes() (data, backups resource.Quantity) {
	for _, claim := range b.Volumes {
		size := claim.Status.Capacity[corev1.ResourceStorage]
		if asks := claim.Spec.Resources.Requests[corev1.ResourceStorage]; asks.Cmp(size) < 0 {
			size = asks
		}
		_, repo := claim.Labels[labelRepoVolume]
		switch {
		case claim.DeletionTimestamp != nil:
		case repo && size.Cmp(backups) > 0:
			backups = size
		case claim.Labels[labelRole] == roleData && size.Cmp(data) > 0:
			data = size
		}
	}
	return data, backups
}

// volumeProblem compares volumes with what they would become. They may only grow.
// While none is bound yet, the PostgresCluster says how big they are.
func (b *builder) volumeProblem(field string, of map[string]any, size, has resource.Quantity, class *string, claim ...string) *Problem {
	liveClass, _, _ := unstructured.NestedString(of, append(claim, "storageClassName")...)
	if wanted := valueOr(class, ""); liveClass != wanted {
		return b.mismatch(field+".storageClassName", or(wanted, defaultClass), or(liveClass, defaultClass))
	}
	if has.IsZero() {
		text, _, _ := unstructured.NestedString(of, append(claim, "resources", "requests", "storage")...)
		has, _ = resource.ParseQuantity(or(text, "0"))
	}
	if size.Cmp(has) < 0 {
		return b.mismatch(field+".size", size.String(), has.String())
	}
	return nil
}

func (b *builder) mismatch(field, wanted, live string) *Problem {
	action := "write " + live
	if live == defaultClass {
		action = "leave it out"
	}
	return &Problem{Reason: "DatabaseMismatch", Message: fmt.Sprintf("spec.database.%s: it is %s, and PostgresCluster %s/%s, which holds data, has %s: %s",
		field, wanted, b.names.Namespace, b.names.Database(), live, action)}
}

// backupsAlone keeps an empty database from being made over the backups of another one.
func (b *builder) backupsAlone() *Problem {
	if b.restoresItself() || slices.ContainsFunc(b.Volumes, holdsData) {
		return nil // it goes on with that
	}
	backups := slices.IndexFunc(b.Volumes, func(claim corev1.PersistentVolumeClaim) bool {
		_, found := claim.Labels[labelRepoVolume]
		return found && claim.DeletionTimestamp == nil
	})
	if backups < 0 {
		return nil
	}
	return &Problem{Reason: "BackupsWithoutDatabase", Message: fmt.Sprintf(
		"PersistentVolumeClaim %s/%s holds backups of a database that is gone, and another one would be made over them: write spec.database.dataSource: {postgresCluster: {}} to begin with them (docs/restore.md), or delete the claim",
		b.names.Namespace, b.Volumes[backups].Name)}
}

// keepConnections plans no fewer connections than the database allows now, unless
// the spec says how many. Pods that an autoscaler has not taken away yet would be cut
// off, and PostgreSQL restarts for it.
func (b *builder) keepConnections() {
	const setting = "max_connections"
	if _, written := b.Platform.Spec.Database.Parameters[setting]; written || b.Database == nil || !b.names.Owns(b.Database.GetLabels()) {
		return
	}
	live, _, _ := unstructured.NestedFieldNoCopy(b.Database.Object, "spec", "patroni", "dynamicConfiguration", "postgresql", "parameters", setting)
	has, err := strconv.Atoi(fmt.Sprint(live))
	wants, _ := strconv.Atoi(b.values.database.parameters[setting])
	if err == nil && has > wants {
		b.values.database.parameters[setting] = strconv.Itoa(has)
	}
}
