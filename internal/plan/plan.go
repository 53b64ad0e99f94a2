package plan

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
)

// Stage is a step on the way to a running blog. A stage holds the first
// creation of the next one until it is ready.
type Stage string

// The stages, in order.
const (
	StageSecrets    Stage = "Secrets"
	StageMesh       Stage = "Mesh"
	StageDatabase   Stage = "Database"
	StageMigrations Stage = "Migrations"
	StageWorkloads  Stage = "Workloads"
	StageVerify     Stage = "Verify"
)

// Stages lists the stages in order.
var Stages = []Stage{StageSecrets, StageMesh, StageDatabase, StageMigrations, StageWorkloads, StageVerify}

// Input is all that a plan depends on. It is never modified.
type Input struct {
	// Platform is the object as the user wrote it; of its status nothing is read.
	Platform *v1alpha1.BlogPlatform
	// Release is the effective release: what the workloads should run now, which is
	// not always what spec.release asks for. Migrations are always those of spec.release.
	Release v1alpha1.Release
	// Observed holds the live objects whose fields other controllers write:
	// VirtualServices, DestinationRules and Rollouts. Others are ignored.
	Observed []*unstructured.Unstructured
}

// Child is one object that the platform needs.
type Child struct {
	// Object is complete but for the ownerReference, which apply adds where it may.
	Object *unstructured.Unstructured
	// Stage in which it is applied.
	Stage Stage
	// Retain marks an object that carries data (PostgresCluster, SealedSecret):
	// it gets no ownerReference and is never pruned.
	Retain bool
	// Gates is false for an object that is applied in its stage but whose
	// readiness holds nothing back (the Certificate of public hosts).
	Gates bool
	// SecretKeys are, for a SealedSecret, the keys that its Secret must have.
	SecretKeys []string
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
	// Digest identifies the set of the four pod templates in Children, Target
	// the set that spec.release would give; they are equal unless an earlier release is effective.
	Digest, Target string
}

// Problem is a spec that cannot be realised without a change to it. The
// controller reports it as Stalled and does not retry.
type Problem struct {
	Reason  string // CamelCase, for the condition
	Message string // names the field and the next action
}

// Error makes a Problem an error.
func (p *Problem) Error() string { return p.Message }

// Build plans the whole platform. An error is a *Problem, or a defect of this package.
func Build(in Input) (Plan, error) {
	b := newBuilder(in)
	if b.values.gateway.namespace == b.names.Namespace {
		return Plan{}, &Problem{Reason: "GatewayNotApart", Message: "spec.gateway.namespace is the platform's own namespace, whose policies close it to readers: name the namespace of an ingress gateway elsewhere"}
	}
	b.secrets()
	b.accounts()
	b.mesh()
	b.network()
	b.ingress()
	b.routes()
	b.database()
	b.migrations()
	b.workloads()
	b.verify()
	return b.plan()
}
