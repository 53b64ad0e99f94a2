package naming

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// Service is one of the four workloads.
type Service string

// The workloads. Frontend is the only one behind the ingress gateway.
const (
	Frontend Service = "frontend"
	User     Service = "user"
	Content  Service = "content"
	Comment  Service = "comment"
)

// Services are all workloads, DataServices those with a database.
var (
	Services     = []Service{Frontend, User, Content, Comment}
	DataServices = []Service{User, Content, Comment}
)

// Labels of children and pods. They are part of selectors, so they never change.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelNamespace = "blogplatform.io/namespace"
	// LabelInstance names the platform on pods and on children that it controls.
	LabelInstance = "app.kubernetes.io/instance"
	// LabelPlatform names the platform on children that have no controller.
	LabelPlatform = "blogplatform.io/platform"
	LabelName     = "app.kubernetes.io/name"

	ManagedBy = "blogplatform"
)

// Annotations of a BlogPlatform and of its children.
const (
	// AnnotationData marks a child that carries data, with the value retain.
	AnnotationData = "blogplatform.io/data"
	// AnnotationDeleteData on a BlogPlatform names the object itself to confirm
	// that deletionPolicy Delete may remove its data.
	AnnotationDeleteData = "blogplatform.io/delete-data"
	// AnnotationCookies in the frontend's pod template is a hash of the sealed
	// cookie key, so that another key is another release.
	AnnotationCookies = "blogplatform.io/cookies"
	// AnnotationIdentity in the user service's pod template is a hash of what it
	// reads of the identity provider from files: another value restarts it.
	AnnotationIdentity = "blogplatform.io/identity"
	// AnnotationRequest on a BlogPlatform asks the operator to pause, resume, abort
	// or retry a release: "<verb> <version>", and a third word of any kind to
	// ask for the same once more. Each value is honored once.
	AnnotationRequest = "blogplatform.io/request"
	// AnnotationPromotionOverride on a BlogPlatform lets a release through a gate that
	// is closed: "<version> <reason>". It is used once; to write it takes the verb override.
	AnnotationPromotionOverride = "blogplatform.io/promotion-override"
	// AnnotationDomains on a Namespace lists, separated by commas, the domains of
	// which its platforms may claim hosts: themselves and what is below them.
	AnnotationDomains = "blogplatform.io/domains"
	// AnnotationRestored on a PostgresCluster says that somebody has restored its data by
	// other means than the Crunchy operator, which nothing else tells. Each value is another restore.
	AnnotationRestored = "blogplatform.io/restored"
	// AnnotationSet on a Rollout names the set of pod templates that its own is of.
	AnnotationSet = "blogplatform.io/set"
)

// Finalizer keeps a BlogPlatform until its children are gone.
const Finalizer = "blogplatform.io/children"

// Platform names the children of one BlogPlatform, whose name has at most 30
// characters (a rule of its CRD).
type Platform struct{ Namespace, Name string }

// Of names the children of the BlogPlatform with that key.
func Of(key types.NamespacedName) Platform { return Platform{key.Namespace, key.Name} }

// Workload is the name of a service's Rollout, Service, ServiceAccount,
// DestinationRule, VirtualService, Sidecar, PodDisruptionBudget,
// HorizontalPodAutoscaler and policies.
func (p Platform) Workload(s Service) string { return p.Name + "-" + string(s) }

// ServiceOf is the service whose workload has a name; empty if none has.
func (p Platform) ServiceOf(workload string) Service {
	for _, service := range Services {
		if p.Workload(service) == workload {
			return service
		}
	}
	return ""
}

// Host is the name by which pods dial a service.
func (p Platform) Host(s Service) string { return p.Workload(s) + "." + p.Namespace + ".svc" }

// Canary is the Service before the newest pods of a service, which Argo Rollouts selects.
func (p Platform) Canary(s Service) string { return p.Workload(s) + "-canary" }

// Verify is the name of the Verify Job's ServiceAccount, Sidecar and policies.
func (p Platform) Verify() string { return p.Name + "-verify" }

// Load is the name of the ServiceAccount, Sidecar and policies of the Jobs that send
// requests to a canary.
func (p Platform) Load() string { return p.Name + "-load" }

// Precheck is the AnalysisTemplate of a canary before it gets readers.
func (p Platform) Precheck() string { return p.Name + "-precheck" }

// Analysis is the AnalysisTemplate of a canary that has readers.
func (p Platform) Analysis() string { return p.Name + "-analysis" }

// FrontendCheck is the VirtualService by which the mesh, and not a reader, reaches the frontend.
func (p Platform) FrontendCheck() string { return p.Workload(Frontend) + "-check" }

// CookiesSecret is the SealedSecret, and the Secret made of it, with the key of cookies.
func (p Platform) CookiesSecret() string { return p.Name + "-cookies" }

