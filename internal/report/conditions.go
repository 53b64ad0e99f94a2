package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/stage"
)

// parts are the conditions of the parts of a platform, in the order in which
// they are created; the first that is not ready is the one to look at.
var parts = []string{
	v1alpha1.ConditionSecretsReady, v1alpha1.ConditionMeshReady, v1alpha1.ConditionDatabaseReady,
	v1alpha1.ConditionMigrationsReady, v1alpha1.ConditionWorkloadsReady, v1alpha1.ConditionCertificatesReady,
}

// order of conditions in a status.
var order = append([]string{v1alpha1.ConditionReady, v1alpha1.ConditionAvailable, v1alpha1.ConditionReconciling,
	v1alpha1.ConditionStalled, v1alpha1.ConditionSuspended, v1alpha1.ConditionPromotable, v1alpha1.ConditionPromotionAllowed},
	append(slices.Clone(parts), v1alpha1.ConditionBackupsFailing, v1alpha1.ConditionIdentityReady)...)

// condition is one condition of this report.
type condition struct {
	name, reason, message string
	status                metav1.ConditionStatus
	// failed marks what does not pass by itself.
	failed bool
	// warning marks what works now and will fail later if nobody acts.
	warning bool
}

// of a generation of the spec, as the API has it. Its message is cut to fit.
func (c condition) of(generation int64, now time.Time) metav1.Condition {
	return metav1.Condition{Type: c.name, Status: c.status, Reason: c.reason, Message: message.Fit(message.MaxCondition, c.message),
		ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now).Rfc3339Copy()}
}

func find(conditions []condition, name string) condition {
	i := slices.IndexFunc(conditions, func(c condition) bool { return c.name == name })
	if i < 0 {
		return condition{}
	}
	return conditions[i]
}

func conditionFrom(name string, v ready.Verdict) condition {
	c := condition{name: name, status: metav1.ConditionFalse, reason: v.Reason, message: v.Message, failed: v.State == ready.Failed}
	switch v.State {
	case ready.Ready:
		c.status = metav1.ConditionTrue
	case ready.Warning:
		c.status, c.warning = metav1.ConditionTrue, true
	case ready.Unknown:
		c.status = metav1.ConditionUnknown
	}
	return c
}

// merge keeps the time of the last transition where nothing changed.
func (r reporter) merge(before []metav1.Condition, now []condition) []metav1.Condition {
	merged := slices.Clone(before)
	for _, c := range now {
		meta.SetStatusCondition(&merged, c.of(r.Platform.Generation, r.Now))
	}
	merged = slices.DeleteFunc(merged, func(m metav1.Condition) bool {
		return !slices.ContainsFunc(now, func(c condition) bool { return c.name == m.Type })
	})
	slices.SortFunc(merged, byOrder)
	return merged
}

func byOrder(a, b metav1.Condition) int {
	return slices.Index(order, a.Type) - slices.Index(order, b.Type)
}

// withGate adds Promotable or PromotionAllowed to condition types, if the platform has one of them.
func (r reporter) withGate(types ...string) []string {
	if gate := r.gateCondition(); gate != "" {
		return append(slices.Clone(types), gate)
	}
	return types
}

// gateCondition is the condition by which a platform takes part in promotions;
// empty if it takes no part.
func (r reporter) gateCondition() string {
	switch {
	case r.Platform.Spec.Environment == v1alpha1.Staging:
		return v1alpha1.ConditionPromotable
	case promote.Gated(r.Platform):
		return v1alpha1.ConditionPromotionAllowed
	}
	return ""
}

// conditions of the platform. Reconciling, Stalled, Suspended and BackupsFailing are
// present only when true, IdentityReady only if there is an identity provider.
func (r reporter) conditions() []condition {
	switch {
	case r.deleting():
		return r.deletingConditions()
	case r.Course.Problem != nil:
		return r.stalledConditions()
	}
	all := []condition{r.available()}
	for _, part := range parts {
		all = append(all, conditionFrom(part, r.worst(part)))
	}
	if r.gateCondition() == v1alpha1.ConditionPromotionAllowed {
		all = append(all, r.promotionAllowed())
	}
	backups := r.backupsFailing()
	isReady := r.ready(all[1:], backups...)
	if r.gateCondition() == v1alpha1.ConditionPromotable {
		all = append(all, r.promotable())
	}
	all = append(append(all, isReady), backups...)
	all = append(all, r.identity()...)
	switch {
	case r.suspended():
		all = append(all, condition{name: v1alpha1.ConditionSuspended, status: metav1.ConditionTrue, reason: ReasonSuspended,
			message: "spec.suspend is true: nothing is changed until it is not"})
	case isReady.status != metav1.ConditionTrue:
		all = append(all, condition{name: v1alpha1.ConditionReconciling, status: metav1.ConditionTrue, reason: isReady.reason, message: isReady.message})
	}
	return all
}

