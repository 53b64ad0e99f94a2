package course

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/release"
)

// findSets finds the target and the set that was verified last.
func (d *decider) findSets(wanted v1alpha1.Release) error {
	set, err := plan.SetOf(d.platform, wanted)
	if err != nil {
		return d.planError(err)
	}
	d.Target = d.askPods(set)
	status := &d.Status.Release
	if committing := release.Target(*status, identityOf(d.Target)); committing.Digest != d.Target.Digest {
		if kept := d.keptSet(committing.Digest); kept != nil {
			d.Target = *kept
		} else {
			status.Phase = v1alpha1.PhaseProgressing // the set that was to be committed was deleted
		}
	}
	switch status.Current.Digest {
	case "":
		return nil
	case d.Target.Digest:
		d.Good = &d.Target
		return nil
	}
	return d.findGood()
}

// findGood finds the set that was verified last. If somebody has deleted it, its
// images under the present spec are the next best.
func (d *decider) findGood() error {
	current := &d.Status.Release.Current
	if d.Good = d.keptSet(current.Digest); d.Good != nil {
		return nil
	}
	set, err := plan.SetOf(d.platform, v1alpha1.Release{Version: current.Version, Images: current.Images})
	if err != nil {
		return d.planError(err)
	}
	d.Good, current.Digest = &set, set.Digest
	return nil
}

// keptSet reads a set from its ControllerRevision; nil if there is none, or none that can be read.
func (d *decider) keptSet(digest string) *plan.Set {
	revision := d.state.Sets[d.names.Set(digest)]
	if revision == nil {
		return nil
	}
	set, err := plan.ReadSet(revision)
	if err != nil {
		return nil
	}
	return &set
}

// kept are the ControllerRevisions of the sets to go back to: the one that was
// verified last, the target's, and those of earlier releases that succeeded.
func (d *decider) kept() []*unstructured.Unstructured {
	names := []string{d.names.Set(d.Target.Digest), d.names.Set(d.Status.Release.Current.Digest)}
	for _, record := range d.Status.History {
		if record.Outcome == v1alpha1.OutcomeSucceeded {
			names = append(names, d.names.Set(record.Digest))
		}
	}
	slices.Sort(names)
	var kept []*unstructured.Unstructured
	for _, name := range slices.Compact(names) {
		if live := d.state.Sets[name]; live != nil && live.GetDeletionTimestamp() == nil {
			kept = append(kept, live)
		}
	}
	return kept
}

// contract is the release whose contract migrations run first: the current one, if
// other images follow. They do not run if the target is an earlier release, which may
// need what they remove.
func (d *decider) contract() *v1alpha1.Release {
	target := d.Target.Release
	if d.Good == nil || promote.SameImages(d.Good.Release.Images, target.Images) ||
		release.Past(d.Status.History, target.Version, promote.ImagesDigest(target.Images)) {
		return nil
	}
	return &d.Good.Release
}
