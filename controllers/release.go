package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
)

// maxMigrations is how many status remembers: those of two releases, so that a
// step back runs none. To run one again changes nothing.
const maxMigrations = 12

// aim finds the sets that the release is about: the one that is worked towards
// and the one that was verified last.
func (p *pass) aim(ctx context.Context) error {
	wanted, err := plan.SetOf(p.platform, p.wanted)
	if err != nil {
		return fmt.Errorf("plan BlogPlatform %s/%s: %w", p.names.Namespace, p.names.Name, err)
	}
	if wanted, err = p.holdPods(ctx, wanted); err != nil {
		return err
	}
	status := &p.platform.Status.Release
	p.target = wanted
	if committing := release.Target(*status, identityOf(wanted)); committing.Digest != wanted.Digest {
		kept, err := p.keptSet(ctx, committing.Digest)
		if err != nil {
			return err
		}
		if kept == nil {
			status.Phase = v1alpha1.PhaseProgressing // what was to be committed cannot be known any more
		} else {
			p.target = *kept
		}
	}
	switch current := status.Current; current.Digest {
	case "":
		return nil
	case p.target.Digest:
		p.good = &p.target
		return nil
	default:
		return p.findGood(ctx, current)
	}
}

// findGood finds the set that was verified last. If somebody has deleted it,
// its images under the present spec are the next best.
func (p *pass) findGood(ctx context.Context, current v1alpha1.ReleaseIdentity) (err error) {
	if p.good, err = p.keptSet(ctx, current.Digest); err != nil || p.good != nil {
		return err
	}
	again, err := plan.SetOf(p.platform, v1alpha1.Release{Version: current.Version, Images: current.Images})
	if err != nil {
		return fmt.Errorf("plan BlogPlatform %s/%s: %w", p.names.Namespace, p.names.Name, err)
	}
	p.good, p.platform.Status.Release.Current.Digest = &again, again.Digest
	return nil
}

func identityOf(set plan.Set) v1alpha1.ReleaseIdentity {
	return v1alpha1.ReleaseIdentity{Version: set.Release.Version, Digest: set.Digest}
}

// keptSet reads a set from its ControllerRevision, or nothing if there is none.
func (p *pass) keptSet(ctx context.Context, digest string) (*plan.Set, error) {
	revision := p.sets[p.names.Set(digest)]
	if revision == nil {
		live, err := get(ctx, p.live, named(appsv1.SchemeGroupVersion.WithKind("ControllerRevision"), p.names.Namespace, p.names.Set(digest)))
		if err != nil || live == nil || !p.names.Owns(live.GetLabels()) && !metav1.IsControlledBy(live, p.platform) {
			return nil, err
		}
		p.sets[live.GetName()], revision = live, live
	}
	set, err := plan.ReadSet(revision)
	if err != nil {
		return nil, nil // as good as none
	}
	return &set, nil
}

// decide asks internal/release how the release goes on.
func (p *pass) decide(ctx context.Context) error {
	status, now := p.platform.Status.Release, p.now()
	if err := p.readServices(ctx); err != nil {
		return err
	}
	prepared, migrations, err := p.prepared(ctx)
	if err != nil {
		return err
	}
	verdict, test, err := p.verifyVerdict(ctx, status.Attempt)
	if err != nil {
		return err
	}
	if p.suspended() {
		p.acting.rest(p.platform.UID)
	}
	p.decision = release.Decide(status, release.Facts{
		Now: now, Acting: p.acting.at(p.platform.UID, now), Limits: release.Limits(plan.LimitsOf(p.platform)),
		Wanted: identityOf(p.target), Images: p.target.Release.Images, Prepared: prepared, Migrations: migrations, Services: p.services,
		Verify: verdict, Test: test, Request: p.platform.Annotations[naming.AnnotationRequest], Closed: p.gate.Closed, Suspended: p.suspended(),
	})
	p.lookAtGateAgain()
	p.lookAtCanary()
	return nil
}

// readServices reads how far each Rollout has come, and looks at its pods.
func (p *pass) readServices(ctx context.Context) error {
	p.services = map[naming.Service]release.Service{}
	for _, service := range naming.Services {
		rollout := p.rollouts[p.names.Workload(service)]
		read, err := release.Read(rollout)
		if err != nil {
			return err
		}
		template := ""
		if rollout != nil {
			template, _, _ = unstructured.NestedString(rollout.Object, "status", "currentPodHash")
		}
		read.Ready, read.Cause = p.lookAtPods(service, template, rollout)
		if read.Trouble, err = p.weigh(ctx, service, rollout, read); err != nil {
			return err
		}
		p.services[service] = read
	}
	return nil
}

