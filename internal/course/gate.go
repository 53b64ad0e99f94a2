package course

import (
	"cmp"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/release"
)

// askGate finds the release that the platform should run: the one of its spec, if the
// gate allows it and the database still has what it needs, else the last allowed one.
func (d *decider) askGate() v1alpha1.Release {
	platform, wanted := d.withStatus(), d.platform.Spec.Release
	d.Gate = promote.Decide(platform, d.state.Staging, d.now)
	d.Unsafe = release.Unsafe(d.Status.History, d.Status.Database.Schemas, wanted.Version, promote.ImagesDigest(wanted.Images))
	if d.Gate.Allowed && d.Unsafe == nil {
		return wanted
	}
	return d.lastAllowed()
}

// lastAllowed is the last release that the gate allowed: the one under way or, if that
// was aborted, the current one.
func (d *decider) lastAllowed() v1alpha1.Release {
	status := d.Status.Release
	if status.Target.Digest != status.Current.Digest && !release.Stopped(status.Phase) {
		if set := d.keptSet(status.Target.Digest); set != nil {
			return set.Release
		}
		d.Lost = status.Target.Version
	}
	return v1alpha1.Release{Version: status.Current.Version, Images: status.Current.Images}
}

// askDatabase keeps PostgreSQL from a restart that may not happen now.
func (d *decider) askDatabase() {
	decision := promote.Database(d.withStatus(), d.now)
	if !decision.Allowed && plan.RestartsDatabase(d.platform, d.state.Database) {
		d.DatabaseWaits = &decision
	}
}

// askPods is the set to work towards: the wanted one or, if that only replaces pods by
// others of the same images and may not begin now, the current one.
func (d *decider) askPods(wanted plan.Set) plan.Set {
	status := d.Status.Release
	current := status.Current
	begun := status.Target.Digest == wanted.Digest && release.Underway(status.Phase)
	if current.Digest == "" || current.Digest == wanted.Digest || current.Version != wanted.Release.Version || !promote.SameImages(current.Images, wanted.Release.Images) || begun {
		return wanted
	}
	decision := promote.Pods(d.withStatus(), d.now)
	if decision.Allowed {
		d.Gate.Override = cmp.Or(d.Gate.Override, decision.Override)
		return wanted
	}
	kept := d.keptSet(current.Digest)
	if kept == nil {
		return wanted // the current pods cannot be planned any more
	}
	d.PodsWait = &decision
	return *kept
}
