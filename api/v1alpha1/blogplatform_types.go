package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BlogPlatform is one environment of a blog: its database, its mesh policies,
// its certificates, its secrets and its four services.
//
// Its name is the prefix of all its children, whose names must fit into the
// label values and host names that the peers make of them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=bp,categories=all
// +kubebuilder:validation:XValidation:rule=`self.metadata.name.matches('^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$')`,message=`metadata.name must be at most 30 lower-case letters, digits and dashes, starting with a letter and ending with a letter or digit, such as blog: the names of all children are derived from it`
// +kubebuilder:validation:XValidation:rule=`!self.metadata.name.endsWith('-cacert')`,message=`metadata.name must not end in -cacert: Istio takes the Secret of the hosts' certificate, which is named after it, for one that holds an authority only, and serves no certificate`
// +kubebuilder:validation:XValidation:rule=`!has(self.spec.database) || !has(self.spec.database.dataSource) || !has(oldSelf.status) || !has(oldSelf.status.database) || !has(oldSelf.status.database.identity) || (has(oldSelf.spec.database) && has(oldSelf.spec.database.dataSource) && self.spec.database.dataSource == oldSelf.spec.database.dataSource)`,message=`database.dataSource is looked at only when the database is created, and there is one: leave it out or as it is; to restore the database, have the Crunchy operator do it in place, or create another BlogPlatform (docs/restore.md)`,fieldPath=".spec.database.dataSource"
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
	// Retain leaves the PostgresCluster, its volumes and the SealedSecrets in place,
	// and the policies without which the database would be open to its cluster.
	Retain DeletionPolicy = "Retain"
	// Delete removes them too, but only if the annotation
	// blogplatform.io/delete-data names the object.
	Delete DeletionPolicy = "Delete"
)

