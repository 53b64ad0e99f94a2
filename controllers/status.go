package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/ready"
)

// parts are the conditions of the parts of a platform, in the order in which
// they come to be; the first that is not ready is the one to look at.
var parts = []string{
	v1alpha1.ConditionSecretsReady, v1alpha1.ConditionMeshReady, v1alpha1.ConditionDatabaseReady,
	v1alpha1.ConditionMigrationsReady, v1alpha1.ConditionWorkloadsReady, v1alpha1.ConditionCertificatesReady,
}

// order of conditions in a status.
var order = append([]string{v1alpha1.ConditionReady, v1alpha1.ConditionAvailable, v1alpha1.ConditionReconciling,
	v1alpha1.ConditionStalled, v1alpha1.ConditionSuspended, v1alpha1.ConditionPromotable, v1alpha1.ConditionPromotionAllowed},
	append(slices.Clone(parts), v1alpha1.ConditionBackupsFailing, v1alpha1.ConditionIdentityReady)...)

// condition is what the pass says of one condition type.
type condition struct {
	name, reason, message string
	status                metav1.ConditionStatus
	// failed marks something that does not pass by itself.
	failed bool
	// warning marks what is good now and will fail later if nobody acts.
	warning bool
}

// of a generation of the spec, as the API has it. The message fits, whatever peers have said.
func (c condition) of(generation int64, now time.Time) metav1.Condition {
	return metav1.Condition{Type: c.name, Status: c.status, Reason: c.reason, Message: fitting(maxCondition, c.message),
		ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now).Rfc3339Copy()}
}

// report computes the status from what the pass found, and writes it if it changed.
func (p *pass) report(ctx context.Context) error {
	if p.gone {
		return nil
	}
	now := p.conditions()
	status := &p.platform.Status
	status.ObservedGeneration = p.platform.Generation
	status.Conditions = p.merge(status.Conditions, now)
	if p.platform.DeletionTimestamp.IsZero() {
		p.reportParts(status)
		p.recordSoak(now[0])
	}
	// The last word of a pass is written even if the manager stops meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	if err := p.writeStatus(ctx); err != nil {
		return err
	}
	p.events(p.began.Conditions, now)
	p.releaseEvents(p.began.Release, status.Release)
	p.countDecisions(p.began, *status)
	p.overrideEvent()
	return nil
}

// reportBlind says that too little could be read to tell how the platform is: what
// status says of its parts is how they were, and must not be taken for how they are.
func (p *pass) reportBlind(ctx context.Context, cause error) error {
	blind := condition{name: v1alpha1.ConditionReady, status: metav1.ConditionUnknown, reason: reasonObservationFailed, message: fmt.Sprintf(
		"the operator cannot see how the platform is (%s); see that it has the rights of its present version and that the API server answers", said(cause))}
	reconciling := blind
	reconciling.name, reconciling.status = v1alpha1.ConditionReconciling, metav1.ConditionTrue
	p.platform.Status = *p.before.DeepCopy()
	status := &p.platform.Status
	seen := []condition{blind, reconciling}
	for _, name := range p.withGate(append([]string{v1alpha1.ConditionAvailable}, parts...)) {
		if meta.FindStatusCondition(status.Conditions, name) == nil {
			seen = append(seen, condition{name: name, status: metav1.ConditionUnknown, reason: reasonNotObserved, message: "nothing was seen yet; see " + v1alpha1.ConditionReady})
		}
	}
	for _, c := range seen {
		meta.SetStatusCondition(&status.Conditions, c.of(status.ObservedGeneration, p.now()))
	}
	slices.SortFunc(status.Conditions, byOrder)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	return p.writeStatus(ctx)
}

// writeStatus writes the status if it is not what the API server has.
func (p *pass) writeStatus(ctx context.Context) error {
	if equality.Semantic.DeepEqual(p.before, p.platform.Status) {
		return nil
	}
	base := p.platform.DeepCopy()
	base.Status = p.before
	err := p.client.Status().Patch(ctx, p.platform, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return fmt.Errorf("write status of BlogPlatform %s/%s: %w", p.names.Namespace, p.names.Name, err)
	}
	p.before = *p.platform.Status.DeepCopy()
	p.wrote()
	return nil
}