// available tells whether users are served, whatever the spec asks for.
func (r reporter) available() condition {
	var missing []string
	for _, service := range naming.Services {
		rollout := r.State.Rollout(r.names, service)
		if rollout == nil || fields.Int32(rollout, "status", "availableReplicas") == 0 {
			missing = append(missing, "no pod of "+r.names.Workload(service)+" is available; look at its Rollout")
		}
	}
	if instances, _ := r.State.DatabaseInstances(); instances == 0 {
		missing = append(missing, "no instance of "+r.names.Database()+" is ready; look at its PostgresCluster")
	}
	if problem := r.certificateProblem(); problem != "" {
		missing = append(missing, problem)
	}
	if len(missing) > 0 {
		return condition{name: v1alpha1.ConditionAvailable, status: metav1.ConditionFalse, reason: ReasonNotServing, message: message.Join(missing)}
	}
	return condition{name: v1alpha1.ConditionAvailable, status: metav1.ConditionTrue, reason: ReasonServing, message: "users are served at " + r.url()}
}

// worst sums up the outcomes that a condition reports: the worst verdict, with the
// messages of all that are as bad.
func (r reporter) worst(name string) ready.Verdict {
	worst := ready.Verdict{State: ready.Ready, Reason: ReasonReady}
	var messages []string
	for _, o := range r.Result.Outcomes {
		if o.Condition != name {
			continue
		}
		if rank(o.Verdict) < rank(worst) {
			worst, messages = o.Verdict, nil
		}
		if rank(o.Verdict) == rank(worst) && o.Verdict.Message != "" {
			messages = append(messages, o.Verdict.Message)
		}
	}
	if rank(worst) == rankReady {
		worst.Message = r.readyMessage(name)
		return worst
	}
	worst.Message = message.Join(messages)
	return worst
}

// rankReady is the rank of a verdict with nothing to act on.
const rankReady = 5

// rank orders verdicts: the first is the one to act on first.
func rank(v ready.Verdict) int {
	switch {
	case v.State == ready.Failed:
		return 0
	case v.State == ready.Unknown:
		return 1
	case v.Reason == stage.ReasonWaiting || v.Reason == stage.ReasonNextInLine:
		return 3
	case v.State == ready.Warning:
		return 4
	case v.State == ready.Ready:
		return rankReady
	}
	return 2
}

// readyMessage is the message of a condition if everything that it reports is ready.
func (r reporter) readyMessage(name string) string {
	switch name {
	case v1alpha1.ConditionSecretsReady:
		return "every Secret is there and has its keys"
	case v1alpha1.ConditionMeshReady:
		return "policies and routes are applied, and pods get a sidecar"
	case v1alpha1.ConditionDatabaseReady:
		return r.databaseMessage()
	case v1alpha1.ConditionMigrationsReady:
		return "the migrations of release " + r.Course.Migrated().Version + " are done"
	case v1alpha1.ConditionWorkloadsReady:
		return "all four services run release " + r.Course.Serving().Version
	case v1alpha1.ConditionCertificatesReady:
		return "the certificate of the hosts is issued"
	}
	return ""
}

// databaseMessage also says that the database is older than the data source that
// the spec names now.
func (r reporter) databaseMessage() string {
	const works = "PostgreSQL works, and its first backup was made"
	if r.Platform.Spec.Database.DataSource == nil {
		return works
	}
	return works + "; spec.database.dataSource is not looked at any more, since there is a database"
}

// backupsFailing warns of backups that fail. Users are served as before.
func (r reporter) backupsFailing() []condition {
	c := conditionFrom(v1alpha1.ConditionBackupsFailing, ready.BackupsOf(r.State.Database, r.Now).Verdict)
	if !c.warning {
		return nil
	}
	return []condition{c}
}

// promotable says whether Production may follow.
func (r reporter) promotable() condition {
	staging := *r.Platform
	staging.Status = r.Status
	promotable, reason, text := promote.Promotable(&staging)
	c := condition{name: v1alpha1.ConditionPromotable, status: metav1.ConditionFalse, reason: reason, message: text}
	if promotable {
		c.status = metav1.ConditionTrue
	}
	return c
}