// BlogPlatformSpec is the environment as it should be.
//
// +kubebuilder:validation:XValidation:rule=`self.environment != 'Production' || self.release.images.frontend.matches('@sha256:[0-9a-f]{64}$')`,message=`release.images.frontend must name a digest in Production, such as registry.example.com/blog/frontend@sha256:<64 hexadecimal digits>: a tag can change what it means`,fieldPath=".release.images.frontend"
// +kubebuilder:validation:XValidation:rule=`self.environment != 'Production' || self.release.images.user.matches('@sha256:[0-9a-f]{64}$')`,message=`release.images.user must name a digest in Production, such as registry.example.com/blog/user@sha256:<64 hexadecimal digits>: a tag can change what it means`,fieldPath=".release.images.user"
// +kubebuilder:validation:XValidation:rule=`self.environment != 'Production' || self.release.images.content.matches('@sha256:[0-9a-f]{64}$')`,message=`release.images.content must name a digest in Production, such as registry.example.com/blog/content@sha256:<64 hexadecimal digits>: a tag can change what it means`,fieldPath=".release.images.content"
// +kubebuilder:validation:XValidation:rule=`self.environment != 'Production' || self.release.images.comment.matches('@sha256:[0-9a-f]{64}$')`,message=`release.images.comment must name a digest in Production, such as registry.example.com/blog/comment@sha256:<64 hexadecimal digits>: a tag can change what it means`,fieldPath=".release.images.comment"
// +kubebuilder:validation:XValidation:rule=`self.?database.?postgresVersion.orValue(17) == oldSelf.?database.?postgresVersion.orValue(17)`,message=`database.postgresVersion cannot change (17 if left out): a major upgrade moves the data, which the operator does not do; create another BlogPlatform and copy the content into its database (docs/restore.md)`,fieldPath=".database.postgresVersion"
// +kubebuilder:validation:XValidation:rule=`(has(self.database) && has(self.database.storage) && has(self.database.storage.storageClassName) ? self.database.storage.storageClassName : "") == (has(oldSelf.database) && has(oldSelf.database.storage) && has(oldSelf.database.storage.storageClassName) ? oldSelf.database.storage.storageClassName : "")`,message=`database.storage.storageClassName cannot change: volumes do not move between classes, so write the present class`,fieldPath=".database.storage.storageClassName"
// +kubebuilder:validation:XValidation:rule=`(has(self.database) && has(self.database.backups) && has(self.database.backups.storage) && has(self.database.backups.storage.storageClassName) ? self.database.backups.storage.storageClassName : "") == (has(oldSelf.database) && has(oldSelf.database.backups) && has(oldSelf.database.backups.storage) && has(oldSelf.database.backups.storage.storageClassName) ? oldSelf.database.backups.storage.storageClassName : "")`,message=`database.backups.storage.storageClassName cannot change: volumes do not move between classes, so write the present class`,fieldPath=".database.backups.storage.storageClassName"
// +kubebuilder:validation:XValidation:rule=`!has(self.promotion) || self.environment == 'Production'`,message=`promotion is for Production only: releases come to it from the Staging platform that promotion.from names; leave it out here`,fieldPath=".promotion"
// +kubebuilder:validation:XValidation:rule=`has(self.identity) == has(self.secrets.oidc)`,message=`identity and secrets.oidc go together: write both, so that people can sign in, or neither`,fieldPath=".secrets.oidc"
// +kubebuilder:validation:XValidation:rule=`(has(self.identity) && has(self.identity.scim)) == has(self.secrets.scim)`,message=`identity.scim and secrets.scim go together: write both, so that locks reach the provider, or neither`,fieldPath=".secrets.scim"
type BlogPlatformSpec struct {
	// environment picks the defaults of size and safety. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`environment cannot change: create another BlogPlatform for the other environment`
	Environment Environment `json:"environment,omitempty"`
	// hosts are the DNS names of the blog. The first is canonical, the others redirect to
	// it. If the namespace has the annotation blogplatform.io/domains, such as
	// "example.com, example.org", each host must be one of these domains or a subdomain. A
	// platform that asks for a host that another one serves stalls.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:XValidation:rule=`self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$')`,message=`hosts must be full lower-case DNS names without wildcard, scheme, port or path, such as blog.example.com`
	Hosts []string `json:"hosts,omitempty"`
	// release is what runs: the one block that CI changes.
	// +required
	Release Release `json:"release,omitzero"`
	// promotion is the gate that a release of Production has to pass: staging has verified
	// it, it has soaked there, and a window is open. Until a release has passed, the
	// current one runs on. Without promotion there is no gate. The first release of a
	// platform always passes, and so does a release that this platform has verified
	// before.
	// +optional
	Promotion Promotion `json:"promotion,omitzero"`
	// identity is the OpenID provider at which people sign in. Without it everybody can
	// read the blog, and nobody can sign in.
	// +optional
	Identity *Identity `json:"identity,omitempty"`
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
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=10
	ImagePullSecrets []SecretReference `json:"imagePullSecrets,omitempty"`
	// rollout says in which steps a new release replaces the old one.
	// +optional
	Rollout Rollout `json:"rollout,omitzero"`
	// deletionPolicy says what happens to data when this object is deleted: Retain (the default) or Delete.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// suspend stops the operator from changing anything for this object; the blog runs on.
	// It also stops deletion: this object, and so its namespace, stays until suspend is
	// false again.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// Release is a version and the four images that make it up.
type Release struct {
	// version is the name of the release, for people and for the history, such as v1.4.2.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')`,message=`release.version must be letters, digits, dashes, underscores and dots, starting and ending with a letter or digit, such as v1.4.2`
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
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$')`,message=`release.images.frontend must be an image reference with a tag or a digest, such as registry.example.com/blog/frontend:v1.4.2 or …/frontend@sha256:<64 hexadecimal digits>`
	Frontend string `json:"frontend,omitempty"`
	// user is the image of the user service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$')`,message=`release.images.user must be an image reference with a tag or a digest, such as registry.example.com/blog/user:v1.4.2 or …/user@sha256:<64 hexadecimal digits>`
	User string `json:"user,omitempty"`
	// content is the image of the content service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$')`,message=`release.images.content must be an image reference with a tag or a digest, such as registry.example.com/blog/content:v1.4.2 or …/content@sha256:<64 hexadecimal digits>`
	Content string `json:"content,omitempty"`
	// comment is the image of the comment service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$')`,message=`release.images.comment must be an image reference with a tag or a digest, such as registry.example.com/blog/comment:v1.4.2 or …/comment@sha256:<64 hexadecimal digits>`
	Comment string `json:"comment,omitempty"`
}

// WindowScope says which changes wait for a window.
//
// +kubebuilder:validation:Enum=Releases;Pods
type WindowScope string

// Releases wait for a window, or also other changes that replace pods.
const (
	WindowsHoldReleases WindowScope = "Releases"
	WindowsHoldPods     WindowScope = "Pods"
)

// Promotion is the gate that a release of Production has to pass.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.windowScope) || has(self.windows)`,message=`promotion.windowScope says what promotion.windows hold: write windows, or leave it out`,fieldPath=".windowScope"
type Promotion struct {
	// from is the BlogPlatform of environment Staging that has to verify exactly these image digests first.
	// +required
	From PlatformReference `json:"from,omitzero"`
	// soakSeconds is how long staging has to run the release without a break after it has
	// verified it. The time starts again from zero if staging serves no users, is
	// suspended, or goes back to an earlier release. Default none.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2592000
	SoakSeconds *int32 `json:"soakSeconds,omitempty"`
	// windows are the times at which a release may begin. It may finish outside of them.
	// Default any time.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Windows []PromotionWindow `json:"windows,omitempty"`
	// windowScope says which changes wait for a window: Releases (the default), or Pods
	// for every other change as well that replaces pods of the services or restarts
	// PostgreSQL. Such a change comes from the spec, such as other resources, or from a
	// new version of the operator. Volumes grow at any time.
	// +optional
	WindowScope WindowScope `json:"windowScope,omitempty"`
}

// PlatformReference names a BlogPlatform of this cluster.
type PlatformReference struct {
	// namespace of the BlogPlatform.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')`,message=`namespace must be the name of a namespace: lower-case letters, digits and dashes, such as blog-staging`
	Namespace string `json:"namespace,omitempty"`
	// name of the BlogPlatform.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=30
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')`,message=`name must be that of a BlogPlatform: lower-case letters, digits and dashes, starting with a letter, such as blog`
	Name string `json:"name,omitempty"`
}

// Day of the week.
//
// +kubebuilder:validation:Enum=Mon;Tue;Wed;Thu;Fri;Sat;Sun
type Day string

// PromotionWindow is a period that recurs every week.
type PromotionWindow struct {
	// days on which it opens.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	Days []Day `json:"days,omitempty"`
	// start is when it opens, in local time of the time zone. If the clocks skip that time
	// on a day, it opens when they go on; if they show it twice, it opens at the first.
	// +required
	// +kubebuilder:validation:MinLength=5
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:XValidation:rule=`self.matches('^([01][0-9]|2[0-3]):[0-5][0-9]$')`,message=`start must be a time of day from 00:00 to 23:59, with two digits each, such as "09:00"`
	Start string `json:"start,omitempty"`
	// durationMinutes is how long it stays open. It may last past midnight.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1440
	DurationMinutes int32 `json:"durationMinutes,omitempty"`
	// timezone is the name of a time zone in the IANA database, such as Asia/Colombo. Default UTC.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Za-z][-+_A-Za-z0-9]*(/[A-Za-z0-9][-+_A-Za-z0-9]*)*$') && self != 'Local'`,message=`timezone must be a name of the IANA time zone database, such as Asia/Colombo or UTC`
	Timezone string `json:"timezone,omitempty"`
}

// Identity is the OpenID provider of an environment, such as Asgardeo.
type Identity struct {
	// issuer is the iss of the provider's tokens, below which its discovery document is
	// found, such as https://api.asgardeo.io/t/acme/oauth2/token. The endpoints that the
	// document names must be on the host of issuer or of scim.baseURL. Immutable, because
	// people are identified by issuer and subject.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https://([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z]([-a-z0-9]{0,61}[a-z0-9])?(:[1-9][0-9]{0,4})?(/[-A-Za-z0-9._~]+)*/?$')`,message=`identity.issuer must be an https URL with a full lower-case DNS name, without query and fragment, such as https://api.asgardeo.io/t/acme/oauth2/token`
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`identity.issuer cannot change, because people are known by issuer and subject: write the present one; to move to another provider, take identity away, move the people (user move), and write the new identity`
	Issuer string `json:"issuer,omitempty"`
	// clientID is the client ID of the blog's application at the provider.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[!-~]+$')`,message=`identity.clientID must be printable ASCII without spaces, as the provider's console shows it`
	ClientID string `json:"clientID,omitempty"`
	// caBundle holds the CA certificates of the provider as PEM. Set it for a private CA.
	// Default the public CAs.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	// +kubebuilder:validation:XValidation:rule=`self.startsWith('-----BEGIN CERTIFICATE-----') && self.contains('-----END CERTIFICATE-----') && !self.contains('PRIVATE KEY')`,message=`identity.caBundle must be PEM certificates, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----, and no private key`
	CABundle string `json:"caBundle,omitempty"`
	// scim is the SCIM2 API by which the blog locks people at the provider. Without it a
	// lock applies to the blog only.
	// +optional
	SCIM *SCIM `json:"scim,omitempty"`
	// bootstrapAdmin is the first Admin.
	// +optional
	BootstrapAdmin *BootstrapAdmin `json:"bootstrapAdmin,omitempty"`
}

// SCIM is the SCIM2 API of a provider (RFC 7644).
type SCIM struct {
	// baseURL is that of the API, such as https://api.asgardeo.io/t/acme/scim2.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https://([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z]([-a-z0-9]{0,61}[a-z0-9])?(:[1-9][0-9]{0,4})?(/[-A-Za-z0-9._~]+)*/?$')`,message=`identity.scim.baseURL must be an https URL with a full lower-case DNS name, without query and fragment, such as https://api.asgardeo.io/t/acme/scim2`
	BaseURL string `json:"baseURL,omitempty"`
	// clientID is the client ID of the application that may manage users.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[!-~]+$')`,message=`identity.scim.clientID must be printable ASCII without spaces, as the provider's console shows it`
	ClientID string `json:"clientID,omitempty"`
}

// BootstrapAdmin is the person who becomes Admin by signing in. Each value promotes once.
type BootstrapAdmin struct {
	// subject is the sub of the person's tokens; at Asgardeo, their user id.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[!-~]+$')`,message=`identity.bootstrapAdmin.subject must be printable ASCII without spaces: the sub of the person's tokens, not their name`
	Subject string `json:"subject,omitempty"`
}

// Secrets are the secret values of an environment, each sealed here or held in a Secret of this namespace.
type Secrets struct {
	// cookies is the key with which the frontend signs its cookies.
	// +required
	Cookies CookiesSecret `json:"cookies,omitzero"`
	// oidc is the secret of the application identity.clientID.
	// +optional
	OIDC *OIDCSecret `json:"oidc,omitempty"`
	// scim is the secret of the application identity.scim.clientID.
	// +optional
	SCIM *SCIMSecret `json:"scim,omitempty"`
}

// OIDCSecret holds the secret of the application identity.clientID, in exactly one of two ways.
//
// +kubebuilder:validation:XValidation:rule=`has(self.sealed) != has(self.secretRef)`,message=`secrets.oidc needs exactly one of sealed (ciphertext made by kubeseal) and secretRef (the name of a Secret of this namespace): write one of them and leave the other out`
type OIDCSecret struct {
	// sealed is the value encrypted for this namespace and the Secret <name>-oidc (strict scope).
	// +optional
	Sealed *SealedOIDC `json:"sealed,omitempty"`
	// secretRef names a Secret of this namespace that has the key "clientSecret".
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
}

// SealedOIDC is the ciphertext of a client secret.
type SealedOIDC struct {
	// clientSecret is the output of kubeseal --raw --scope strict for the secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	// +kubebuilder:validation:XValidation:rule=`self.matches('^Ag[A-Za-z0-9+/]+={0,2}$') && self.size() % 4 == 0`,message=`secrets.oidc.sealed.clientSecret must be the whole output of kubeseal --raw --scope strict: one line of base64 that starts with Ag`
	ClientSecret string `json:"clientSecret,omitempty"`
}

// SCIMSecret holds the secret of the application identity.scim.clientID, in exactly one of two ways.
//
// +kubebuilder:validation:XValidation:rule=`has(self.sealed) != has(self.secretRef)`,message=`secrets.scim needs exactly one of sealed (ciphertext made by kubeseal) and secretRef (the name of a Secret of this namespace): write one of them and leave the other out`
type SCIMSecret struct {
	// sealed is the value encrypted for this namespace and the Secret <name>-scim (strict scope).
	// +optional
	Sealed *SealedSCIM `json:"sealed,omitempty"`
	// secretRef names a Secret of this namespace that has the key "clientSecret".
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
}

// SealedSCIM is the ciphertext of a client secret.
type SealedSCIM struct {
	// clientSecret is the output of kubeseal --raw --scope strict for the secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	// +kubebuilder:validation:XValidation:rule=`self.matches('^Ag[A-Za-z0-9+/]+={0,2}$') && self.size() % 4 == 0`,message=`secrets.scim.sealed.clientSecret must be the whole output of kubeseal --raw --scope strict: one line of base64 that starts with Ag`
	ClientSecret string `json:"clientSecret,omitempty"`
}

// CookiesSecret holds the key with which the frontend signs its cookies, in exactly one of two ways.
//
// +kubebuilder:validation:XValidation:rule=`has(self.sealed) != has(self.secretRef)`,message=`secrets.cookies needs exactly one of sealed (ciphertext made by kubeseal) and secretRef (the name of a Secret of this namespace): write one of them and leave the other out`
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
	// +kubebuilder:validation:XValidation:rule=`self.matches('^Ag[A-Za-z0-9+/]+={0,2}$') && self.size() % 4 == 0`,message=`secrets.cookies.sealed.key must be the whole output of kubeseal --raw --scope strict: one line of base64 that starts with Ag`
	Key string `json:"key,omitempty"`
}

