package controllers

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
)

// How many migrations and releases status remembers. The migrations are those of
// two releases, so that a step back runs none; to run one again changes nothing.
const (
	maxMigrations = 6
	maxHistory    = 10
)

// bookkeep writes down what a later pass cannot see any more: migrations that
// finished, the release that was verified, and how releases ended.
func (p *pass) bookkeep() {
	p.rememberMigrations()
	status := &p.platform.Status.Release
	verified := p.verified()
	if verified {
		status.Current = v1alpha1.ReleaseIdentity{Version: p.release.Version, Digest: p.plan.Digest, Images: p.release.Images}
	}
	status.Target = v1alpha1.ReleaseIdentity{Version: p.platform.Spec.Release.Version, Digest: p.plan.Target}
	status.Phase = p.phase()
	status.CanaryWeight = p.canaryWeight()
	status.Rollout = rolloutWord(status)
	p.platform.Status.History = record(p.platform.Status.History, status.Target, status.Phase == v1alpha1.PhaseComplete, metav1.NewTime(p.now()).Rfc3339Copy())
}

func (p *pass) rememberMigrations() {
	for _, o := range p.outcomes {
		if o.child.Stage != plan.StageMigrations || o.live == nil || o.verdict.State != ready.Ready || p.finishedEarlier(o.child) {
			continue
		}
		p.platform.Status.Migrations = append(p.platform.Status.Migrations, v1alpha1.MigrationStatus{Job: o.live.GetName(), Versions: p.migrationVersions(o.live)})
	}
	if n := len(p.platform.Status.Migrations); n > maxMigrations {
		p.platform.Status.Migrations = slices.Delete(p.platform.Status.Migrations, 0, n-maxMigrations)
	}
}

// verified tells whether the set of pods that is planned has passed Verify, now or earlier.
func (p *pass) verified() bool {
	for _, o := range p.outcomes {
		if o.child.Stage == plan.StageVerify {
			return o.verdict.State == ready.Ready
		}
	}
	return false
}

func (p *pass) phase() v1alpha1.ReleasePhase {
	release := p.platform.Status.Release
	switch {
	case release.Current.Digest == release.Target.Digest:
		return v1alpha1.PhaseComplete
	case p.worst(v1alpha1.ConditionWorkloadsReady).State == ready.Ready:
		return v1alpha1.PhaseVerifying
	case release.Current.Digest == "":
		return v1alpha1.PhaseInstalling
	case !p.migrated:
		return v1alpha1.PhaseMigrating
	}
	return v1alpha1.PhaseProgressing
}

// canaryWeight is the smallest share that a Rollout in progress gives its new
// pods; nil while none is in progress.
func (p *pass) canaryWeight() *int32 {
	var smallest *int32
	for _, service := range naming.Services {
		rollout := p.rollouts[p.names.Workload(service)]
		if rollout == nil {
			continue
		}
		stable, _, _ := unstructured.NestedString(rollout.Object, "status", "stableRS")
		current, _, _ := unstructured.NestedString(rollout.Object, "status", "currentPodHash")
		if stable == "" || stable == current {
			continue
		}
		weight, _, _ := unstructured.NestedInt64(rollout.Object, "status", "canary", "weights", "canary", "weight")
		if smallest == nil || int32(weight) < *smallest {
			smallest = new(int32(weight))
		}
	}
	return smallest
}

func rolloutWord(release *v1alpha1.ReleaseStatus) string {
	switch {
	case release.CanaryWeight != nil:
		return fmt.Sprintf("canary %d%%", *release.CanaryWeight)
	case release.Current.Digest != "":
		return "stable"
	}
	return ""
}

// record keeps the history: newest first, the target at its head.
func record(history []v1alpha1.ReleaseRecord, target v1alpha1.ReleaseIdentity, complete bool, now metav1.Time) []v1alpha1.ReleaseRecord {
	if len(history) == 0 || history[0].Digest != target.Digest || history[0].Version != target.Version {
		if len(history) > 0 && history[0].Outcome == v1alpha1.OutcomeInProgress {
			history[0].Outcome, history[0].CompletionTime = v1alpha1.OutcomeSuperseded, &now
		}
		history = slices.Insert(history, 0, v1alpha1.ReleaseRecord{
			Version: target.Version, Digest: target.Digest, StartTime: now, Outcome: v1alpha1.OutcomeInProgress,
		})
	}
	if complete && history[0].Outcome == v1alpha1.OutcomeInProgress {
		history[0].Outcome, history[0].CompletionTime = v1alpha1.OutcomeSucceeded, &now
	}
	if len(history) > maxHistory {
		history = dropOldest(history)
	}
	return history
}

// dropOldest forgets the oldest release that is not the last good one.
func dropOldest(history []v1alpha1.ReleaseRecord) []v1alpha1.ReleaseRecord {
	good := slices.IndexFunc(history, func(r v1alpha1.ReleaseRecord) bool { return r.Outcome == v1alpha1.OutcomeSucceeded })
	oldest := len(history) - 1
	if oldest == good {
		oldest--
	}
	return slices.Delete(history, oldest, oldest+1)
}