// promotionAllowed says whether spec.release may run, and why not.
func (r reporter) promotionAllowed() condition {
	gate := r.Course.Gate
	c := condition{name: v1alpha1.ConditionPromotionAllowed, status: metav1.ConditionFalse, reason: gate.Reason, message: gate.Message, failed: promote.Stuck(gate.Reason)}
	if gate.Allowed {
		c.status = metav1.ConditionTrue
	}
	return c
}

// stalledConditions say that the spec has to change, and what runs meanwhile. A
// release that staging is about to verify needs no change, only time.
func (r reporter) stalledConditions() []condition {
	problem := r.Course.Problem
	all := append(r.backupsFailing(), r.available())
	unseen, types := "the spec cannot be realised; see "+v1alpha1.ConditionStalled, r.withGate(parts...)
	summary := condition{name: v1alpha1.ConditionStalled, status: metav1.ConditionTrue, reason: problem.Reason, message: problem.Message, failed: true}
	if r.Course.RefusedByGate() {
		unseen, types = "nothing is created before the release may run; see "+v1alpha1.ConditionPromotionAllowed, parts
		all = append(all, r.promotionAllowed())
		if summary.failed = promote.Stuck(r.Course.Gate.Reason); !summary.failed {
			summary.name = v1alpha1.ConditionReconciling
		}
	}
	for _, part := range types {
		all = append(all, condition{name: part, status: metav1.ConditionUnknown, reason: ReasonNotObserved, message: unseen})
	}
	isReady := summary
	isReady.name, isReady.status = v1alpha1.ConditionReady, metav1.ConditionFalse
	return append(all, isReady, summary)
}

// deletingConditions say what the deletion waits for.
func (r reporter) deletingConditions() []condition {
	text := "waits for the API server"
	if r.suspended() {
		text = "waits until spec.suspend is false: nothing of a suspended platform is deleted"
	}
	if len(r.Result.Remaining) > 0 {
		text = "waits for " + message.Join(readable(r.Result.Remaining)) + " to go; look for finalizers, and for who should remove them"
	}
	if len(r.Result.Errs) > 0 && r.Persists {
		text += ": " + message.OfError(r.Result.Errs[0])
	}
	var all []condition
	for _, name := range r.withGate(append([]string{v1alpha1.ConditionReady, v1alpha1.ConditionAvailable}, parts...)...) {
		all = append(all, condition{name: name, status: metav1.ConditionFalse, reason: ReasonDeleting, message: "the platform is being deleted"})
	}
	all[0].message = text
	return append(all, condition{name: v1alpha1.ConditionReconciling, status: metav1.ConditionTrue, reason: ReasonDeleting, message: text})
}

// readable turns inventory lines, group/Kind/namespace/name/uid, into words.
func readable(lines []string) []string {
	var words []string
	for _, line := range lines {
		if p := strings.Split(line, "/"); len(p) == 5 {
			words = append(words, p[1]+" "+p[2]+"/"+p[3])
		}
	}
	return words
}

// statusAfterError says, if reconciles have failed for some time, that too little could
// be read to say how the platform is. The conditions of its parts are kept as they
// were then, and Ready says so.
func (r reporter) statusAfterError() v1alpha1.BlogPlatformStatus {
	status := *r.Status.DeepCopy()
	if !r.Persists {
		return status
	}
	failed := condition{name: v1alpha1.ConditionReady, status: metav1.ConditionUnknown, reason: ReasonObservationFailed, message: fmt.Sprintf(
		"the operator cannot see how the platform is (%s); see that it has the rights of its present version and that the API server answers", message.OfError(r.Err))}
	reconciling := failed
	reconciling.name, reconciling.status = v1alpha1.ConditionReconciling, metav1.ConditionTrue
	now := []condition{failed, reconciling}
	for _, name := range r.withGate(append([]string{v1alpha1.ConditionAvailable}, parts...)...) {
		if meta.FindStatusCondition(status.Conditions, name) == nil {
			now = append(now, condition{name: name, status: metav1.ConditionUnknown, reason: ReasonNotObserved, message: "nothing was seen yet; see " + v1alpha1.ConditionReady})
		}
	}
	for _, c := range now {
		meta.SetStatusCondition(&status.Conditions, c.of(status.ObservedGeneration, r.Now))
	}
	slices.SortFunc(status.Conditions, byOrder)
	return status
}

// keyOf names a platform.
func keyOf(object metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
}