// SecretReference names a Secret of this namespace.
type SecretReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')`,message=`name must be that of a Secret of this namespace: lower-case letters, digits, dashes and dots, without a slash, such as blog-cookies`
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
	// resources of each PostgreSQL instance. Default requests of 100m and 256Mi, and a limit of 1Gi memory.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`!has(self.requests) || self.requests.size() == ['cpu', 'memory', 'ephemeral-storage'].filter(k, k in self.requests).size()`,message=`database.resources.requests may hold cpu, memory and ephemeral-storage: leave out everything else`
	// +kubebuilder:validation:XValidation:rule=`!has(self.limits) || self.limits.size() == ['cpu', 'memory', 'ephemeral-storage'].filter(k, k in self.limits).size()`,message=`database.resources.limits may hold cpu, memory and ephemeral-storage: leave out everything else`
	// +kubebuilder:validation:XValidation:rule=`!has(self.requests) || ['cpu', 'memory', 'ephemeral-storage'].all(k, !(k in self.requests) || quantity(string(self.requests[k])).isGreaterThan(quantity('0')))`,message=`database.resources.requests must be greater than zero, such as cpu: 100m and memory: 128Mi`
	// +kubebuilder:validation:XValidation:rule=`!has(self.limits) || ['cpu', 'memory', 'ephemeral-storage'].all(k, !(k in self.limits) || quantity(string(self.limits[k])).isGreaterThan(quantity('0')))`,message=`database.resources.limits must be greater than zero, such as cpu: 100m and memory: 128Mi`
	// +kubebuilder:validation:XValidation:rule=`!has(self.limits) || !has(self.requests) || ['cpu', 'memory', 'ephemeral-storage'].all(k, !(k in self.limits) || !(k in self.requests) || quantity(string(self.limits[k])).compareTo(quantity(string(self.requests[k]))) >= 0)`,message=`database.resources.limits must not be less than database.resources.requests: raise the limit or lower the request`
	// +kubebuilder:validation:XValidation:rule=`!has(self.claims)`,message=`database.resources.claims is not supported: leave it out, there are no resource claims to refer to`
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// parameters are PostgreSQL settings by name. Those that the Crunchy PostgreSQL
	// operator sets itself (TLS, archiving, sockets) are refused. The default of
	// max_connections suffices for all pods that the services may have during a release;
	// PostgreSQL restarts when it has to grow. The default is never lowered, because
	// running pods may use the connections: set a value to lower it.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=50
	// +kubebuilder:validation:XValidation:rule=`self.all(k, k.size() <= 63 && self[k].size() <= 512)`,message=`database.parameters may have names of at most 63 and values of at most 512 characters`
	// +kubebuilder:validation:XValidation:rule=`!['archive_command', 'archive_mode', 'restore_command', 'ssl', 'ssl_ca_file', 'ssl_cert_file', 'ssl_key_file', 'track_commit_timestamp', 'unix_socket_directories', 'wal_level'].exists(k, k in self)`,message=`database.parameters may not hold archive_command, archive_mode, restore_command, ssl, ssl_ca_file, ssl_cert_file, ssl_key_file, track_commit_timestamp, unix_socket_directories, wal_level: the PostgreSQL operator sets them, leave them out`
	Parameters map[string]string `json:"parameters,omitempty"`
	// storage is the volume of each instance.
	// +optional
	Storage Storage `json:"storage,omitzero"`
	// backups says when pgBackRest copies the database, and to which volume.
	// +optional
	Backups Backups `json:"backups,omitzero"`
	// dataSource is the backup from which the database is created. It is ignored once
	// there is a database or a volume with its data, and may stay in the spec. Default an
	// empty database.
	// +optional
	DataSource *DataSource `json:"dataSource,omitempty"`
}

