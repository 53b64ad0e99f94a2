package course

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
)

// prepared tells whether the target's pods may start: its set is kept and its
// migrations are done; and, if not, how far they have come.
func (d *decider) prepared() (bool, release.Task, error) {
	var task release.Task
	if d.Good != nil && d.Good.Digest == d.Target.Digest {
		return true, task, nil
	}
	children, err := plan.Preparations(d.before())
	if err != nil {
		return false, task, d.planError(err)
	}
	for _, child := range children {
		live := d.preparation(child)
		switch {
		case child.Object.GetKind() == "Job" && release.MigrationDone(d.Status.Migrations, child.Object.GetName()),
			live != nil && ready.Judge(child.Object, live, d.now).State == ready.Ready:
			task.Done++
		case live != nil && live.GetKind() == "Job":
			progress := d.state.JobProgress(live)
			task.Started, task.Cause = task.Started || progress.Started, cmp.Or(task.Cause, progress.Cause)
			if observed.PastDeadline(live) {
				task.Expired = fields.Name(live)
			}
		}
	}
	return int(task.Done) == len(children), task, nil
}

// preparation is the object that a child is now, nil if there is none of ours.
func (d *decider) preparation(child plan.Child) *unstructured.Unstructured {
	live := d.state.Jobs[child.Object.GetName()]
	if child.Object.GetKind() == "ControllerRevision" {
		live = d.state.Sets[child.Object.GetName()]
	}
	if live == nil || !d.names.Owns(live.GetLabels()) {
		return nil
	}
	return live
}

// verify is what the Verify Job of the present attempt says of the target, and how far
// it has come. That it could not run in time says nothing of the target.
func (d *decider) verify() (release.Verdict, release.Task) {
	job := d.state.Jobs[d.names.VerifyJob(d.Target.Digest, d.Status.Release.Attempt)]
	if job == nil {
		return release.Verdict{}, release.Task{}
	}
	progress := d.state.JobProgress(job)
	task := release.Task{Started: progress.Started, Cause: progress.Cause}
	verdict := d.state.JobVerdict(ready.Judge(job, job, d.now), job)
	switch {
	case verdict.State == ready.Ready:
		return release.Verdict{Outcome: release.Passed}, task
	case verdict.State != ready.Failed:
		return release.Verdict{}, task
	case observed.PastDeadline(job):
		return release.Verdict{Outcome: release.Broken, Reason: "VerifyTimeout", Message: verdict.Message}, task
	}
	return release.Verdict{Outcome: release.Failed, Reason: "VerifyFailed", Message: verdict.Message}, task
}

// reportCanary notes the smallest share of requests that a Rollout in progress gives its
// new pods. The frontend begins when the other services have finished their steps: it is
// named, so that this does not look as if the release went back.
func reportCanary(status *v1alpha1.ReleaseStatus, names naming.Platform, state observed.State) {
	who := ""
	status.CanaryWeight = nil
	for _, service := range slices.Concat(naming.DataServices, []naming.Service{naming.Frontend}) {
		share := canaryShare(state.Rollout(names, service))
		if share == nil || status.CanaryWeight != nil && *status.CanaryWeight <= *share {
			continue
		}
		status.CanaryWeight, who = share, ""
		if service == naming.Frontend {
			who = "frontend "
		}
	}
	switch {
	case status.CanaryWeight != nil:
		status.Rollout = fmt.Sprintf("%scanary %d%%", who, *status.CanaryWeight)
	case status.Current.Digest != "":
		status.Rollout = "stable"
	default:
		status.Rollout = ""
	}
}

// canaryShare is the share that a Rollout gives its new pods; nil if it has none.
func canaryShare(rollout *unstructured.Unstructured) *int32 {
	if rollout == nil {
		return nil
	}
	stable := fields.Text(rollout, "status", "stableRS")
	if stable == "" || stable == fields.Text(rollout, "status", "currentPodHash") {
		return nil
	}
	return new(fields.Int32(rollout, "status", "canary", "weights", "canary", "weight"))
}
