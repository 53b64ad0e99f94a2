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

// Input is all that a plan depends on.
type Input struct {
	// Platform is the object as the user wrote it; its status is read for
	// what status must remember (finished migrations).
	Platform *v1alpha1.BlogPlatform
	// Release is the effective release: what should run now, which is not
	// always what spec.release asks for.
	Release v1alpha1.Release
	// Observed holds the live objects whose fields other controllers write
	// (VirtualServices, DestinationRules, Services, Rollouts).
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

// Plan is everything that a platform needs, in the order of Stages and, within
// a stage, in the order of application.
type Plan struct {
	Children []Child
	// Effective are the values in effect, defaults filled in.
	Effective v1alpha1.EffectiveStatus
	// Digest identifies the set of the four pod templates.
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