// DataSource is the backup from which a database is created.
type DataSource struct {
	// postgresCluster is the PostgresCluster that made the backup.
	// +required
	PostgresCluster *PostgresClusterSource `json:"postgresCluster,omitempty"`
	// targetTime is the point in time to restore. Default the last archived change.
	// +optional
	TargetTime *metav1.Time `json:"targetTime,omitempty"`
}

// PostgresClusterSource is a PostgresCluster of the Crunchy operator, with its field
// names. If it belongs to another BlogPlatform, that one has to name this one in
// spec.database.backups.readers.
type PostgresClusterSource struct {
	// clusterName of the PostgresCluster. Default that of this platform, deleted but for
	// its backups.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')`,message=`clusterName must be the name of a PostgresCluster: lower-case letters, digits and dashes, such as blog-db`
	ClusterName string `json:"clusterName,omitempty"`
	// clusterNamespace is its namespace. Default that of this platform.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')`,message=`clusterNamespace must be the name of a namespace: lower-case letters, digits and dashes, such as blog-staging`
	ClusterNamespace string `json:"clusterNamespace,omitempty"`
	// repoName is the backup repository. Default repo1, the one of a BlogPlatform.
	// +optional
	// +kubebuilder:validation:Enum=repo1;repo2;repo3;repo4
	RepoName string `json:"repoName,omitempty"`
}