// KeyOfCookies is the key in the Secret of cookies.
const KeyOfCookies = "key"

// OIDCSecret is the SealedSecret, and the Secret made of it, of the blog's
// application at its identity provider.
func (p Platform) OIDCSecret() string { return p.Name + "-oidc" }

// SCIMSecret is the same of the application that manages users there.
func (p Platform) SCIMSecret() string { return p.Name + "-scim" }

// KeyOfClientSecret is the key in both.
const KeyOfClientSecret = "clientSecret"

// Identity is the ServiceEntry and the NetworkPolicy of the way to the identity provider.
func (p Platform) Identity() string { return p.Name + "-identity" }

// Authority is the ConfigMap with a CA bundle of the identity provider, by the hash of that.
func (p Platform) Authority(hash string) string { return p.Identity() + "-" + hash }

// TokenIssuer is the iss of the tokens that the user service signs.
func (p Platform) TokenIssuer() string { return "blogplatform://" + p.Namespace + "/" + p.Name }

// Database is the name of the PostgresCluster.
func (p Platform) Database() string { return p.Name + "-db" }

// DatabaseInstances is the instance set of the PostgresCluster. It is part of
// the names of volumes and never changes.
const DatabaseInstances = "instance"

// DatabaseRole is the PostgreSQL role and the database of a service. It does
// not depend on the platform, so that a backup restores into any of them.
func DatabaseRole(s Service) string { return "blog-" + string(s) }

// DatabaseSecret is the Secret in which the Crunchy operator puts the
// credentials of a service's role (key password).
func (p Platform) DatabaseSecret(s Service) string {
	return p.Database() + "-pguser-" + DatabaseRole(s)
}

// DatabaseCertificate is the Secret with the authority of PostgreSQL's certificate (key ca.crt).
func (p Platform) DatabaseCertificate() string { return p.Database() + "-cluster-cert" }

// DatabaseHost is the host name of the leader, which PostgreSQL's certificate names.
func (p Platform) DatabaseHost() string { return p.Database() + "-primary." + p.Namespace + ".svc" }

// DatabaseInstance is the ServiceAccount of PostgreSQL's instances, which the Crunchy operator makes.
func (p Platform) DatabaseInstance() string { return p.Database() + "-instance" }

// DatabaseRepository is the name of the policies of the backup repository.
func (p Platform) DatabaseRepository() string { return p.Database() + "-repo" }

// DatabaseRepositoryAccounts are the ServiceAccounts that the backup repository
// may have: one of its own since version 5.7 of the Crunchy operator, before
// that the default one of the namespace.
func (p Platform) DatabaseRepositoryAccounts() []string {
	return []string{p.Database() + "-repohost", "default"}
}

// DatabaseRestore is the name of the policies of the pods that restore a backup, which have the account of an instance.
func (p Platform) DatabaseRestore() string { return p.Database() + "-restore" }

// DatabaseMeshSuffix follows the name of a PostgresCluster in that of its [Platform.DatabaseMesh].
const DatabaseMeshSuffix = "-mesh"

// DatabaseMesh is the Service that names the ports of PostgreSQL's pods to the mesh.
func (p Platform) DatabaseMesh() string { return p.Database() + DatabaseMeshSuffix }

// DatabaseInit is the ConfigMap with the SQL that runs once.
func (p Platform) DatabaseInit() string { return p.Database() + "-init" }

// Certificate is the name of the Certificate, and of the Secret made of it, in
// the gateway's namespace. A namespace has no dots, so no two platforms share it.
func (p Platform) Certificate() string { return p.Namespace + "." + p.Name }

// Redirect is the VirtualService that sends HTTP to HTTPS and hosts to the canonical one.
func (p Platform) Redirect() string { return p.Name + "-redirect" }

// Strict is the PeerAuthentication of the namespace.
func (p Platform) Strict() string { return p.Name + "-strict" }

// Deny is the policies that allow nothing: what is allowed is said by others.
func (p Platform) Deny() string { return p.Name + "-deny" }

// Proxies is the NetworkPolicy of what each pod in the mesh needs.
func (p Platform) Proxies() string { return p.Name + "-proxies" }

// DatabaseAPI is the NetworkPolicy that lets PostgreSQL's pods reach the Kubernetes API, name servers and istiod.
func (p Platform) DatabaseAPI() string { return p.Database() + "-api" }

// Phases of migrations.
const (
	// PhaseExpand adds what a release needs; the previous one does not notice.
	PhaseExpand = "expand"
	// PhaseContract removes what only releases before it needed.
	PhaseContract = "contract"
)

