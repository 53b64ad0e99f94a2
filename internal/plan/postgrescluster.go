package plan

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// postgresCluster is the part of the Crunchy operator's PostgresCluster
// (v1beta1) that the plan sets. Each field is in the CRD of both its lines, 5
// and 6, and means the same there.
type postgresCluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              postgresClusterSpec `json:"spec"`
}

type postgresClusterSpec struct {
	PostgresVersion  int32                         `json:"postgresVersion"`
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	Instances        []postgresInstances           `json:"instances"`
	Users            []postgresUser                `json:"users"`
	DatabaseInitSQL  keyReference                  `json:"databaseInitSQL"`
	Patroni          patroni                       `json:"patroni"`
	DataSource       *dataSource                   `json:"dataSource,omitempty"`
	Backups          postgresBackups               `json:"backups"`
}

type dataSource struct {
	PostgresCluster clusterSource `json:"postgresCluster"`
}

type clusterSource struct {
	ClusterName      string                      `json:"clusterName"`
	ClusterNamespace string                      `json:"clusterNamespace"`
	RepoName         string                      `json:"repoName"`
	Options          []string                    `json:"options,omitempty"`
	Resources        corev1.ResourceRequirements `json:"resources"`
}

type postgresInstances struct {
	Name                string                           `json:"name"`
	Replicas            int32                            `json:"replicas"`
	Resources           corev1.ResourceRequirements      `json:"resources"`
	DataVolumeClaimSpec corev1.PersistentVolumeClaimSpec `json:"dataVolumeClaimSpec"`
}

type postgresUser struct {
	Name      string   `json:"name"`
	Databases []string `json:"databases"`
	Options   string   `json:"options"`
}

type keyReference struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

type patroni struct {
	DynamicConfiguration dynamicConfiguration `json:"dynamicConfiguration"`
}

type dynamicConfiguration struct {
	PostgreSQL postgresConfiguration `json:"postgresql"`
}

type postgresConfiguration struct {
	Parameters map[string]string `json:"parameters"`
}

type postgresBackups struct {
	PGBackRest pgBackRest `json:"pgbackrest"`
}

type pgBackRest struct {
	Global   map[string]string `json:"global"`
	RepoHost podResources      `json:"repoHost"`
	Jobs     podResources      `json:"jobs"`
	Repos    []pgBackRestRepo  `json:"repos"`
}

type podResources struct {
	Resources corev1.ResourceRequirements `json:"resources"`
}

type pgBackRestRepo struct {
	Name      string          `json:"name"`
	Schedules backupSchedules `json:"schedules"`
	Volume    repoVolume      `json:"volume"`
}

type backupSchedules struct {
	Full        string `json:"full"`
	Incremental string `json:"incremental"`
}

type repoVolume struct {
	VolumeClaimSpec corev1.PersistentVolumeClaimSpec `json:"volumeClaimSpec"`
}