// Storage is a volume.
type Storage struct {
	// size of the volume. It can grow if the StorageClass allows that. A size below that
	// of the existing volume stalls the platform; a larger size that the volume has not
	// reached may be reverted. Default 1Gi for Staging, 20Gi for Production.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`quantity(string(self)).isGreaterThan(quantity('0'))`,message=`size must be greater than zero, such as 20Gi`
	Size *resource.Quantity `json:"size,omitempty"`
	// storageClassName is the StorageClass; the cluster's default if absent. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')`,message=`storageClassName must be the name of a StorageClass, such as gp3; leave it out for the default class of the cluster`
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
	// storage is the volume of the backup repository. Its size defaults to that of the
	// database, which is enough for small ones only: plan for retentionFull + 2 copies of
	// the data, which pgBackRest compresses to about a third, and for all WAL that is
	// written while the oldest of them is kept. A repository that is full stops backups
	// and, as WAL piles up, the database.
	// +optional
	Storage Storage `json:"storage,omitzero"`
	// readers are the BlogPlatforms that may restore these backups with their
	// spec.database.dataSource. Whoever can edit one of them can read all data of this
	// one.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Readers []PlatformReference `json:"readers,omitempty"`
}

// BackupSchedule has one cron expression for each kind of backup.
type BackupSchedule struct {
	// full backups. Default Sundays at 01:00.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:XValidation:rule=`self.matches('(?i)^([*]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]?)?(,([*]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]?)?)* ([*]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]?)?(,([*]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]?)?)* ([*]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]?)?(,([*]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]?)?)* ([*]|(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(/[1-9][0-9]?)?(,([*]|(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(/[1-9][0-9]?)?)* ([*]|([0-6]|sun|mon|tue|wed|thu|fri|sat)(-([0-6]|sun|mon|tue|wed|thu|fri|sat))?)(/[1-9][0-9]?)?(,([*]|([0-6]|sun|mon|tue|wed|thu|fri|sat)(-([0-6]|sun|mon|tue|wed|thu|fri|sat))?)(/[1-9][0-9]?)?)*$')`,message=`database.backups.schedule.full must be five cron fields (minute, hour, day of month, month, day of week 0-6), such as "0 1 * * 0"`
	Full *string `json:"full,omitempty"`
	// incremental backups. Default the other days at 01:00.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:XValidation:rule=`self.matches('(?i)^([*]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]?)?(,([*]|[0-5]?[0-9](-[0-5]?[0-9])?)(/[1-9][0-9]?)?)* ([*]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]?)?(,([*]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)(/[1-9][0-9]?)?)* ([*]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]?)?(,([*]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)(/[1-9][0-9]?)?)* ([*]|(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(/[1-9][0-9]?)?(,([*]|(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(/[1-9][0-9]?)?)* ([*]|([0-6]|sun|mon|tue|wed|thu|fri|sat)(-([0-6]|sun|mon|tue|wed|thu|fri|sat))?)(/[1-9][0-9]?)?(,([*]|([0-6]|sun|mon|tue|wed|thu|fri|sat)(-([0-6]|sun|mon|tue|wed|thu|fri|sat))?)(/[1-9][0-9]?)?)*$')`,message=`database.backups.schedule.incremental must be five cron fields (minute, hour, day of month, month, day of week 0-6), such as "0 1 * * 1-6"`
	Incremental *string `json:"incremental,omitempty"`
}

