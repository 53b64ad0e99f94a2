package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
	"blogplatform.io/operator/internal/report"
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
	p.course.Target = wanted
	if committing := release.Target(*status, identityOf(wanted)); committing.Digest != wanted.Digest {
		kept, err := p.keptSet(ctx, committing.Digest)
		if err != nil {
			return err
		}
		if kept == nil {
			status.Phase = v1alpha1.PhaseProgressing // what was to be committed cannot be known any more
		} else {
			p.course.Target = *kept
		}
	}
	switch current := status.Current; current.Digest {
	case "":
		return nil
	case p.course.Target.Digest:
		p.course.Good = &p.course.Target
		return nil
	default:
		return p.findGood(ctx, current)
	}
}

// findGood finds the set that was verified last. If somebody has deleted it,
// its images under the present spec are the next best.
func (p *pass) findGood(ctx context.Context, current v1alpha1.ReleaseIdentity) (err error) {
	if p.course.Good, err = p.keptSet(ctx, current.Digest); err != nil || p.course.Good != nil {
		return err
	}
	again, err := plan.SetOf(p.platform, v1alpha1.Release{Version: current.Version, Images: current.Images})
	if err != nil {
		return fmt.Errorf("plan BlogPlatform %s/%s: %w", p.names.Namespace, p.names.Name, err)
	}
	p.course.Good, p.platform.Status.Release.Current.Digest = &again, again.Digest
	return nil
}

func identityOf(set plan.Set) v1alpha1.ReleaseIdentity {
	return v1alpha1.ReleaseIdentity{Version: set.Release.Version, Digest: set.Digest}
}

