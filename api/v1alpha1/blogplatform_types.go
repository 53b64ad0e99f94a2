package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BlogPlatform is one environment of a blog: its database, its mesh policies,
// its certificates, its secrets and its four services.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=bp,categories=all
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Release",type=string,JSONPath=`.status.release.current.version`
// +kubebuilder:printcolumn:name="Rollout",type=string,JSONPath=`.status.release.rollout`
// +kubebuilder:printcolumn:name="Database",type=string,JSONPath=`.status.database.summary`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=10,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type BlogPlatform struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the environment as it should be.
	// +required
	Spec BlogPlatformSpec `json:"spec,omitzero"`
	// status is the environment as the operator found it.
	// +optional
	Status BlogPlatformStatus `json:"status,omitzero"`
}

// BlogPlatformList is a list of BlogPlatforms.
//
// +kubebuilder:object:root=true
type BlogPlatformList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BlogPlatform `json:"items"`
}

// Environment picks the defaults of size and safety.
//
// +kubebuilder:validation:Enum=Staging;Production
type Environment string

// The environments.
const (
	Staging    Environment = "Staging"
	Production Environment = "Production"
)

// DeletionPolicy says what happens to data when the BlogPlatform is deleted.
//
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

// The deletion policies.
const (
	// Retain leaves the PostgresCluster, its volumes and the SealedSecrets in place.
	Retain DeletionPolicy = "Retain"
	// Delete removes them too, but only if the annotation
	// blogplatform.io/delete-data names the object.
	Delete DeletionPolicy = "Delete"
)