// Migration is the name of the Job that runs a phase of a service's migrations
// with an image on a database. A database of another identity gets Jobs of its
// own; it is empty while none is known.
func (p Platform) Migration(s Service, phase, image, database string) string {
	parts := []string{phase, image}
	if database != "" {
		parts = append(parts, database)
	}
	return p.Workload(s) + "-" + phase + "-" + Hash(parts...)
}

// Migrations is the NetworkPolicy of the pods of all migrations.
func (p Platform) Migrations() string { return p.Name + "-migrations" }

// MigrationScope is the Sidecar of the pods of a service's migrations.
func (p Platform) MigrationScope(s Service) string { return p.Workload(s) + "-migration" }

// VerifyJob is the name of the Job that verifies the set with that digest. Each
// attempt has one of its own, so that no verdict is taken for that of another.
func (p Platform) VerifyJob(digest string, attempt int64) string {
	return p.Verify() + "-" + digest + "-" + strconv.FormatInt(attempt, 10)
}

// Set is the name of the ControllerRevision that keeps the set with that digest.
func (p Platform) Set(digest string) string { return p.Name + "-set-" + digest }

// Principal is the SPIFFE identity, without scheme, of a ServiceAccount in the
// mesh, as an AuthorizationPolicy writes it. The cluster's trust domain is the
// default, cluster.local.
func Principal(namespace, serviceAccount string) string {
	return "cluster.local/ns/" + namespace + "/sa/" + serviceAccount
}

// MeshHosts stands for all Services of a namespace.
func MeshHosts(namespace string) string { return "*." + namespace + ".svc.cluster.local" }

// MeshHost is the full name of a Service, by which the mesh knows it. The
// cluster's domain is the default, cluster.local.
func MeshHost(namespace, service string) string {
	return service + "." + namespace + ".svc.cluster.local"
}

// Labels are those of pods, and of children that the platform controls.
func (p Platform) Labels() map[string]string {
	return map[string]string{LabelManagedBy: ManagedBy, LabelInstance: p.Name, LabelNamespace: p.Namespace}
}

// UnownedLabels are those of children without a controller: data, and what lies
// in other namespaces. They leave out app.kubernetes.io/instance: Argo CD, which
// tracks by that label, takes an object without an owner for a part of the
// Application of that name, and prunes it; so does `kubectl delete -l`.
func (p Platform) UnownedLabels() map[string]string {
	return map[string]string{LabelManagedBy: ManagedBy, LabelPlatform: p.Name, LabelNamespace: p.Namespace}
}

// ListLabels select the children of all platforms of the namespace. Owns tells which are this one's.
func (p Platform) ListLabels() map[string]string {
	return map[string]string{LabelManagedBy: ManagedBy, LabelNamespace: p.Namespace}
}

// Owns tells whether an object with those labels is a child of the platform.
func (p Platform) Owns(labels map[string]string) bool {
	owner, ok := OwnerOf(labels)
	return ok && owner == types.NamespacedName(p)
}

// OwnerOf is the platform of a child with those labels, whatever namespace it is in.
func OwnerOf(labels map[string]string) (owner types.NamespacedName, ok bool) {
	name := cmp.Or(labels[LabelPlatform], labels[LabelInstance])
	owner = types.NamespacedName{Namespace: labels[LabelNamespace], Name: name}
	return owner, labels[LabelManagedBy] == ManagedBy && owner.Namespace != "" && owner.Name != ""
}

// Selector finds the pods of a service.
func (p Platform) Selector(s Service) map[string]string {
	return map[string]string{LabelInstance: p.Name, LabelName: string(s)}
}

// MigrationSelector finds the pods of a service's migrations. They are not those
// of Selector, so that no Service sends them requests.
func (p Platform) MigrationSelector(s Service) map[string]string {
	return map[string]string{LabelInstance: p.Name, LabelName: string(s) + "-migration"}
}

// ServiceMigratedBy is the service whose schema a Job with these labels migrates;
// empty if it migrates none.
func (p Platform) ServiceMigratedBy(labels map[string]string) Service {
	for _, service := range DataServices {
		if labels[LabelName] == p.MigrationSelector(service)[LabelName] {
			return service
		}
	}
	return ""
}

// VerifySelector finds the pods of Verify Jobs.
func (p Platform) VerifySelector() map[string]string {
	return map[string]string{LabelInstance: p.Name, LabelName: "verify"}
}

// MetricLoad is the metric of an analysis that sends requests to a canary, and
// the name of the container that does so.
const MetricLoad = "load"

// LoadSelector finds the pods of the Jobs that send requests to a canary.
func (p Platform) LoadSelector() map[string]string {
	return map[string]string{LabelInstance: p.Name, LabelName: "load"}
}

// Hash is a short name for parts that are too long for one: 10 hexadecimal digits.
func Hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])[:10]
}