// keptSet reads a set from its ControllerRevision, or nothing if there is none.
func (p *pass) keptSet(ctx context.Context, digest string) (*plan.Set, error) {
	revision := p.state.Sets[p.names.Set(digest)]
	if revision == nil {
		live, err := get(ctx, p.live, named(appsv1.SchemeGroupVersion.WithKind("ControllerRevision"), p.names.Namespace, p.names.Set(digest)))
		if err != nil || live == nil || !p.names.Owns(live.GetLabels()) && !metav1.IsControlledBy(live, p.platform) {
			return nil, err
		}
		p.state.Sets[live.GetName()], revision = live, live
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
	p.course.Release = release.Decide(status, release.Facts{
		Now: now, Acting: p.acting.at(p.platform.UID, now), Limits: release.Limits(plan.LimitsOf(p.platform)),
		Wanted: identityOf(p.course.Target), Images: p.course.Target.Release.Images, Prepared: prepared, Migrations: migrations, Services: p.state.Services,
		Verify: verdict, Test: test, Request: p.platform.Annotations[naming.AnnotationRequest], Closed: p.course.Gate.Closed, Suspended: p.suspended(),
	})
	p.lookAtGateAgain()
	p.lookAtCanary()
	return nil
}

// readServices reads how far each Rollout has come, and looks at its pods.
func (p *pass) readServices(ctx context.Context) error {
	p.state.Services = map[naming.Service]release.Service{}
	for _, service := range naming.Services {
		rollout := p.state.Rollouts[p.names.Workload(service)]
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
		p.state.Services[service] = read
	}
	return nil
}

// lookAtPods counts the pods of a template that serve, and tells why others of
// the service do not: first those of the template.
func (p *pass) lookAtPods(service naming.Service, template string, rollout *unstructured.Unstructured) (up int32, cause string) {
	var own, others []corev1.Pod
	for i := range p.state.Pods {
		pod := &p.state.Pods[i]
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
	if p.course.Good != nil && p.course.Good.Digest == p.course.Target.Digest {
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
			if pastDeadline(live) {
				task.Expired = fields.Name(live)
			}
		}
	}
	return int(task.Done) == len(children), task, nil
}

// lookAtJob tells whether a container of the Job's has ever run, and why it gets no
// further. Of one that is done nothing is asked for, though its pods may be gone.
func (p *pass) lookAtJob(ctx context.Context, job *unstructured.Unstructured) (started bool, cause string, err error) {
	if fields.Int32(job, "status", "succeeded") > 0 {
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
	return false, fields.Name(job) + " has no pod: " + cmp.Or(refusal, "see whether the Job controller runs, and look at its events"), err
}

// refusal is why the API server refuses the pods of a Job that has none, or
// empty. Only events tell; they are asked for once in a pass.
func (p *pass) refusal(ctx context.Context, job *unstructured.Unstructured) (string, error) {
	if known, asked := p.state.Refusals[job.GetUID()]; asked {
		return known, nil
	}
	var events corev1.EventList
	err := p.live.List(ctx, &events, client.InNamespace(job.GetNamespace()), client.MatchingFields{"involvedObject.uid": string(job.GetUID()), "reason": ready.ReasonFailedCreate})
	if err != nil && !apierrors.IsForbidden(err) {
		return "", fmt.Errorf("list events of %s: %w", fields.Name(job), err)
	}
	if p.state.Refusals == nil {
		p.state.Refusals = map[types.UID]string{}
	}
	p.state.Refusals[job.GetUID()] = ready.Refused(events.Items)
	return p.state.Refusals[job.GetUID()], nil
}

// pastDeadline tells whether Kubernetes has ended a Job because of its deadline.
func pastDeadline(job *unstructured.Unstructured) bool {
	reason, _ := fields.ConditionTrue(job, string(batchv1.JobFailed))
	return reason == batchv1.JobReasonDeadlineExceeded
}

func (p *pass) podsOfJob(job *unstructured.Unstructured) []corev1.Pod {
	return slices.DeleteFunc(slices.Clone(p.state.Pods), func(pod corev1.Pod) bool { return pod.Labels[batchv1.JobNameLabel] != job.GetName() })
}

// verifyVerdict is what the Verify Job of an attempt says of the target, and how
// far it has come. That it could not run in time says nothing of the target.
func (p *pass) verifyVerdict(ctx context.Context, attempt int64) (release.Verdict, release.Task, error) {
	name := jobNamed(p.names.Namespace, p.names.VerifyJob(p.course.Target.Digest, attempt))
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
	case pastDeadline(job):
		return release.Verdict{Outcome: release.Broken, Reason: "VerifyTimeout", Message: verdict.Message}, task, nil
	}
	return release.Verdict{Outcome: release.Failed, Reason: "VerifyFailed", Message: verdict.Message}, task, nil
}

// input of the plan, by what was decided. Before that it is of a release that has arrived.
func (p *pass) input() plan.Input {
	run := plan.Run{Target: &p.course.Target, Kept: p.kept(), Contract: p.contract(), Good: p.course.Good, Attempt: p.course.Release.Status.Attempt}
	if d := p.course.Release; d.Status.Phase != "" {
		if !d.DataOnTarget {
			run.Data = p.course.Good
		}
		if !d.FrontendOnTarget {
			run.Frontend = p.course.Good
		}
		run.Direct, run.Committing, run.Short = d.Direct, d.Window, d.Short
		run.WithoutMigrations, run.WithoutVerify = d.Stopped(), !d.Verifying()
		run.Paused = d.Halted
	}
	return plan.Input{Platform: p.platform, Release: p.course.Target.Release, Run: run, Observed: p.state.CoWritten, Database: p.state.Database, Volumes: p.state.Volumes, HoldDatabase: p.course.DatabaseWaits != nil}
}

// kept are the ControllerRevisions of the sets to go back to: the one that was
// verified last, the target's, and those of the releases of the past that succeeded.
func (p *pass) kept() []*unstructured.Unstructured {
	names := []string{p.names.Set(p.course.Target.Digest), p.names.Set(p.platform.Status.Release.Current.Digest)}
	for _, record := range p.platform.Status.History {
		if record.Outcome == v1alpha1.OutcomeSucceeded {
			names = append(names, p.names.Set(record.Digest))
		}
	}
	slices.Sort(names)
	var kept []*unstructured.Unstructured
	for _, name := range slices.Compact(names) {
		if live := p.state.Sets[name]; live != nil && live.GetDeletionTimestamp() == nil {
			kept = append(kept, live)
		}
	}
	return kept
}

// contract is the release whose contract migrations run first: the one that
// is current, when other images follow. They are held back when the target is
// one of the past, which may need what they take away.
func (p *pass) contract() *v1alpha1.Release {
	target := p.course.Target.Release
	if p.course.Good == nil || promote.SameImages(p.course.Good.Release.Images, target.Images) ||
		release.Past(p.platform.Status.History, target.Version, promote.ImagesDigest(target.Images)) {
		return nil
	}
	return &p.course.Good.Release
}

// beginContract writes down that contract migrations begin, before the first of
// their Jobs is created: whatever becomes of that, it may have taken something away.
func (p *pass) beginContract(ctx context.Context) error {
	var services []naming.Service
	for _, child := range p.plan.Children {
		if child.Stage == plan.StageContract && !p.finishedEarlier(child) {
			services = append(services, p.names.ServiceMigratedBy(child.Object.GetLabels()))
		}
	}
	status := &p.platform.Status
	status.History = release.BeginContract(status.History, status.Database.Schemas, services...)
	status.Database.Schemas = release.Unreported(status.Database.Schemas, services...)
	return p.writeStatus(ctx)
}

// writeAhead writes down what was decided before it is done, wherever a pass
// that knows nothing of it would decide otherwise.
func (p *pass) writeAhead(ctx context.Context) error {
	before := p.platform.Status.Release
	p.platform.Status.Release = p.course.Release.Status
	p.platform.Status.History = release.Record(p.platform.Status.History, p.course.Release.Status, metav1.NewTime(p.now()).Rfc3339Copy())
	if p.course.Problem == nil {
		p.recordGate()
		p.recordWaiting()
	}
	after := p.course.Release.Status
	if p.course.Release.First || before.Phase == after.Phase && before.Attempt == after.Attempt && equality.Semantic.DeepEqual(before.Failures, after.Failures) {
		return nil
	}
	if p.course.Problem == nil {
		p.platform.Status.Conditions = report.WriteAhead(p.reportInput(nil))
	}
	return p.writeStatus(ctx)
}

// releaseBarriers lets the Rollouts go that the decision names. One that was
// written since it was observed is looked at again, for its event will come.
func (p *pass) releaseBarriers(ctx context.Context) {
	if p.suspended() {
		return
	}
	for _, service := range p.course.Release.Release {
		if err := p.applier.EndPause(ctx, p.state.Rollouts[p.names.Workload(service)]); !apierrors.IsConflict(err) {
			p.fail(err)
		}
	}
}

// rememberMigrations writes down what a later pass cannot see any more.
func (p *pass) rememberMigrations(ctx context.Context) {
	for _, o := range p.result.Outcomes {
		if o.Kind() != "Job" || o.Child.Stage == plan.StageVerify || o.Live == nil || o.Verdict.State != ready.Ready || p.finishedEarlier(o.Child) {
			continue
		}
		report, err := p.migrationReport(ctx, o.Live)
		if err != nil {
			p.fail(err)
			continue
		}
		p.platform.Status.Migrations = append(p.platform.Status.Migrations, v1alpha1.MigrationStatus{Job: o.Live.GetName(), Versions: report.versions(), Contract: report.Contract})
		p.recordMigration(o.Child, report)
	}
	if n := len(p.platform.Status.Migrations); n > maxMigrations {
		p.platform.Status.Migrations = slices.Delete(p.platform.Status.Migrations, 0, n-maxMigrations)
	}
}

// lookAtCanary notes the smallest share that a Rollout in progress gives its new
// pods, if one is in progress. The frontend begins when the others have come to
// their end, which must not look as if the release fell back.
func (p *pass) lookAtCanary() {
	status, whose := &p.course.Release.Status, ""
	status.CanaryWeight = nil
	for _, service := range slices.Concat(naming.DataServices, []naming.Service{naming.Frontend}) {
		share := canaryShare(p.state.Rollouts[p.names.Workload(service)])
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