// BlogPlatformSpec is the environment as it should be.
type BlogPlatformSpec struct {
	// environment picks the defaults of size and safety. Immutable.
	// +required
	Environment Environment `json:"environment,omitempty"`
	// hosts are the DNS names of the blog. The first is canonical, the others
	// redirect to it.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=253
	Hosts []string `json:"hosts,omitempty"`
	// release is what runs: the one block that CI changes.
	// +required
	Release Release `json:"release,omitzero"`
	// secrets are the values that nobody but the workloads may read.
	// +required
	Secrets Secrets `json:"secrets,omitzero"`
	// database is the PostgreSQL of this environment.
	// +optional
	Database Database `json:"database,omitzero"`
	// gateway is the Istio ingress gateway that serves the hosts.
	// +optional
	Gateway Gateway `json:"gateway,omitzero"`
	// tls says who signs the certificate of the hosts.
	// +required
	TLS TLS `json:"tls,omitzero"`
	// services are the four workloads.
	// +optional
	Services Services `json:"services,omitzero"`
	// imagePullSecrets are Secrets of this namespace with the credentials of the image registry.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	// rollout says in which steps a new release replaces the old one.
	// +optional
	Rollout Rollout `json:"rollout,omitzero"`
	// deletionPolicy says what happens to data when this object is deleted: Retain (the default) or Delete.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// suspend stops the operator from changing anything for this object; what runs goes on running.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// Release is a version and the four images that make it up.
type Release struct {
	// version is the name of the release, for people and for the history, such as v1.4.2.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Version string `json:"version,omitempty"`
	// images are the container images of the release.
	// +required
	Images Images `json:"images,omitzero"`
}

// Images are the container image references of the four services. Production
// accepts digests (name@sha256:…) only.
type Images struct {
	// frontend is the image of the service behind the ingress gateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Frontend string `json:"frontend,omitempty"`
	// user is the image of the user service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	User string `json:"user,omitempty"`
	// content is the image of the content service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Content string `json:"content,omitempty"`
	// comment is the image of the comment service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Comment string `json:"comment,omitempty"`
}

// Secrets are the secret values of an environment, each sealed here or held in a Secret of this namespace.
type Secrets struct {
	// cookies is the key with which the frontend signs its cookies.
	// +required
	Cookies CookiesSecret `json:"cookies,omitzero"`
}

// CookiesSecret holds the key with which the frontend signs its cookies, in exactly one of two ways.
type CookiesSecret struct {
	// sealed is the value encrypted for this namespace and the Secret <name>-cookies (strict scope).
	// +optional
	Sealed *SealedCookies `json:"sealed,omitempty"`
	// secretRef names a Secret of this namespace that has the key "key".
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
}

// SealedCookies is the ciphertext of the cookie key.
type SealedCookies struct {
	// key is the output of kubeseal --raw --scope strict for 32 or more random bytes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	Key string `json:"key,omitempty"`
}

// SecretReference names a Secret of this namespace.
type SecretReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// Database is the PostgreSQL of an environment, run by the Crunchy PostgreSQL operator.
type Database struct {
	// postgresVersion is the major version of PostgreSQL. It can be raised by the operator's
	// upgrade procedure only, so a change here is refused. Default 17.
	// +optional
	// +kubebuilder:validation:Minimum=14
	// +kubebuilder:validation:Maximum=18
	PostgresVersion *int32 `json:"postgresVersion,omitempty"`
	// replicas is the number of PostgreSQL instances, the leader among them. Default 1 for Staging, 2 for Production.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=9
	Replicas *int32 `json:"replicas,omitempty"`
	// resources of each PostgreSQL instance.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// parameters are PostgreSQL settings by name.
	// +optional
	// +kubebuilder:validation:MaxProperties=50
	Parameters map[string]string `json:"parameters,omitempty"`
	// storage is the volume of each instance.
	// +optional
	Storage Storage `json:"storage,omitzero"`
	// backups says when pgBackRest copies the database, and to which volume.
	// +optional
	Backups Backups `json:"backups,omitzero"`
}

// Storage is a volume.
type Storage struct {
	// size of the volume. It can grow, never shrink. Default 1Gi for Staging, 20Gi for Production.
	// +optional
	Size *resource.Quantity `json:"size,omitempty"`
	// storageClassName is the StorageClass; the cluster's default if absent. Immutable.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClassName *string `json:"storageClassName,omitempty"`
}

// Backups are scheduled pgBackRest backups.
type Backups struct {
	// schedule says when, in cron format, UTC.
	// +optional
	Schedule BackupSchedule `json:"schedule,omitzero"`
	// retentionFull is the number of full backups that are kept. Default 2 for Staging, 4 for Production.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=365
	RetentionFull *int32 `json:"retentionFull,omitempty"`
	// storage is the volume of the backup repository. Its size defaults to that of the database.
	// +optional
	Storage Storage `json:"storage,omitzero"`
}

// BackupSchedule has one cron expression for each kind of backup.
type BackupSchedule struct {
	// full backups. Default Sundays at 01:00.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Full *string `json:"full,omitempty"`
	// incremental backups. Default the other days at 01:00.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Incremental *string `json:"incremental,omitempty"`
}

// Gateway is the Istio ingress gateway that serves the hosts.
type Gateway struct {
	// namespace of the gateway's pods. The certificate is written there. The operator
	// must be allowed to (its flag --gateway-namespaces). Default istio-ingress.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// service is the gateway's Service. Default istio-ingress.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Service string `json:"service,omitempty"`
	// serviceAccount of the gateway's pods, which the frontend admits. Default istio-ingress.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// selector finds the gateway's pods. Default istio: ingressgateway.
	// +optional
	// +kubebuilder:validation:MaxProperties=10
	Selector map[string]string `json:"selector,omitempty"`
	// httpsPort is the port that browsers use. Default 443.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	HTTPSPort *int32 `json:"httpsPort,omitempty"`
}

// TLS says who signs the certificate of the hosts.
type TLS struct {
	// issuerRef names the cert-manager issuer.
	// +required
	IssuerRef IssuerReference `json:"issuerRef,omitzero"`
}

// IssuerReference names a cert-manager issuer. Because the certificate lives in
// the gateway's namespace, an Issuer is looked up there.
type IssuerReference struct {
	// kind of the issuer: Issuer, ClusterIssuer or the kind of an external issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`
	// name of the issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// group of an external issuer. Default cert-manager.io.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`
}

// Services are the four workloads.
type Services struct {
	// frontend renders the pages; the only service behind the ingress gateway.
	// +optional
	Frontend Service `json:"frontend,omitzero"`
	// user holds people and their roles.
	// +optional
	User Service `json:"user,omitzero"`
	// content holds posts.
	// +optional
	Content Service `json:"content,omitzero"`
	// comment holds comments.
	// +optional
	Comment Service `json:"comment,omitzero"`
}

// Service is the size and placement of one workload.
type Service struct {
	// replicas is the number of pods. Default 1 for Staging, 2 for Production.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Replicas *int32 `json:"replicas,omitempty"`
	// resources of the service's own container.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// nodeSelector restricts the nodes on which pods may run.
	// +optional
	// +kubebuilder:validation:MaxProperties=20
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// tolerations let pods run on tainted nodes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// topologySpread spreads pods over zones and nodes. The label selector may be left out: the service's own pods are meant.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	TopologySpread []corev1.TopologySpreadConstraint `json:"topologySpread,omitempty"`
}

// Rollout says in which steps a new release replaces the old one.
type Rollout struct {
	// steps of the canary, in order. Default for Production 20%, a pause of 30 s, 50%, a pause of 30 s; for Staging none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Steps []RolloutStep `json:"steps,omitempty"`
}

// RolloutStep is exactly one of its fields.
type RolloutStep struct {
	// weight is the share of traffic in percent that the new release gets from here on.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Weight *int32 `json:"weight,omitempty"`
	// pauseSeconds is how long to wait.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	PauseSeconds *int32 `json:"pauseSeconds,omitempty"`
}