// Gateway is the Istio ingress gateway that serves the hosts.
type Gateway struct {
	// namespace of the gateway's pods. The certificate is written there, which the
	// operator's flag --gateway-namespaces must allow. Default istio-ingress.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')`,message=`gateway.namespace must be the name of a namespace: lower-case letters, digits and dashes, such as istio-ingress`
	Namespace string `json:"namespace,omitempty"`
	// service is the gateway's Service. Default istio-ingress.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')`,message=`gateway.service must be the name of a Service: lower-case letters, digits and dashes, such as istio-ingress`
	Service string `json:"service,omitempty"`
	// serviceAccount of the gateway's pods, which the frontend admits. Default istio-ingress.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')`,message=`gateway.serviceAccount must be the name of a ServiceAccount: lower-case letters, digits and dashes, such as istio-ingress`
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// selector finds the gateway's pods. Default istio: ingressgateway.
	// +optional
	// +kubebuilder:validation:MaxProperties=10
	// +kubebuilder:validation:XValidation:rule=`self.size() > 0`,message=`gateway.selector must hold a label of the gateway's pods, such as istio: ingressgateway; leave it out for that default`
	// +kubebuilder:validation:XValidation:rule=`self.all(k, k.size() > 0 && k.size() <= 317 && self[k].size() <= 63)`,message=`gateway.selector must hold labels: names of at most 317 and values of at most 63 characters`
	Selector map[string]string `json:"selector,omitempty"`
	// httpsPort is the port that browsers use. Default 443.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +kubebuilder:validation:XValidation:rule=`self != 80`,message=`gateway.httpsPort must not be 80, where plain HTTP is redirected from: write the port that browsers use for HTTPS, such as 443`
	HTTPSPort *int32 `json:"httpsPort,omitempty"`
	// trustedHops is how many proxies between readers and the frontend append to
	// X-Forwarded-For, including the gateway. Rate limits apply to the address that the
	// first of these proxies appends. A load balancer that forwards TCP connections
	// appends none if it sends the address to the gateway by proxy protocol; a content
	// delivery network appends one. If the number is too high, readers can forge their
	// address; if it is too low, all readers share one limit. Default 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	TrustedHops *int32 `json:"trustedHops,omitempty"`
}