// lookAtPods counts the pods of a template that serve, and tells why others of
// the service do not: first those of the template.
func (p *pass) lookAtPods(service naming.Service, template string, rollout *unstructured.Unstructured) (up int32, cause string) {
	var own, others []corev1.Pod
	for i := range p.pods {
		pod := &p.pods[i]
		switch {
		case pod.Labels[naming.LabelName] != string(service):
		case pod.Labels[argo.DefaultRolloutUniqueLabelKey] != template:
			others = append(others, *pod)
		default:
			own = append(own, *pod)
			if ready.Up(pod) {
				up++
			}
		}
	}
	return up, cmp.Or(ready.Cause(own), ready.Refusal(rollout), ready.Cause(others))
}

// prepared tells whether the target's pods may start: its set is kept and its
// migrations are done; and, if not, how far they have come.
func (p *pass) prepared(ctx context.Context) (bool, release.Task, error) {
	var task release.Task
	if p.good != nil && p.good.Digest == p.target.Digest {
		return true, task, nil
	}
	children, err := plan.Preparations(p.input())
	if err != nil {
		return false, task, fmt.Errorf("plan BlogPlatform %s/%s: %w", p.names.Namespace, p.names.Name, err)
	}
	for _, child := range children {
		if p.finishedEarlier(child) {
			task.Done++
			continue
		}
		live, err := p.find(ctx, child.Object)
		if err != nil {
			return false, task, err
		}
		if live != nil && p.names.Owns(live.GetLabels()) && ready.Judge(child.Object, live, p.now()).State == ready.Ready {
			task.Done++
			continue
		}
		if live != nil && live.GetKind() == "Job" {
			started, cause, err := p.lookAtJob(ctx, live)
			if err != nil {
				return false, task, err
			}
			task.Started, task.Cause = task.Started || started, cmp.Or(task.Cause, cause)
			if conditionReason(live, string(batchv1.JobFailed)) == batchv1.JobReasonDeadlineExceeded {
				task.Expired = describe(live)
			}
		}
	}
	return int(task.Done) == len(children), task, nil
}

// lookAtJob tells whether a container of the Job's has ever run, and why it gets no
// further. Of one that is done nothing is asked for, though its pods may be gone.
func (p *pass) lookAtJob(ctx context.Context, job *unstructured.Unstructured) (started bool, cause string, err error) {
	if number(job, "status", "succeeded") > 0 {
		return true, "", nil
	}
	pods := p.podsOfJob(job)
	for _, pod := range pods {
		started = started || pod.Status.Phase != corev1.PodPending
	}
	if len(pods) > 0 {
		return started, ready.Cause(pods), nil
	}
	refusal, err := p.refusal(ctx, job)
	return false, describe(job) + " has no pod: " + cmp.Or(refusal, "see whether the Job controller runs, and look at its events"), err
}

// refusal is why the API server refuses the pods of a Job that has none, or
// empty. Only events tell; they are asked for once in a pass.
func (p *pass) refusal(ctx context.Context, job *unstructured.Unstructured) (string, error) {
	if known, asked := p.refusals[job.GetUID()]; asked {
		return known, nil
	}
	var events corev1.EventList
	err := p.live.List(ctx, &events, client.InNamespace(job.GetNamespace()), client.MatchingFields{"involvedObject.uid": string(job.GetUID()), "reason": ready.ReasonFailedCreate})
	if err != nil && !apierrors.IsForbidden(err) {
		return "", fmt.Errorf("list events of %s: %w", describe(job), err)
	}
	if p.refusals == nil {
		p.refusals = map[types.UID]string{}
	}
	p.refusals[job.GetUID()] = ready.Refused(events.Items)
	return p.refusals[job.GetUID()], nil
}

func (p *pass) podsOfJob(job *unstructured.Unstructured) []corev1.Pod {
	return slices.DeleteFunc(slices.Clone(p.pods), func(pod corev1.Pod) bool { return pod.Labels[batchv1.JobNameLabel] != job.GetName() })
}

