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
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/stage"
)

// conflictTries is how often a child is built anew after somebody else wrote it.
const conflictTries = 3

// stages applies all children. What exists is kept as planned whatever stands
// before it; what does not is created once everything before it is ready.
func (p *pass) stages(ctx context.Context) error {
	p.complete = !p.suspended()
	waitsFor := ""
	for _, of := range plan.Stages {
		from := len(p.result.Outcomes)
		required, err := p.requirements(ctx, of, waitsFor)
		if err != nil {
			return err
		}
		p.result.Outcomes = append(p.result.Outcomes, required...)
		waitsFor = cmp.Or(waitsFor, stage.BlockedBy(required))
		for _, child := range p.plan.Children {
			if child.Stage != of {
				continue
			}
			o, err := p.attend(ctx, child, waitsFor)
			if err != nil {
				return err
			}
			p.result.Outcomes = append(p.result.Outcomes, o)
		}
		waitsFor = cmp.Or(waitsFor, stage.BlockedBy(p.result.Outcomes[from:]))
	}
	p.keyring.sweep(key(p.platform))
	return nil
}

// requirements looks at what a stage needs that is no child of an earlier one.
func (p *pass) requirements(ctx context.Context, of plan.Stage, waitsFor string) ([]stage.Outcome, error) {
	switch of {
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
func (p *pass) certificates() []stage.Outcome {
	var required []stage.Outcome
	for _, o := range p.result.Outcomes {
		if o.Condition == v1alpha1.ConditionCertificatesReady {
			required = append(required, stage.Outcome{Condition: o.Condition, Gates: true, Verdict: o.Verdict})
		}
	}
	return required
}

// volumesGrown is judged apart from the PostgresCluster: the database works on with
// the volumes that it has, so it holds no release back.
func (p *pass) volumesGrown() []stage.Outcome {
	if p.state.Database == nil {
		return nil
	}
	return []stage.Outcome{{Condition: v1alpha1.ConditionDatabaseReady, Verdict: ready.Volumes(p.state.Database, p.state.Volumes)}}
}

// restartPending warns of settings, such as max_connections, that PostgreSQL has not
// taken up. The Crunchy operator restarts it by itself, if it can.
func (p *pass) restartPending() []stage.Outcome {
	for i := range p.state.Instances {
		if kube.RestartPending(&p.state.Instances[i]) {
			return []stage.Outcome{{Condition: v1alpha1.ConditionDatabaseReady, Verdict: ready.Verdict{State: ready.Warning, Reason: reasonRestartPending, Message: fmt.Sprintf(
				"Pod %s/%s: PostgreSQL has to restart for settings that were changed, which the Postgres operator does by itself; look at its log if it takes long", p.names.Namespace, p.state.Instances[i].Name)}}}
		}
	}
	return nil
}

// usersSecrets are the Secrets that the spec refers to.
func (p *pass) usersSecrets(ctx context.Context) ([]stage.Outcome, error) {
	var required []stage.Outcome
	for _, use := range p.plan.Secrets {
		verdict, err := p.userSecret(ctx, use)
		if err != nil {
			return nil, err
		}
		required = append(required, stage.Outcome{Condition: v1alpha1.ConditionSecretsReady, Gates: true, Verdict: verdict})
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
func (p *pass) attend(ctx context.Context, child plan.Child, waitsFor string) (stage.Outcome, error) {
	o := stage.Outcome{Condition: stage.ConditionOf(child), Gates: child.Gates, Child: child}
	if !p.watches.served(ctx, child.Object.GroupVersionKind()) {
		o.Verdict = p.refused(child, apply.KindMissing(child.Object, p.watches.servedAs(child.Object.GroupVersionKind())))
		return o, nil
	}
	live, err := p.find(ctx, child.Object)
	if err != nil {
		return o, err
	}
	o.Live = live
	if o.Verdict = p.spared(child, live, waitsFor); o.Verdict.State != "" {
		return o, nil
	}
	if p.suspended() || p.held(child) {
		p.complete = false
	} else {
		if live == nil {
			if o.Verdict, err = p.beforeCreation(ctx, child); err != nil || o.Verdict.State != "" {
				p.complete = false
				return o, err
			}
		}
		result, err := p.apply(ctx, child)
		if err == nil {
			o.Live = result.Live
		} else if verdict := p.refused(child, err); verdict.State != "" {
			o.Verdict = verdict
			return o, nil
		}
	}
	if o.Verdict, err = p.judge(ctx, child, o.Live); err != nil {
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
		return ready.Verdict{State: ready.Progressing, Reason: stage.ReasonWaiting, Message: "waits for " + waitsFor}
	case p.advances(child, live):
		p.complete = false
		return ready.Verdict{State: ready.Progressing, Reason: stage.ReasonWaiting, Message: fields.Name(child.Object) + " runs what it did, and waits for " + waitsFor}
	}
	return ready.Verdict{}
}

// putInLine judges a Rollout as a part of a release. One that runs the current
// release well has its turn later; one at the barrier does what it should, and
// does not hold back Verify, for which it waits.
func (p *pass) putInLine(o *stage.Outcome) {
	service, phase := p.names.ServiceOf(o.Child.Object.GetName()), p.course.Release.Status.Phase
	o.Gates = phase != v1alpha1.PhaseVerifying && phase != v1alpha1.PhaseCommitting
	switch {
	case o.Verdict.State == ready.Ready && (p.held(o.Child) || phase == v1alpha1.PhaseMigrating):
		o.Verdict = ready.Verdict{State: ready.Progressing, Reason: stage.ReasonHeldByMigrations,
			Message: "the release before " + p.course.Target.Release.Version + " runs on until the migrations are done; see " + v1alpha1.ConditionMigrationsReady}
	case o.Verdict.State == ready.Ready && phase == v1alpha1.PhaseProgressing && service == naming.Frontend && !p.course.Release.FrontendOnTarget:
		o.Verdict = ready.Verdict{State: ready.Progressing, Reason: stage.ReasonNextInLine,
			Message: fields.Name(o.Child.Object) + " follows once the data services have come to the end of their steps"}
	case p.state.Services[service].AtBarrier:
		o.Verdict = ready.Verdict{State: ready.Progressing, Reason: stage.ReasonAtBarrier,
			Message: fields.Name(o.Child.Object) + " has come to the end of its steps, and waits until the release is verified as a whole"}
	}
}

// advances tells of a Rollout that would begin with the target, which it does
// only if everything before it is ready. What it runs already is kept as it is.
func (p *pass) advances(child plan.Child, live *unstructured.Unstructured) bool {
	set := child.Object.GetAnnotations()[naming.AnnotationSet]
	isGood := p.course.Good != nil && p.course.Good.Digest == set
	return child.Object.GetKind() == "Rollout" && !isGood && live.GetAnnotations()[naming.AnnotationSet] != set
}

// held tells of a Rollout that must not change yet: the migrations are not
// done, and no earlier release is known.
func (p *pass) held(child plan.Child) bool {
	return child.Object.GetKind() == "Rollout" && p.course.Release.Hold
}

// finishedEarlier tells of a Job that need not run again: a migration that
// status remembers, or the verification of the release that is current.
func (p *pass) finishedEarlier(child plan.Child) bool {
	switch child.Stage {
	case plan.StageContract, plan.StageMigrations:
		return slices.ContainsFunc(p.platform.Status.Migrations, func(m v1alpha1.MigrationStatus) bool { return m.Job == child.Object.GetName() })
	case plan.StageVerify:
		return p.course.Release.Status.Phase == v1alpha1.PhaseComplete
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
	same := func(other *unstructured.Unstructured) bool { return fields.Name(other) == fields.Name(child.Object) }
	p.state.CoWritten = slices.DeleteFunc(p.state.CoWritten, same)
	if live != nil {
		p.state.CoWritten = append(p.state.CoWritten, live)
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
	return child, fmt.Errorf("%s is not planned any more", fields.Name(child.Object))
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
		p.result.Errs = append(p.result.Errs, err)
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
	what := fields.Name(child.Object)
	switch {
	case errors.Is(err, apply.ErrNotOurs):
		return failed(reasonNotOurs, err.Error())
	case message.Quota(err) != "":
		return failed(reasonQuotaExceeded, fmt.Sprintf("%s: ResourceQuota %s of namespace %s is used up; raise it or free some of it", what, message.Quota(err), child.Object.GetNamespace()))
	case apierrors.IsForbidden(err):
		return failed(reasonForbidden, what+": the API server forbids it: "+message.OfError(err))
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return failed(reasonRefused, what+": the API server refuses it: "+message.OfError(err))
	case p.failures.persist(p.platform.UID):
		return failed(reasonApplyFailed, what+": cannot be written: "+message.OfError(err))
	}
	return ready.Verdict{}
}

func failed(reason, message string) ready.Verdict {
	return ready.Verdict{State: ready.Failed, Reason: reason, Message: message}
}