// TLS says who signs the certificate of the hosts.
type TLS struct {
	// issuerRef names the cert-manager issuer.
	// +required
	IssuerRef IssuerReference `json:"issuerRef,omitzero"`
	// deletionPolicy says what happens to the Secret with the key pair, in the gateway's
	// namespace, when this object is deleted. Default Delete. With Retain a platform that
	// is created again uses the same certificate, which spares the rate limit of the CA.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// IssuerReference names a cert-manager issuer. Because the certificate lives in
// the gateway's namespace, an Issuer is looked up there.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.group) && self.group != 'cert-manager.io') || self.kind in ['Issuer', 'ClusterIssuer']`,message=`tls.issuerRef.kind must be Issuer or ClusterIssuer; for an external issuer write its API group in tls.issuerRef.group`,fieldPath=".kind"
type IssuerReference struct {
	// kind of the issuer: Issuer, ClusterIssuer or the kind of an external issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[A-Z][A-Za-z0-9]*$')`,message=`tls.issuerRef.kind must be the kind of an issuer, such as ClusterIssuer`
	Kind string `json:"kind,omitempty"`
	// name of the issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')`,message=`tls.issuerRef.name must be the name of an issuer: lower-case letters, digits, dashes and dots, such as letsencrypt`
	Name string `json:"name,omitempty"`
	// group of an external issuer. Default cert-manager.io.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')`,message=`tls.issuerRef.group must be an API group, such as cert-manager.io`
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
//
// +kubebuilder:validation:XValidation:rule=`!(has(self.replicas) && has(self.autoscaling))`,message=`a service has either replicas, a fixed number of pods, or autoscaling, which follows their load: leave one of them out`
// +kubebuilder:validation:XValidation:rule=`!has(self.autoscaling) || !has(self.resources) || (has(self.resources.requests) && 'cpu' in self.resources.requests) || (has(self.resources.limits) && 'cpu' in self.resources.limits)`,message=`autoscaling follows the use of cpu in relation to what is requested: add cpu to resources.requests, such as cpu: 100m`
type Service struct {
	// replicas is a fixed number of pods. Default 1 for Staging, 2 for Production.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Replicas *int32 `json:"replicas,omitempty"`
	// autoscaling lets the number of pods follow their load, in place of replicas. It needs metrics-server in the cluster.
	// +optional
	Autoscaling *Autoscaling `json:"autoscaling,omitempty"`
	// resources of the service's own container. Default requests of 50m and 64Mi, and a limit of 256Mi memory.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`!has(self.requests) || self.requests.size() == ['cpu', 'memory', 'ephemeral-storage'].filter(k, k in self.requests).size()`,message=`resources.requests may hold cpu, memory and ephemeral-storage: leave out everything else`
	// +kubebuilder:validation:XValidation:rule=`!has(self.limits) || self.limits.size() == ['cpu', 'memory', 'ephemeral-storage'].filter(k, k in self.limits).size()`,message=`resources.limits may hold cpu, memory and ephemeral-storage: leave out everything else`
	// +kubebuilder:validation:XValidation:rule=`!has(self.requests) || ['cpu', 'memory', 'ephemeral-storage'].all(k, !(k in self.requests) || quantity(string(self.requests[k])).isGreaterThan(quantity('0')))`,message=`resources.requests must be greater than zero, such as cpu: 100m and memory: 128Mi`
	// +kubebuilder:validation:XValidation:rule=`!has(self.limits) || ['cpu', 'memory', 'ephemeral-storage'].all(k, !(k in self.limits) || quantity(string(self.limits[k])).isGreaterThan(quantity('0')))`,message=`resources.limits must be greater than zero, such as cpu: 100m and memory: 128Mi`
	// +kubebuilder:validation:XValidation:rule=`!has(self.limits) || !has(self.requests) || ['cpu', 'memory', 'ephemeral-storage'].all(k, !(k in self.limits) || !(k in self.requests) || quantity(string(self.limits[k])).compareTo(quantity(string(self.requests[k]))) >= 0)`,message=`resources.limits must not be less than resources.requests: raise the limit or lower the request`
	// +kubebuilder:validation:XValidation:rule=`!has(self.claims)`,message=`resources.claims is not supported: leave it out, there are no resource claims to refer to`
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// nodeSelector restricts the nodes on which pods may run.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=20
	// +kubebuilder:validation:XValidation:rule=`self.all(k, k.size() > 0 && k.size() <= 317 && self[k].size() <= 63)`,message=`nodeSelector must hold labels of nodes: names of at most 317 and values of at most 63 characters`
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// tolerations let pods run on tainted nodes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:XValidation:rule=`!has(self.operator) || self.operator in ['Exists', 'Equal']`,message=`tolerations: operator must be Exists or Equal`
	// +kubebuilder:validation:items:XValidation:rule=`!has(self.effect) || self.effect in ['NoSchedule', 'PreferNoSchedule', 'NoExecute']`,message=`tolerations: effect must be NoSchedule, PreferNoSchedule or NoExecute; leave it out for all`
	// +kubebuilder:validation:items:XValidation:rule=`!has(self.operator) || self.operator != 'Exists' || !has(self.value)`,message=`tolerations: operator Exists takes no value: leave value out, or write operator Equal`
	// +kubebuilder:validation:items:XValidation:rule=`has(self.key) || (has(self.operator) && self.operator == 'Exists')`,message=`tolerations: a toleration without key tolerates everything and needs operator Exists: write the key of a taint`
	// +kubebuilder:validation:items:XValidation:rule=`!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')`,message=`tolerations: tolerationSeconds needs effect NoExecute`
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// topologySpread spreads pods over zones and nodes. Without a label selector a
	// constraint applies to the pods of the service, and without matchLabelKeys to those
	// of one release. Without nodeTaintsPolicy, nodes whose taints the pods do not
	// tolerate are ignored.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:XValidation:rule=`self.maxSkew > 0`,message=`topologySpread: maxSkew must be 1 or more`
	// +kubebuilder:validation:items:XValidation:rule=`self.topologyKey.size() > 0 && self.topologyKey.size() <= 317`,message=`topologySpread: topologyKey must be a label of nodes, such as topology.kubernetes.io/zone`
	// +kubebuilder:validation:items:XValidation:rule=`self.whenUnsatisfiable in ['DoNotSchedule', 'ScheduleAnyway']`,message=`topologySpread: whenUnsatisfiable must be DoNotSchedule or ScheduleAnyway`
	TopologySpread []corev1.TopologySpreadConstraint `json:"topologySpread,omitempty"`
}

// Autoscaling sets the number of pods by their load: the service's own container,
// without the sidecar, uses 75% of the cpu that it requests.
//
// +kubebuilder:validation:XValidation:rule=`self.min <= self.max`,message=`autoscaling.min must not be more than autoscaling.max`
type Autoscaling struct {
	// min is the minimum number of pods.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Min int32 `json:"min,omitempty"`
	// max is the maximum number of pods.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Max int32 `json:"max,omitempty"`
}

// Rollout says in which steps a new release replaces the old one, and what it
// must achieve on the way. Before the first step the pods of the new release
// are checked without readers; after the last they get all traffic and are
// analyzed once more.
type Rollout struct {
	// steps of the canary, in order. Default for Production 5%, 20% and 50% with an analysis after each; for Staging none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:XValidation:rule=`self.size() > 0`,message=`rollout.steps must hold a step: leave steps out for the default, or write [{weight: 100}] for no canary`
	// +kubebuilder:validation:XValidation:rule=`self.filter(s, has(s.weight)).map(s, s.weight).isSorted()`,message=`rollout.steps must not lower the weight: write the weights in ascending order, such as 20, 50`
	Steps []RolloutStep `json:"steps,omitempty"`
	// analysis says how a new release is judged.
	// +optional
	Analysis Analysis `json:"analysis,omitzero"`
	// progressDeadlineSeconds is how long a release may make no progress (no step done, no
	// further pod ready) before all services are rolled back. The planned time of a pause,
	// an analysis, a migration or Verify is added. Time in which the operator did not run,
	// or the release was paused, does not count. Default 300.
	// +optional
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=3600
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`
	// migrationDeadlineSeconds is how long the migration of one schema may run, all its
	// attempts together, before it is stopped. Raise it for a migration that rewrites a
	// large table. A release whose migrations were stopped three times is retried on
	// request only. Default 900.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	MigrationDeadlineSeconds *int32 `json:"migrationDeadlineSeconds,omitempty"`
}

// Analysis says how the pods of a new release are judged. A Job in the mesh sends them
// an even load of requests, so that an idle environment can be judged, too. With
// prometheus, its metrics judge all requests that the pods answered, and whether the
// pods stayed ready; missing metrics are never a success, and halt the rollout.
// Without it, the Job judges the answers that it got.
type Analysis struct {
	// prometheus is the address of a Prometheus that scrapes the pods of this
	// namespace, such as http://prometheus.monitoring.svc:9090, as the Argo Rollouts
	// controller can reach it. Default none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches('^https?://[^/?#@{}]+(/[^?#{}]*)?$')`,message=`rollout.analysis.prometheus must be an address without credentials, such as http://prometheus.monitoring.svc:9090`
	Prometheus string `json:"prometheus,omitempty"`
	// minSuccessPercent is the minimum percentage of answers with a status below 500.
	// Default 99.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MinSuccessPercent *int32 `json:"minSuccessPercent,omitempty"`
	// maxP99Milliseconds is the maximum 99th percentile of response times. Default 500.
	// +optional
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=7500
	MaxP99Milliseconds *int32 `json:"maxP99Milliseconds,omitempty"`
	// minRequests is the minimum number of requests in a measurement. The load sends twice
	// as many in that time. Default 20 for Staging, 50 for Production.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MinRequests *int32 `json:"minRequests,omitempty"`
	// durationSeconds is the period that a measurement covers, at least four times the
	// scrape interval of Prometheus. The load lasts twice as long, and three measurements
	// in a row must succeed. Default 30 for Staging, 60 for Production.
	// +optional
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=3600
	DurationSeconds *int32 `json:"durationSeconds,omitempty"`
}

// RolloutStep has exactly one field.
//
// +kubebuilder:validation:XValidation:rule=`[has(self.weight), has(self.pauseSeconds), has(self.analysis)].filter(is, is).size() == 1`,message=`rollout.steps: each step needs exactly one of weight, pauseSeconds and analysis: write a step for each`
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
	// analysis judges the new release by rollout.analysis. Write {}.
	// +optional
	Analysis *AnalysisStep `json:"analysis,omitempty"`
}

// AnalysisStep has no fields: rollout.analysis applies to all of them.
type AnalysisStep struct{}
