package delivery

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/release"
)

// record is a release of the past with what is needed to run it again.
type record struct {
	Version string                  `json:"version"`
	Digest  string                  `json:"digest"`
	Outcome v1alpha1.ReleaseOutcome `json:"outcome"`
	Images  v1alpha1.Images         `json:"images"`
}

// Rollback is the change that goes back to a release of the history. Without a
// version it is the good one before the current.
func Rollback(p *platform.Platform, version string) (Change, error) {
	good, err := goodReleases(p)
	if err != nil {
		return Change{}, err
	}
	steps, err := stepsBack(p, good, version)
	if err != nil {
		return Change{}, err
	}
	to := good[steps]
	if steps > 0 {
		if _, err := release.Rollback(p.Status.History, p.Status.Database.Schemas, to.Version); err != nil {
			return Change{}, fmt.Errorf("BlogPlatform %s: %w", p.Key(), err)
		}
	}
	if to.Images == (v1alpha1.Images{}) {
		return Change{}, fmt.Errorf("the history of BlogPlatform %s does not hold the images of release %s; write them into spec.release", p.Key(), to.Version)
	}
	return Change{p, v1alpha1.Release{Version: to.Version, Images: to.Images}}, nil
}

// goodReleases are the current release, and those that succeeded before it, newest first.
func goodReleases(p *platform.Platform) ([]record, error) {
	current := p.Status.Release.Current
	if current.Version == "" {
		return nil, fmt.Errorf("BlogPlatform %s has no verified release to go back to", p.Key())
	}
	good := []record{{Version: current.Version, Digest: current.Digest, Outcome: v1alpha1.OutcomeSucceeded, Images: current.Images}}
	seen := map[string]bool{current.Digest: true}
	recorded, _, _ := unstructured.NestedSlice(p.Raw.Object, "status", "history")
	for _, entry := range recorded {
		var r record
		fields, _ := entry.(map[string]any)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &r); err != nil {
			return nil, fmt.Errorf("read the history of BlogPlatform %s: %w", p.Key(), err)
		}
		if r.Outcome == v1alpha1.OutcomeSucceeded && !seen[r.Digest] {
			seen[r.Digest] = true
			good = append(good, r)
		}
	}
	return good, nil
}

// stepsBack counts from the current release, which is none: back to it goes a
// release that is under way.
func stepsBack(p *platform.Platform, good []record, version string) (int, error) {
	if version == "" {
		underway := p.Status.Release.Target.Digest != p.Status.Release.Current.Digest
		switch {
		case underway:
			return 0, nil
		case len(good) > 1:
			return 1, nil
		}
		return 0, fmt.Errorf("BlogPlatform %s has no good release before %s", p.Key(), good[0].Version)
	}
	var versions []string
	for i, r := range good {
		if r.Version == version {
			return i, nil
		}
		versions = append(versions, r.Version)
	}
	return 0, fmt.Errorf("BlogPlatform %s has no good release %s in its history; it has %s", p.Key(), version, strings.Join(versions, ", "))
}

// WithImages completes the history by the images of its releases, which the
// ControllerRevisions hold by which the operator goes back to them.
func WithImages(ctx context.Context, reader client.Reader, p *platform.Platform) error {
	recorded, _, _ := unstructured.NestedSlice(p.Raw.Object, "status", "history")
	for _, entry := range recorded {
		fields, _ := entry.(map[string]any)
		digest, _, _ := unstructured.NestedString(fields, "digest")
		revision := &unstructured.Unstructured{}
		revision.SetGroupVersionKind(platform.KindOf(plan.Kinds, "ControllerRevision"))
		err := reader.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: p.Names().Set(digest)}, revision)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read what release %v of BlogPlatform %s ran: %w", fields["version"], p.Key(), err)
		}
		set, err := plan.ReadSet(revision)
		if err != nil {
			return err
		}
		images, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&set.Release.Images)
		if err != nil {
			return fmt.Errorf("read what release %v of BlogPlatform %s ran: %w", fields["version"], p.Key(), err)
		}
		fields["images"] = images
	}
	if len(recorded) == 0 {
		return nil
	}
	return unstructured.SetNestedSlice(p.Raw.Object, recorded, "status", "history")
}