// verifyVerdict is what the Verify Job of an attempt says of the target, and how
// far it has come. That it could not run in time says nothing of the target.
func (p *pass) verifyVerdict(ctx context.Context, attempt int64) (release.Verdict, release.Task, error) {
	name := jobNamed(p.names.Namespace, p.names.VerifyJob(p.target.Digest, attempt))
	job, err := p.find(ctx, name)
	if err != nil || job == nil || !p.names.Owns(job.GetLabels()) {
		return release.Verdict{}, release.Task{}, err
	}
	var task release.Task
	if task.Started, task.Cause, err = p.lookAtJob(ctx, job); err != nil {
		return release.Verdict{}, task, err
	}
	verdict, err := p.withLastWords(ctx, ready.Judge(name, job, p.now()), job)
	switch {
	case err != nil:
		return release.Verdict{}, task, err
	case verdict.State == ready.Ready:
		return release.Verdict{Outcome: release.Passed}, task, nil
	case verdict.State != ready.Failed:
		return release.Verdict{}, task, nil
	case conditionReason(job, string(batchv1.JobFailed)) == batchv1.JobReasonDeadlineExceeded:
		return release.Verdict{Outcome: release.Broken, Reason: "VerifyTimeout", Message: verdict.Message}, task, nil
	}
	return release.Verdict{Outcome: release.Failed, Reason: "VerifyFailed", Message: verdict.Message}, task, nil
}

// input of the plan, by what was decided. Before that it is of a release that has arrived.
func (p *pass) input() plan.Input {
	run := plan.Run{Target: &p.target, Kept: p.kept(), Contract: p.contract(), Good: p.good, Attempt: p.decision.Status.Attempt}
	if d := p.decision; d.Status.Phase != "" {
		if !d.DataOnTarget {
			run.Data = p.good
		}
		if !d.FrontendOnTarget {
			run.Frontend = p.good
		}
		run.Direct, run.Committing, run.Short = d.Direct, d.Window, d.Short
		run.WithoutMigrations, run.WithoutVerify = d.Stopped(), !d.Verifying()
		run.Paused = d.Halted
	}
	return plan.Input{Platform: p.platform, Release: p.target.Release, Run: run, Observed: p.observed, Database: p.cluster, Volumes: p.volumes, HoldDatabase: p.databaseHeld != nil}
}

// kept are the ControllerRevisions of the sets to go back to: the one that was
// verified last, the target's, and those of the releases of the past that succeeded.
func (p *pass) kept() []*unstructured.Unstructured {
	names := []string{p.names.Set(p.target.Digest), p.names.Set(p.platform.Status.Release.Current.Digest)}
	for _, record := range p.platform.Status.History {
		if record.Outcome == v1alpha1.OutcomeSucceeded {
			names = append(names, p.names.Set(record.Digest))
		}
	}
	slices.Sort(names)
	var kept []*unstructured.Unstructured
	for _, name := range slices.Compact(names) {
		if live := p.sets[name]; live != nil && live.GetDeletionTimestamp() == nil {
			kept = append(kept, live)
		}
	}
	return kept
}

// contract is the release whose contract migrations run first: the one that
// is current, when other images follow. They are held back when the target is
// one of the past, which may need what they take away.
func (p *pass) contract() *v1alpha1.Release {
	target := p.target.Release
	if p.good == nil || promote.SameImages(p.good.Release.Images, target.Images) ||
		release.Past(p.platform.Status.History, target.Version, promote.ImagesDigest(target.Images)) {
		return nil
	}
	return &p.good.Release
}

// beginContract writes down that contract migrations begin, before the first of
// their Jobs is created: whatever becomes of that, it may have taken something away.
func (p *pass) beginContract(ctx context.Context) error {
	var services []naming.Service
	for _, child := range p.plan.Children {
		if child.Stage == plan.StageContract && !p.finishedEarlier(child) {
			services = append(services, p.migrating(child))
		}
	}
	status := &p.platform.Status
	status.History = release.BeginContract(status.History, status.Database.Schemas, services...)
	status.Database.Schemas = release.Unreported(status.Database.Schemas, services...)
	return p.writeStatus(ctx)
}

// migrating is the service whose schema a Job migrates.
func (p *pass) migrating(child plan.Child) naming.Service {
	for _, service := range naming.DataServices {
		if child.Object.GetLabels()[naming.LabelName] == p.names.MigrationSelector(service)[naming.LabelName] {
			return service
		}
	}
	return ""
}

