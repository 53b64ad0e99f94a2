package ready

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// labelRepoVolume is on the volume claims of backup repositories, and on no other
// (postgres-operator internal/naming/labels.go).
const labelRepoVolume = "postgres-operator.crunchydata.com/pgbackrest-volume"

// Volumes judges whether the volumes of a PostgresCluster have the size that its
// spec asks for. The Postgres operator goes on as if nothing were wrong when a
// volume cannot grow; it only sets the conditions PersistentVolumeResizing and
// PersistentVolumeResizeError (v1beta1, the latter since 5.8). Claims without a
// volume are left out.
func Volumes(cluster *unstructured.Unstructured, claims []corev1.PersistentVolumeClaim) Verdict {
	claims = slices.Clone(claims)
	slices.SortFunc(claims, func(a, b corev1.PersistentVolumeClaim) int { return strings.Compare(a.Name, b.Name) })
	verdict := Verdict{State: Ready, Reason: "VolumesGrown"}
	for i := range claims {
		v := volume(cluster, &claims[i])
		if v.State == Failed || v.State == Progressing && verdict.State == Ready {
			verdict = v
		}
		if v.State == Failed {
			break
		}
	}
	return verdict
}

func volume(cluster *unstructured.Unstructured, claim *corev1.PersistentVolumeClaim) Verdict {
	field, wanted := wantedSize(cluster, claim)
	has := claim.Status.Capacity[corev1.ResourceStorage]
	if has.IsZero() || claim.DeletionTimestamp != nil || wanted.Cmp(has) <= 0 {
		return Verdict{State: Ready}
	}
	what := fmt.Sprintf("PersistentVolumeClaim %s/%s has %s, and spec.%s asks for %s", claim.Namespace, claim.Name, has.String(), field, wanted.String())
	if why := notGrown(cluster, claim); why != "" {
		return Verdict{Failed, "VolumeNotGrown", fmt.Sprintf("%s: %s; write %s again, or let its StorageClass allow expansion", what, why, has.String())}
	}
	return Verdict{Progressing, "VolumeGrowing", what + "; look at the events of the claim if it takes long"}
}

// wantedSize is what the spec of the cluster asks for, and the field of the
// BlogPlatform that says so. The plan makes one set of instances and one repository.
func wantedSize(cluster *unstructured.Unstructured, claim *corev1.PersistentVolumeClaim) (field string, size resource.Quantity) {
	field, of := "database.storage.size", list(cluster.Object, "spec", "instances")
	path := []string{"dataVolumeClaimSpec", "resources", "requests", "storage"}
	if _, repo := claim.Labels[labelRepoVolume]; repo {
		field, of = "database.backups.storage.size", list(cluster.Object, "spec", "backups", "pgbackrest", "repos")
		path = []string{"volume", "volumeClaimSpec", "resources", "requests", "storage"}
	}
	if len(of) > 0 {
		size, _ = resource.ParseQuantity(cmp.Or(text(of[0], path...), "0"))
	}
	return field, size
}

// notGrown is why a volume does not grow; empty while it may.
func notGrown(cluster *unstructured.Unstructured, claim *corev1.PersistentVolumeClaim) string {
	for _, c := range claim.Status.Conditions {
		failed := c.Type == corev1.PersistentVolumeClaimControllerResizeError || c.Type == corev1.PersistentVolumeClaimNodeResizeError
		if failed && c.Status == corev1.ConditionTrue {
			return said(string(c.Type) + ": " + c.Message)
		}
	}
	switch status := claim.Status.AllocatedResourceStatuses[corev1.ResourceStorage]; status {
	case corev1.PersistentVolumeClaimControllerResizeInfeasible, corev1.PersistentVolumeClaimNodeResizeInfeasible:
		return string(status)
	}
	c := condition(cluster, "PersistentVolumeResizeError")
	if !is(c, "True") {
		c = condition(cluster, "PersistentVolumeResizing")
		if !is(c, "False") {
			return ""
		}
	}
	return said(text(c, "reason") + ": " + text(c, "message"))
}