// merge keeps the time of the last transition where nothing changed.
func (p *pass) merge(old []metav1.Condition, now []condition) []metav1.Condition {
	merged := slices.Clone(old)
	for _, c := range now {
		meta.SetStatusCondition(&merged, c.of(p.platform.Generation, p.now()))
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

// withGate adds to condition types the one by which the platform takes part in promotions, if it does.
func (p *pass) withGate(types []string) []string {
	if gate := p.gateCondition(); gate != "" {
		return append(slices.Clone(types), gate)
	}
	return types
}

// conditions of the pass. Reconciling, Stalled, Suspended and BackupsFailing are there only when
// true, IdentityReady only when the provider was asked.
func (p *pass) conditions() []condition {
	switch {
	case !p.platform.DeletionTimestamp.IsZero():
		return p.deletingConditions()
	case p.stalled != nil:
		return p.stalledConditions()
	}
	all := []condition{p.available()}
	for _, part := range parts {
		all = append(all, conditionFrom(part, p.worst(part)))
	}
	if p.gateCondition() == v1alpha1.ConditionPromotionAllowed {
		all = append(all, p.promotionAllowed())
	}
	backups := p.backupsFailing()
	isReady := p.ready(all[1:], backups...)
	if p.gateCondition() == v1alpha1.ConditionPromotable {
		all = append(all, p.promotable())
	}
	all = append(append(all, isReady), backups...)
	if p.identity != nil {
		all = append(all, *p.identity)
	}
	switch {
	case p.suspended():
		all = append(all, condition{name: v1alpha1.ConditionSuspended, status: metav1.ConditionTrue, reason: reasonSuspended,
			message: "spec.suspend is true: nothing is changed until it is not"})
	case isReady.status != metav1.ConditionTrue:
		all = append(all, condition{name: v1alpha1.ConditionReconciling, status: metav1.ConditionTrue, reason: isReady.reason, message: isReady.message})
	}
	return all
}

// ready sums up: what failed comes first, then what is not there yet. Of what is
// no part of it, besides, it repeats the warnings.
func (p *pass) ready(of []condition, besides ...condition) condition {
	c := condition{name: v1alpha1.ConditionReady}
	if p.suspended() {
		c.status, c.reason, c.message = metav1.ConditionUnknown, reasonSuspended, "nothing is compared with the spec while spec.suspend is true; set it to false"
		return c
	}
	of = append(slices.Clone(of), conditionFrom(v1alpha1.ConditionReady, p.worst(v1alpha1.ConditionReady)))
	release := conditionFrom(v1alpha1.ConditionReady, p.releaseVerdict())
	if release.reason == reasonReleasePaused {
		of = append([]condition{release}, of...) // what is not ready waits for the same request
	} else {
		of = append(of, release)
	}
	for _, wanted := range []func(condition) bool{
		func(c condition) bool { return c.failed },
		func(c condition) bool { return c.status != metav1.ConditionTrue && c.reason != reasonWaiting },
		func(c condition) bool { return c.status != metav1.ConditionTrue },
	} {
		if i := slices.IndexFunc(of, wanted); i >= 0 {
			c.status, c.reason, c.message, c.failed = metav1.ConditionFalse, of[i].reason, of[i].message, of[i].failed
			return c
		}
	}
	c.status, c.reason = metav1.ConditionTrue, reasonVerified
	c.message = fmt.Sprintf("release %s is verified and served at %s", p.serving().Version, p.url())
	return warned(c, append(of, besides...))
}

// warned adds to what is Ready what will fail later: the first reason, so that
// kubectl get shows it, and all messages.
func warned(c condition, of []condition) condition {
	for _, part := range of {
		if !part.warning {
			continue
		}
		if !c.warning {
			c.reason, c.warning = part.reason, true
		}
		c.message += "; " + part.message
	}
	return c
}

// worst sums up the outcomes that a condition speaks of: the worst verdict,
// with the messages of all that are as bad.
func (p *pass) worst(name string) ready.Verdict {
	worst := ready.Verdict{State: ready.Ready, Reason: reasonReady}
	var messages []string
	for _, o := range p.outcomes {
		if o.condition != name {
			continue
		}
		if rank(o.verdict) < rank(worst) {
			worst, messages = o.verdict, nil
		}
		if rank(o.verdict) == rank(worst) && o.verdict.Message != "" {
			messages = append(messages, o.verdict.Message)
		}
	}
	if rank(worst) == rankReady {
		worst.Message = p.wellSaid(name)
		return worst
	}
	worst.Message = joined(messages)
	return worst
}

// wellSaid is the message of a condition of which everything is ready.
func (p *pass) wellSaid(name string) string {
	return map[string]string{
		v1alpha1.ConditionSecretsReady:      "every Secret is there and has its keys",
		v1alpha1.ConditionMeshReady:         "policies and routes are applied, and pods get a sidecar",
		v1alpha1.ConditionDatabaseReady:     p.databaseSaid(),
		v1alpha1.ConditionMigrationsReady:   "the migrations of release " + p.migrated().Version + " are done",
		v1alpha1.ConditionWorkloadsReady:    "all four services run release " + p.serving().Version,
		v1alpha1.ConditionCertificatesReady: "the certificate of the hosts is issued",
	}[name]
}

// databaseSaid also tells that the database began before what the spec would have it begin with.
func (p *pass) databaseSaid() string {
	const works = "PostgreSQL works, and its first backup was made"
	if p.platform.Spec.Database.DataSource == nil {
		return works
	}
	return works + "; spec.database.dataSource is not looked at any more, since there is a database"
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

// available tells whether users are served, whatever the spec asks for.
func (p *pass) available() condition {
	var missing []string
	for _, service := range naming.Services {
		rollout := p.rollouts[p.names.Workload(service)]
		if rollout == nil || number(rollout, "status", "availableReplicas") == 0 {
			missing = append(missing, "no pod of "+p.names.Workload(service)+" is available; look at its Rollout")
		}
	}
	if instances, _ := instancesOf(p.cluster); instances == 0 {
		missing = append(missing, "no instance of "+p.names.Database()+" is ready; look at its PostgresCluster")
	}
	if problem := p.certificateProblem(); problem != "" {
		missing = append(missing, problem)
	}
	if len(missing) > 0 {
		return condition{name: v1alpha1.ConditionAvailable, status: metav1.ConditionFalse, reason: reasonNotServing, message: joined(missing)}
	}
	return condition{name: v1alpha1.ConditionAvailable, status: metav1.ConditionTrue, reason: reasonServing, message: "users are served at " + p.url()}
}

// stalledConditions say that the spec has to change, and what runs meanwhile. A
// release that staging is about to verify may run later without that.
func (p *pass) stalledConditions() []condition {
	all := append(p.backupsFailing(), p.available())
	unseen, types := "the spec cannot be realised; see "+v1alpha1.ConditionStalled, p.withGate(parts)
	summary := condition{name: v1alpha1.ConditionStalled, status: metav1.ConditionTrue, reason: p.stalled.Reason, message: p.stalled.Message, failed: true}
	if p.atGate() {
		unseen, types = "nothing is created before the release may run; see "+v1alpha1.ConditionPromotionAllowed, parts
		all = append(all, p.promotionAllowed())
		if summary.failed = promote.Stuck(p.gate.Reason); !summary.failed {
			summary.name = v1alpha1.ConditionReconciling
		}
	}
	for _, part := range types {
		all = append(all, condition{name: part, status: metav1.ConditionUnknown, reason: reasonNotObserved, message: unseen})
	}
	isReady := summary
	isReady.name, isReady.status = v1alpha1.ConditionReady, metav1.ConditionFalse
	return append(all, isReady, summary)
}

// deletingConditions say what the deletion waits for.
func (p *pass) deletingConditions() []condition {
	message := "waits for the API server"
	if p.suspended() {
		message = "waits until spec.suspend is false: nothing of a suspended platform is deleted"
	}
	if len(p.remaining) > 0 {
		message = "waits for " + joined(readable(p.remaining)) + " to go; look for finalizers, and for who should remove them"
	}
	if len(p.errs) > 0 && p.failures.persist(p.platform.UID) {
		message += ": " + said(p.errs[0])
	}
	var all []condition
	for _, name := range p.withGate(append([]string{v1alpha1.ConditionReady, v1alpha1.ConditionAvailable}, parts...)) {
		all = append(all, condition{name: name, status: metav1.ConditionFalse, reason: reasonDeleting, message: "the platform is being deleted"})
	}
	all[0].message = message
	return append(all, condition{name: v1alpha1.ConditionReconciling, status: metav1.ConditionTrue, reason: reasonDeleting, message: message})
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

// reportParts writes down how each part stands, beyond its condition.
func (p *pass) reportParts(status *v1alpha1.BlogPlatformStatus) {
	status.URL = p.url()
	status.Database.Cluster = p.names.Database()
	status.Database.Ready, status.Database.Desired = instancesOf(p.cluster)
	status.Database.Summary = fmt.Sprintf("%d/%d", status.Database.Ready, status.Database.Desired)
	status.Database.BackupComplete = new(conditionIsTrue(p.cluster, "PGBackRestReplicaCreate"))
	backups := ready.BackupsOf(p.cluster, p.now())
	status.Database.LastFullBackupTime, status.Database.LastIncrementalBackupTime = timeOrNil(backups.LastFull), timeOrNil(backups.LastIncremental)
	if p.stalled != nil {
		return
	}
	status.Effective = p.plan.Effective
	status.Services = nil
	for _, o := range p.outcomes {
		switch o.kind() {
		case "Rollout":
			status.Services = append(status.Services, p.serviceStatus(o))
		case "Certificate":
			status.Certificate = v1alpha1.CertificateStatus{Name: o.child.Object.GetNamespace() + "/" + o.child.Object.GetName(), NotAfter: p.certificateUntil()}
		}
	}
}

func (p *pass) serviceStatus(o outcome) v1alpha1.ServiceStatus {
	desired := o.live
	if desired == nil {
		desired = o.child.Object
	}
	status := v1alpha1.ServiceStatus{
		Name: string(p.service(o.child.Object.GetName())), State: string(o.verdict.State),
		Desired: number(desired, "spec", "replicas"),
	}
	if o.live != nil {
		status.Ready = number(o.live, "status", "readyReplicas")
	}
	if o.verdict.State != ready.Ready {
		status.Message = cut(o.verdict.Message)
	}
	return status
}

// certificateProblem is why browsers cannot trust the gateway; empty if they can.
func (p *pass) certificateProblem() string {
	switch until := p.certificateUntil(); {
	case until == nil:
		return "no certificate was issued yet; see " + v1alpha1.ConditionCertificatesReady
	case !until.After(p.now()):
		return "the certificate of the hosts has expired; see " + v1alpha1.ConditionCertificatesReady
	}
	return ""
}

// certificateUntil is when the certificate expires, as far as one was ever issued.
func (p *pass) certificateUntil() *metav1.Time {
	for _, o := range p.outcomes {
		if o.kind() != "Certificate" || o.live == nil {
			continue
		}
		text, _, _ := unstructured.NestedString(o.live.Object, "status", "notAfter")
		if until, err := time.Parse(time.RFC3339, text); err == nil {
			return &metav1.Time{Time: until}
		}
	}
	if p.stalled != nil {
		return p.platform.Status.Certificate.NotAfter
	}
	return nil
}

// again is when a child may be judged otherwise though nobody writes it: its
// certificate expires, or its renewal is overdue. It is zero if none will be.
func (p *pass) again() time.Time {
	var first time.Time
	for _, o := range p.outcomes {
		if at := ready.Again(o.live, p.now()); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func (p *pass) url() string {
	url := "https://" + cmp.Or(p.plan.Host, p.platform.Spec.Hosts[0])
	if port := p.platform.Spec.Gateway.HTTPSPort; port != nil && *port != 443 {
		url += fmt.Sprintf(":%d", *port)
	}
	return url
}

// backupsFailing warns of backups that fail. Users are served as before.
func (p *pass) backupsFailing() []condition {
	c := conditionFrom(v1alpha1.ConditionBackupsFailing, ready.BackupsOf(p.cluster, p.now()).Verdict)
	if !c.warning {
		return nil
	}
	return []condition{c}
}

func timeOrNil(at time.Time) *metav1.Time {
	if at.IsZero() {
		return nil
	}
	return &metav1.Time{Time: at}
}

// instancesOf counts the instances of a PostgresCluster.
func instancesOf(cluster *unstructured.Unstructured) (readyOnes, desired int32) {
	if cluster == nil {
		return 0, 0
	}
	sets, _, _ := unstructured.NestedSlice(cluster.Object, "spec", "instances")
	for _, set := range sets {
		fields, _ := set.(map[string]any)
		replicas, _ := fields["replicas"].(int64)
		desired += int32(replicas)
	}
	sets, _, _ = unstructured.NestedSlice(cluster.Object, "status", "instances")
	for _, set := range sets {
		fields, _ := set.(map[string]any)
		replicas, _ := fields["readyReplicas"].(int64)
		readyOnes += int32(replicas)
	}
	return readyOnes, desired
}

func conditionIsTrue(object *unstructured.Unstructured, name string) bool {
	if object == nil {
		return false
	}
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(c any) bool {
		fields, _ := c.(map[string]any)
		return fields["type"] == name && fields["status"] == "True"
	})
}

// conditionReason is the reason of a condition that is True.
func conditionReason(object *unstructured.Unstructured, name string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		if fields, _ := c.(map[string]any); fields["type"] == name && fields["status"] == "True" {
			reason, _ := fields["reason"].(string)
			return reason
		}
	}
	return ""
}

func number(object *unstructured.Unstructured, fields ...string) int32 {
	n, _, _ := unstructured.NestedInt64(object.Object, fields...)
	return int32(n)
}