// writeAhead writes down what was decided before it is done, wherever a pass
// that knows nothing of it would decide otherwise.
func (p *pass) writeAhead(ctx context.Context) error {
	before := p.platform.Status.Release
	p.platform.Status.Release = p.decision.Status
	p.platform.Status.History = release.Record(p.platform.Status.History, p.decision.Status, metav1.NewTime(p.now()).Rfc3339Copy())
	if p.stalled == nil {
		p.recordGate()
		p.recordWaiting()
	}
	after := p.decision.Status
	if p.decision.First || before.Phase == after.Phase && before.Attempt == after.Attempt && equality.Semantic.DeepEqual(before.Failures, after.Failures) {
		return nil
	}
	if p.stalled == nil {
		p.releaseInReady()
	}
	return p.writeStatus(ctx)
}

// releaseInReady lets Ready tell how the release stands together with the phase:
// a pass may take seconds, and until its end the two would contradict each other.
// What Ready tells of a part is left to the end of the pass.
func (p *pass) releaseInReady() {
	verdict, conditions := p.releaseVerdict(), &p.platform.Status.Conditions
	before := meta.FindStatusCondition(*conditions, v1alpha1.ConditionReady)
	ofRelease := before != nil && slices.Contains(releaseReasons, before.Reason)
	switch {
	case before == nil, before.Status != metav1.ConditionTrue && !ofRelease, verdict.State == ready.Ready && !ofRelease:
		return
	case verdict.State == ready.Ready: // a failure that Ready reported is over
		verdict.Reason, verdict.Message = reasonReleaseInProgress, "all services run release "+p.serving().Version+"; the rest of the platform is looked at"
	}
	for name, status := range map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: metav1.ConditionFalse, v1alpha1.ConditionReconciling: metav1.ConditionTrue} {
		c := condition{name: name, status: status, reason: verdict.Reason, message: verdict.Message}
		meta.SetStatusCondition(conditions, c.of(p.platform.Status.ObservedGeneration, p.now()))
	}
}

// releaseBarriers lets the Rollouts go that the decision names. One that was
// written since it was observed is looked at again, for its event will come.
func (p *pass) releaseBarriers(ctx context.Context) {
	if p.suspended() {
		return
	}
	for _, service := range p.decision.Release {
		if err := p.applier.EndPause(ctx, p.rollouts[p.names.Workload(service)]); !apierrors.IsConflict(err) {
			p.fail(err)
		}
	}
}

// rememberMigrations writes down what a later pass cannot see any more.
func (p *pass) rememberMigrations(ctx context.Context) {
	for _, o := range p.outcomes {
		if o.kind() != "Job" || o.child.Stage == plan.StageVerify || o.live == nil || o.verdict.State != ready.Ready || p.finishedEarlier(o.child) {
			continue
		}
		report, err := p.migrationReport(ctx, o.live)
		if err != nil {
			p.fail(err)
			continue
		}
		p.platform.Status.Migrations = append(p.platform.Status.Migrations, v1alpha1.MigrationStatus{Job: o.live.GetName(), Versions: report.versions(), Contract: report.Contract})
		p.recordMigration(o.child, report)
	}
	if n := len(p.platform.Status.Migrations); n > maxMigrations {
		p.platform.Status.Migrations = slices.Delete(p.platform.Status.Migrations, 0, n-maxMigrations)
	}
}

// serving is the release that readers see when the platform is as it should be.
func (p *pass) serving() v1alpha1.Release {
	if p.decision.FrontendOnTarget || p.good == nil {
		return p.target.Release
	}
	return p.good.Release
}

// migrated is the release whose migrations are looked at: of one that failed none are.
func (p *pass) migrated() v1alpha1.Release {
	if p.decision.Stopped() && p.good != nil {
		return p.good.Release
	}
	return p.target.Release
}

// releaseVerdict says in Ready how the release stands, where the parts of the
// platform tell nothing more urgent.
func (p *pass) releaseVerdict() ready.Verdict {
	status, version := p.decision.Status, p.decision.Status.Target.Version
	if p.unsafe != nil {
		return failed(reasonRollbackUnsafe, fmt.Sprintf("spec.release: %s; all services run %s", p.unsafe, p.serving().Version))
	}
	if p.podsHeld != nil {
		return waitVerdict(p.podsHeld)
	}
	switch status.Phase {
	case v1alpha1.PhaseComplete, v1alpha1.PhaseInstalling:
		return waitVerdict(p.databaseHeld)
	case v1alpha1.PhaseAborting, v1alpha1.PhaseAborted:
		return p.abortVerdict()
	}
	if status.Paused != nil && *status.Paused {
		return ready.Verdict{State: ready.Progressing, Reason: reasonReleasePaused, Message: fmt.Sprintf(
			"release %s was paused by a request; let it go on with the annotation %s: resume %s%s", version, naming.AnnotationRequest, version, p.unscaled())}
	}
	message := fmt.Sprintf("release %s is on its way; see release.phase in the status", version)
	if status.Phase == v1alpha1.PhaseMigrating {
		message += p.notBack()
	}
	return ready.Verdict{State: ready.Progressing, Reason: reasonReleaseInProgress, Message: message}
}

