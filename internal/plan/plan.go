package plan

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// Stage is a step on the way to a running blog. A stage holds the first
// creation of the next one until it is ready.
type Stage string

// The stages, in order.
const (
	StageSecrets    Stage = "Secrets"
	StageMesh       Stage = "Mesh"
	StageDatabase   Stage = "Database"
	StageContract   Stage = "Contract"
	StageMigrations Stage = "Migrations"
	StageWorkloads  Stage = "Workloads"
	StageVerify     Stage = "Verify"
)

// Stages lists the stages in order.
var Stages = []Stage{StageSecrets, StageMesh, StageDatabase, StageContract, StageMigrations, StageWorkloads, StageVerify}

// Input is all that a plan depends on. It is never modified.
type Input struct {
	// Platform is the object as the user wrote it; of its status nothing is read.
	Platform *v1alpha1.BlogPlatform
	// Release is what is worked towards, which is not always what spec.release asks for.
	Release v1alpha1.Release
	// Run is how far it has come. Its zero value is that of one that is done.
	Run Run
	// Observed holds the live objects whose fields other controllers write
	// (VirtualServices, DestinationRules, Services and Rollouts), and those that tell
	// which hosts may be served by HTTPS (the Gateway and the Certificate). Others are ignored.
	Observed []*unstructured.Unstructured
	// Database is the PostgresCluster that there is, nil if there is none, and
	// Volumes are the volume claims of a PostgresCluster of its name. What they
	// hold is never overwritten.
	Database *unstructured.Unstructured
	Volumes  []corev1.PersistentVolumeClaim
	// HoldDatabase leaves out of that PostgresCluster what would restart it.
	HoldDatabase bool
}

// Run is how far a release has come, and so what the services run.
type Run struct {
	// Target is the set that is worked towards; nil is what Release is under the present spec.
	Target *Set
	// Data and Frontend are the sets that the data services and the frontend run; nil is the target.
	Data, Frontend *Set
	// Contract is the release whose contract migrations run before the target's own: the one before it.
	Contract *v1alpha1.Release
	// Good is the set that was verified last, to which the release may go back; nil
	// before the first.
	Good *Set
	// Kept are the ControllerRevisions that hold sets to go back to.
	Kept []*unstructured.Unstructured
	// Attempt numbers the attempts at releases.
	Attempt int64
	// Short are services whose current pods serve nobody: they take no steps that protect readers.
	Short []naming.Service
	// Direct leaves out the steps of the Rollouts.
	Direct bool
	// WithoutMigrations and WithoutVerify leave out what the target may not do any more, or not yet.
	WithoutMigrations, WithoutVerify bool
	// Committing is true from the commit of a release until it is done, and on the way back.
	Committing bool
	// Paused are the services that halt where they are.
	Paused []naming.Service
}

// Child is one object that the platform needs.
type Child struct {
	// Object is complete but for the ownerReference, which apply adds where it may.
	Object *unstructured.Unstructured
	// Stage in which it is applied.
	Stage Stage
	// Retain marks an object that carries data (PostgresCluster, SealedSecret), or
	// without which the database would be open or could not run (its policies and
	// its Service): it gets no ownerReference and is never pruned.
	Retain bool
	// Gates is false for an object that is applied in its stage but whose
	// readiness holds nothing back (the Certificate of public hosts).
	Gates bool
	// SecretKeys are, for a SealedSecret, the keys that its Secret must have.
	SecretKeys []string
}

// HoldsData tells of a child that cannot be made again from the spec.
func (c Child) HoldsData() bool {
	kind := c.Object.GetKind()
	return c.Retain && (kind == "PostgresCluster" || kind == "SealedSecret")
}

// SecretUse is a Secret of the user's own that the spec refers to, and the keys that it must have.
type SecretUse struct {
	Name string
	Keys []string
}

// Plan is everything that a platform needs, in the order of Stages and, within
// a stage, in the order of application.
type Plan struct {
	Children []Child
	// Secrets must exist in the platform's namespace; nobody here writes them.
	Secrets []SecretUse
	// Effective are the values in effect, defaults filled in.
	Effective v1alpha1.EffectiveStatus
	// Host is the one that readers are led to.
	Host string
	// Digest identifies the set of pod templates that is worked towards.
	Digest string
}

// Problem is a spec that cannot be realised without a change to it. The
// controller reports it as Stalled and does not retry.
type Problem struct {
	Reason  string // CamelCase, for the condition
	Message string // names the field and the next action
}

// Error makes a Problem an error.
func (p *Problem) Error() string { return p.Message }

// Preparations are what must be done before a pod of the target may start: its
// set is kept, and the migrations have run.
func Preparations(in Input) ([]Child, error) {
	b := newBuilder(in)
	b.setTarget()
	b.sets()
	b.migrations()
	return b.children, errors.Join(b.errs...)
}

// Rollouts are what the services run now with the secrets that they mount, and nothing
// else of the platform: a spec that cannot be realised does not keep a release from its way.
func Rollouts(in Input) ([]Child, error) {
	b := newBuilder(in)
	b.setTarget()
	b.secrets()
	b.authorities()
	for _, service := range naming.Services {
		b.gate(StageWorkloads, b.rollout(service))
	}
	b.carry()
	return b.children, errors.Join(b.errs...)
}

// Build plans the whole platform. An error is a *Problem, or a defect of this package.
func Build(in Input) (Plan, error) {
	b := newBuilder(in)
	if b.values.gateway.namespace == b.names.Namespace {
		return Plan{}, &Problem{Reason: "GatewayNotApart", Message: "spec.gateway.namespace is the platform's own namespace, whose policies close it to readers: name the namespace of an ingress gateway elsewhere"}
	}
	if problem := b.databaseProblem(); problem != nil {
		return Plan{}, problem
	}
	b.setTarget()
	b.secrets()
	b.authorities()
	b.accounts()
	b.mesh()
	b.network()
	b.identity()
	b.ingress()
	b.routes()
	b.database()
	b.sets()
	b.migrations()
	b.workloads()
	b.verify()
	return b.plan()
}
