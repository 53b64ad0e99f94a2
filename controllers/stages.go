package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
)

// conflictTries is how often a child is built anew after somebody else wrote it.
const conflictTries = 3

// outcome is what became of one requirement: a child, or something that
// somebody else has to provide.
type outcome struct {
	// condition that speaks of it.
	condition string
	// gates tells whether it holds back the next stage until it is ready.
	gates bool
	// child is empty for what somebody else provides.
	child   plan.Child
	live    *unstructured.Unstructured
	verdict ready.Verdict
}

// kind of the child, or nothing for what somebody else provides.
func (o outcome) kind() string {
	if o.child.Object == nil {
		return ""
	}
	return o.child.Object.GetKind()
}

// conditionOf maps a child to the condition that speaks of it.
func conditionOf(child plan.Child) string {
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

// stages applies all children. What exists is kept as planned whatever stands
// before it; what does not is created once everything before it is ready.
func (p *pass) stages(ctx context.Context) error {
	p.complete = !p.suspended()
	waitsFor := ""
	for _, stage := range plan.Stages {
		from := len(p.outcomes)
		required, err := p.requirements(ctx, stage, waitsFor)
		if err != nil {
			return err
		}
		p.outcomes = append(p.outcomes, required...)
		waitsFor = cmp.Or(waitsFor, behind(required))
		for _, child := range p.plan.Children {
			if child.Stage != stage {
				continue
			}
			o, err := p.attend(ctx, child, waitsFor)
			if err != nil {
				return err
			}
			p.outcomes = append(p.outcomes, o)
		}
		waitsFor = cmp.Or(waitsFor, behind(p.outcomes[from:]))
	}
	p.keyring.sweep(key(p.platform))
	return nil
}

// behind is the condition of the first outcome that holds the next stage back.
func behind(outcomes []outcome) string {
	for _, o := range outcomes {
		if o.gates && !o.verdict.Good() {
			return o.condition
		}
	}
	return ""
}

// requirements looks at what a stage needs that is no child of an earlier one.
func (p *pass) requirements(ctx context.Context, stage plan.Stage, waitsFor string) ([]outcome, error) {
	switch stage {
	case plan.StageMesh:
		return p.usersSecrets(ctx)
	case plan.StageDatabase:
		required, err := p.dataPlane(ctx, waitsFor)
		return slices.Concat(required, p.volumesGrown(), p.restartPending()), err
	case plan.StageWorkloads:
		return p.passwordsReadOnce(), nil
	case plan.StageVerify:
		return p.certificates(), nil
	}
	return nil, nil
}

// certificates are needed by Verify, which asks the gateway for the home page as a browser would.
func (p *pass) certificates() []outcome {
	var required []outcome
	for _, o := range p.outcomes {
		if o.condition == v1alpha1.ConditionCertificatesReady {
			required = append(required, outcome{condition: o.condition, gates: true, verdict: o.verdict})
		}
	}
	return required
}

// volumesGrown is judged apart from the PostgresCluster: the database works on with
// the volumes that it has, so it holds no release back.
func (p *pass) volumesGrown() []outcome {
	if p.cluster == nil {
		return nil
	}
	return []outcome{{condition: v1alpha1.ConditionDatabaseReady, verdict: ready.Volumes(p.cluster, p.volumes)}}
}

// restartPending warns of settings, such as max_connections, that PostgreSQL has not
// taken up. The Crunchy operator restarts it by itself, if it can.
func (p *pass) restartPending() []outcome {
	for i := range p.instances {
		if kube.RestartPending(&p.instances[i]) {
			return []outcome{{condition: v1alpha1.ConditionDatabaseReady, verdict: ready.Verdict{State: ready.Warning, Reason: reasonRestartPending, Message: fmt.Sprintf(
				"Pod %s/%s: PostgreSQL has to restart for settings that were changed, which the Postgres operator does by itself; look at its log if it takes long", p.names.Namespace, p.instances[i].Name)}}}
		}
	}
	return nil
}

// usersSecrets are the Secrets that the spec refers to.
func (p *pass) usersSecrets(ctx context.Context) ([]outcome, error) {
	var required []outcome
	for _, use := range p.plan.Secrets {
		verdict, err := p.userSecret(ctx, use)
		if err != nil {
			return nil, err
		}
		required = append(required, outcome{condition: v1alpha1.ConditionSecretsReady, gates: true, verdict: verdict})
	}
	return required, nil
}

func (p *pass) userSecret(ctx context.Context, use plan.SecretUse) (ready.Verdict, error) {
	name := client.ObjectKey{Namespace: p.names.Namespace, Name: use.Name}
	keys, err := p.keyring.keys(ctx, key(p.platform), use.Name)
	if err != nil {
		return ready.Verdict{}, err
	}
	if keys == nil {
		return failed(reasonSecretMissing, fmt.Sprintf("Secret %s is missing; create it", name)), nil
	}
	for _, key := range slices.Sorted(slices.Values(use.Keys)) {
		if !keys[key] {
			return failed(reasonKeyMissing, fmt.Sprintf("Secret %s has no key %s; add it", name, key)), nil
		}
	}
	return ready.Verdict{State: ready.Ready}, nil
}

// attend applies one child, or says why not, and judges it. An error means that
// it could not be read.
func (p *pass) attend(ctx context.Context, child plan.Child, waitsFor string) (outcome, error) {
	o := outcome{condition: conditionOf(child), gates: child.Gates, child: child}
	if !p.watches.served(ctx, child.Object.GroupVersionKind()) {
		o.verdict = p.refused(child, apply.KindMissing(child.Object, p.watches.servedAs(child.Object.GroupVersionKind())))
		return o, nil
	}
	live, err := p.find(ctx, child.Object)
	if err != nil {
		return o, err
	}
	o.live = live
	if o.verdict = p.spared(child, live, waitsFor); o.verdict.State != "" {
		return o, nil
	}
	if p.suspended() || p.held(child) {
		p.complete = false
	} else {
		if live == nil {
			if o.verdict, err = p.beforeCreation(ctx, child); err != nil || o.verdict.State != "" {
				p.complete = false
				return o, err
			}
		}
		result, err := p.apply(ctx, child)
		if err == nil {
			o.live = result.Live
		} else if verdict := p.refused(child, err); verdict.State != "" {
			o.verdict = verdict
			return o, nil
		}
	}
	if o.verdict, err = p.judge(ctx, child, o.live); err != nil {
		return o, err
	}
	if child.Object.GetKind() == "Rollout" {
		p.putInLine(&o)
	}
	return o, nil
}

// beforeCreation does what a child needs before it is created, and answers with the
// verdict on one that has to wait for something; that of any other is empty.
func (p *pass) beforeCreation(ctx context.Context, child plan.Child) (ready.Verdict, error) {
	switch {
	case child.Stage == plan.StageContract:
		return ready.Verdict{}, p.beginContract(ctx)
	case len(child.SecretKeys) > 0:
		return p.formerSecret(ctx, child)
	}
	return ready.Verdict{}, nil
}

// spared is the verdict on a child that is not applied now: it has been and
// gone, or waits for an earlier stage. That of any other is empty.
func (p *pass) spared(child plan.Child, live *unstructured.Unstructured, waitsFor string) ready.Verdict {
	if live == nil && p.held(child) {
		waitsFor = cmp.Or(waitsFor, v1alpha1.ConditionMigrationsReady)
	}
	switch {
	case (live == nil || !live.GetDeletionTimestamp().IsZero()) && p.finishedEarlier(child):
		return ready.Verdict{State: ready.Ready}
	case waitsFor == "":
		return ready.Verdict{}
	case live == nil:
		p.complete = false
		return ready.Verdict{State: ready.Progressing, Reason: reasonWaiting, Message: "waits for " + waitsFor}
	case p.advances(child, live):
		p.complete = false
		return ready.Verdict{State: ready.Progressing, Reason: reasonWaiting, Message: describe(child.Object) + " runs what it did, and waits for " + waitsFor}
	}
	return ready.Verdict{}
}

// putInLine judges a Rollout as a part of a release. One that runs the current
// release well has its turn later; one at the barrier does what it should, and
// does not hold back Verify, for which it waits.
func (p *pass) putInLine(o *outcome) {
	service, phase := p.service(o.child.Object.GetName()), p.decision.Status.Phase
	o.gates = phase != v1alpha1.PhaseVerifying && phase != v1alpha1.PhaseCommitting
	switch {
	case o.verdict.State == ready.Ready && (p.held(o.child) || phase == v1alpha1.PhaseMigrating):
		o.verdict = ready.Verdict{State: ready.Progressing, Reason: reasonHeld,
			Message: "the release before " + p.target.Release.Version + " runs on until the migrations are done; see " + v1alpha1.ConditionMigrationsReady}
	case o.verdict.State == ready.Ready && phase == v1alpha1.PhaseProgressing && service == naming.Frontend && !p.decision.FrontendOnTarget:
		o.verdict = ready.Verdict{State: ready.Progressing, Reason: reasonNextInLine,
			Message: describe(o.child.Object) + " follows once the data services have come to the end of their steps"}
	case p.services[service].AtBarrier:
		o.verdict = ready.Verdict{State: ready.Progressing, Reason: reasonAtBarrier,
			Message: describe(o.child.Object) + " has come to the end of its steps, and waits until the release is verified as a whole"}
	}
}

// advances tells of a Rollout that would begin with the target, which it does
// only if everything before it is ready. What it runs already is kept as it is.
func (p *pass) advances(child plan.Child, live *unstructured.Unstructured) bool {
	set := child.Object.GetAnnotations()[naming.AnnotationSet]
	isGood := p.good != nil && p.good.Digest == set
	return child.Object.GetKind() == "Rollout" && !isGood && live.GetAnnotations()[naming.AnnotationSet] != set
}

// held tells of a Rollout that must not change yet: the migrations are not
// done, and no earlier release is known.
func (p *pass) held(child plan.Child) bool {
	return child.Object.GetKind() == "Rollout" && p.decision.Hold
}

// finishedEarlier tells of a Job that need not run again: a migration that
// status remembers, or the verification of the release that is current.
func (p *pass) finishedEarlier(child plan.Child) bool {
	switch child.Stage {
	case plan.StageContract, plan.StageMigrations:
		return slices.ContainsFunc(p.platform.Status.Migrations, func(m v1alpha1.MigrationStatus) bool { return m.Job == child.Object.GetName() })
	case plan.StageVerify:
		return p.decision.Status.Phase == v1alpha1.PhaseComplete
	}
	return false
}

// apply writes a child. After a conflict it is built anew from what the API
// server has, because somebody else has written what the plan carries over.
func (p *pass) apply(ctx context.Context, child plan.Child) (apply.Result, error) {
	for try := 1; ; try++ {
		result, err := p.applier.Apply(ctx, p.platform, apply.Child{Object: child.Object, Retain: child.Retain})
		if err == nil {
			p.counters.Applied(key(p.platform), child.Object.GetKind(), result.Skipped, result.Repaired)
		}
		if !apierrors.IsConflict(err) || try == conflictTries {
			return result, err
		}
		if child, err = p.rebuild(ctx, child); err != nil {
			return apply.Result{}, err
		}
	}
}

func (p *pass) rebuild(ctx context.Context, child plan.Child) (plan.Child, error) {
	live, err := get(ctx, p.live, child.Object)
	if err != nil {
		return child, err
	}
	same := func(other *unstructured.Unstructured) bool { return describe(other) == describe(child.Object) }
	p.observed = slices.DeleteFunc(p.observed, same)
	if live != nil {
		p.observed = append(p.observed, live)
	}
	children, err := p.children()
	if err != nil {
		return child, err
	}
	for _, again := range children {
		if same(again.Object) {
			return again, nil
		}
	}
	return child, fmt.Errorf("%s is not planned any more", describe(child.Object))
}

// prune deletes what is not planned any more. Where something could not be
// applied nothing is deleted: it may be the replacement of what would go.
func (p *pass) prune(ctx context.Context) {
	if !p.complete {
		p.keepInventory(p.staleInventory())
		return
	}
	keep := make([]apply.Child, 0, len(p.plan.Children))
	for _, child := range p.plan.Children {
		keep = append(keep, apply.Child{Object: child.Object, Retain: child.Retain})
	}
	stale := p.staleInventory()
	survivors, err := p.applier.Prune(ctx, p.platform, keep, stale)
	p.fail(err)
	if gone := without(stale, survivors); p.platform.Spec.TLS.DeletionPolicy != v1alpha1.Retain {
		if err := p.deleteKeyPairs(ctx, gone); err != nil {
			p.fail(err)
			survivors = stale // to be tried again
		}
	}
	p.keepInventory(survivors)
}

// fail notes an error after which the pass is made again.
func (p *pass) fail(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

// refused turns an error of a write into a verdict for people. A hiccup of the
// API server gets none at first: the child is as it was, and is judged as that.
func (p *pass) refused(child plan.Child, err error) ready.Verdict {
	p.complete = false
	switch {
	case errors.Is(err, apply.ErrKindMissing):
		return failed(reasonKindMissing, err.Error())
	case errors.Is(err, apply.ErrNamespaceGone), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return failed(reasonNamespaceMissing, err.Error())
	}
	p.fail(err)
	what := describe(child.Object)
	switch {
	case errors.Is(err, apply.ErrNotOurs):
		return failed(reasonNotOurs, err.Error())
	case quota(err) != "":
		return failed(reasonQuotaExceeded, fmt.Sprintf("%s: ResourceQuota %s of namespace %s is used up; raise it or free some of it", what, quota(err), child.Object.GetNamespace()))
	case apierrors.IsForbidden(err):
		return failed(reasonForbidden, what+": the API server forbids it: "+said(err))
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return failed(reasonRefused, what+": the API server refuses it: "+said(err))
	case p.failures.persist(p.platform.UID):
		return failed(reasonApplyFailed, what+": cannot be written: "+said(err))
	}
	return ready.Verdict{}
}

func failed(reason, message string) ready.Verdict {
	return ready.Verdict{State: ready.Failed, Reason: reason, Message: message}
}
