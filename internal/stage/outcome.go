package stage

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
)

// Outcome is the state of one requirement after the writes: of a child, or of
// something that somebody else has to provide.
type Outcome struct {
	// Condition that reports it.
	Condition string
	// Gates tells whether it blocks the next stage until it is ready.
	Gates bool
	// Child is empty for what somebody else provides.
	Child   plan.Child
	Live    *unstructured.Unstructured
	Verdict ready.Verdict
}

// Kind of the child; empty for what somebody else provides.
func (o Outcome) Kind() string {
	if o.Child.Object == nil {
		return ""
	}
	return o.Child.Object.GetKind()
}

// Result is what the writes of one reconcile came to.
type Result struct {
	Outcomes []Outcome
	// Remaining are the inventory lines of the children that a deletion waits for.
	Remaining []string
	// Poll is true if something is awaited that sends no event.
	Poll bool
	// Errs are the errors after which the reconcile is retried.
	Errs []error
}

// ConditionOf is the condition that reports a child.
func ConditionOf(child plan.Child) string {
	if child.Object.GetKind() == "Certificate" {
		return v1alpha1.ConditionCertificatesReady
	}
	return map[plan.Stage]string{
		plan.StageSecrets:    v1alpha1.ConditionSecretsReady,
		plan.StageMesh:       v1alpha1.ConditionMeshReady,
		plan.StageDatabase:   v1alpha1.ConditionDatabaseReady,
		plan.StageContract:   v1alpha1.ConditionMigrationsReady,
		plan.StageMigrations: v1alpha1.ConditionMigrationsReady,
		plan.StageWorkloads:  v1alpha1.ConditionWorkloadsReady,
		plan.StageVerify:     v1alpha1.ConditionReady,
	}[child.Stage]
}

// BlockedBy is the condition of the first outcome that blocks the next stage; empty if none does.
func BlockedBy(outcomes []Outcome) string {
	for _, o := range outcomes {
		if o.Gates && !o.Verdict.Good() {
			return o.Condition
		}
	}
	return ""
}