// waitVerdict says in Ready what waits for a window though it is no release, if anything does.
func waitVerdict(waits *promote.Decision) ready.Verdict {
	if waits == nil {
		return ready.Verdict{State: ready.Ready}
	}
	state := ready.Progressing
	if promote.Stuck(waits.Reason) {
		state = ready.Failed
	}
	return ready.Verdict{State: state, Reason: waits.Reason, Message: waits.Message}
}

// unscaled says which services do not follow their load while a release is paused.
func (p *pass) unscaled() string {
	var names []string
	for _, service := range p.decision.Halted {
		if plan.Autoscaled(p.platform, service) {
			names = append(names, string(service))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; until then the number of pods of " + strings.Join(names, ", ") + " does not follow the load, for Argo Rollouts scales no Rollout that is paused"
}

// abortVerdict says why a release was taken back, and what to do.
func (p *pass) abortVerdict() ready.Verdict {
	status := p.decision.Status
	version, why, next := status.Target.Version, "", "it is not tried again"
	if failure := release.FailureOf(status); failure != nil {
		why = fmt.Sprintf(" (%s: %s)", failure.Reason, cmp.Or(failure.Message, "no more is known"))
		if failure.RetryTime != nil {
			next = "it is tried again by itself, see release.nextCheckTime in the status"
		}
	}
	hint := fmt.Sprintf("set another release, or ask for a retry with the annotation %s: retry %s", naming.AnnotationRequest, version)
	if status.Phase == v1alpha1.PhaseAborting {
		return failed(reasonReleaseAborting, fmt.Sprintf("release %s failed, and all services go back to %s%s%s; %s", version, status.Current.Version, why, p.notBack(), hint))
	}
	return failed(reasonReleaseAborted, fmt.Sprintf("release %s failed, and all services run %s%s; %s; %s", version, status.Current.Version, why, next, hint))
}

// notBack says which services do not run the current release again yet, and why.
func (p *pass) notBack() string {
	var waits []string
	for _, service := range naming.Services {
		if s := p.services[service]; s.Set != p.decision.Status.Current.Digest || !s.Stands {
			waits = append(waits, string(service)+": "+cmp.Or(s.Cause, "see whether Argo Rollouts runs"))
		}
	}
	if len(waits) == 0 {
		return ""
	}
	return "; not back yet: " + strings.Join(waits, "; ")
}

// lookAtCanary notes the smallest share that a Rollout in progress gives its new
// pods, if one is in progress. The frontend begins when the others have come to
// their end, which must not look as if the release fell back.
func (p *pass) lookAtCanary() {
	status, whose := &p.decision.Status, ""
	status.CanaryWeight = nil
	for _, service := range slices.Concat(naming.DataServices, []naming.Service{naming.Frontend}) {
		share := canaryShare(p.rollouts[p.names.Workload(service)])
		if share == nil || status.CanaryWeight != nil && *status.CanaryWeight <= *share {
			continue
		}
		status.CanaryWeight, whose = share, ""
		if service == naming.Frontend {
			whose = "frontend "
		}
	}
	switch {
	case status.CanaryWeight != nil:
		status.Rollout = fmt.Sprintf("%scanary %d%%", whose, *status.CanaryWeight)
	case status.Current.Digest != "":
		status.Rollout = "stable"
	default:
		status.Rollout = ""
	}
}

// canaryShare is what a Rollout gives its new pods; nil if none are on their way.
func canaryShare(rollout *unstructured.Unstructured) *int32 {
	if rollout == nil {
		return nil
	}
	stable, _, _ := unstructured.NestedString(rollout.Object, "status", "stableRS")
	current, _, _ := unstructured.NestedString(rollout.Object, "status", "currentPodHash")
	if stable == "" || stable == current {
		return nil
	}
	weight, _, _ := unstructured.NestedInt64(rollout.Object, "status", "canary", "weights", "canary", "weight")
	return new(int32(weight))
}
