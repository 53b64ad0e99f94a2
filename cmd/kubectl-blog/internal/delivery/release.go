package delivery

import (
	"fmt"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
	"blogplatform.io/operator/internal/promote"
)

// Change is another release for a platform.
type Change struct {
	Platform *platform.Platform
	Release  v1alpha1.Release
}

// None tells that the platform asks for this release already.
func (c Change) None() bool { return c.Platform.Spec.Release == c.Release }

// Refusal is why the change must not be written to the cluster.
func (c Change) Refusal() error { return refuseManaged(c.Platform) }

// Diff is the change of spec.release as a unified diff.
func (c Change) Diff() string {
	name := "BlogPlatform " + c.Platform.Key()
	return udiff.Unified(name, name, block(c.Platform.Spec.Release), block(c.Release))
}

// Patch is the change for Git: a merge patch in YAML, which kustomize takes.
func (c Change) Patch() string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata:\n  namespace: %s\n  name: %s\n%s",
		platform.Kind.GroupVersion(), platform.Kind.Kind, c.Platform.Namespace, c.Platform.Name, block(c.Release))
}

// block is spec.release in the order in which people write it.
func block(release v1alpha1.Release) string {
	var out strings.Builder
	out.WriteString("spec:\n  release:\n    version: " + quoted(release.Version) + "\n    images:\n")
	for _, image := range listed(release.Images) {
		out.WriteString("      " + image.service + ": " + quoted(image.reference) + "\n")
	}
	return out.String()
}

type image struct{ service, reference string }

func listed(images v1alpha1.Images) []image {
	return []image{{"frontend", images.Frontend}, {"user", images.User}, {"content", images.Content}, {"comment", images.Comment}}
}

// quoted is a string as YAML writes it: 1.10 would be read as a number.
func quoted(text string) string {
	raw, err := yaml.Marshal(text)
	if err != nil {
		return text
	}
	return strings.TrimSuffix(string(raw), "\n")
}

// Promotion is a change that brings to production what staging has verified.
type Promotion struct {
	Change
	// Gate is what the gate of production says of it. One that is closed opens by
	// itself, for the operator waits for it.
	Gate promote.Decision
}

// Terms of a promotion, beyond what the specs say.
type Terms struct {
	// Version that it has to be, if not empty.
	Version string
	// Soak is how long staging must have run it, where production has no gate of its own.
	Soak time.Duration
}

// Promote makes the change, by the decision that the operator makes, too. Where
// production has no gate nobody waits later, so what is not allowed now is refused.
func Promote(staging, production *platform.Platform, terms Terms, now time.Time) (Promotion, error) {
	if production.Spec.Environment != v1alpha1.Production {
		return Promotion{}, fmt.Errorf("BlogPlatform %s is of environment %s; only Production is promoted to: write the release into its spec", production.Key(), production.Spec.Environment)
	}
	from, waits := v1alpha1.PlatformReference{Namespace: staging.Namespace, Name: staging.Name}, promote.Gated(production.BlogPlatform)
	if other := production.Spec.Promotion.From; waits && other != from {
		return Promotion{}, fmt.Errorf("BlogPlatform %s is promoted from %s/%s (spec.promotion.from) and not from %s; leave out --from", production.Key(), other.Namespace, other.Name, staging.Key())
	}
	release, err := verified(staging, terms.Version)
	if err != nil {
		return Promotion{}, err
	}
	asked := production.DeepCopy()
	asked.Spec.Release = release
	asked.Spec.Promotion.From = from
	if !waits && terms.Soak > 0 {
		asked.Spec.Promotion.SoakSeconds = new(int32(terms.Soak.Seconds()))
	}
	gate := promote.Decide(asked, staging.BlogPlatform, now)
	if !gate.Allowed && (!waits || gate.NextCheck.IsZero()) {
		again := ""
		if !gate.NextCheck.IsZero() {
			again = "; promote it again after " + screen.Time(gate.NextCheck)
		}
		return Promotion{}, fmt.Errorf("release %s may not be promoted to %s: %s%s", release.Version, production.Key(), gate.Message, again)
	}
	return Promotion{Change{production, release}, gate}, nil
}

// verified is the release that staging has verified, by its digests: what it
// asks for or, if that version is named, what it runs while it tries another.
func verified(staging *platform.Platform, version string) (v1alpha1.Release, error) {
	current := staging.Status.Release.Current
	release := v1alpha1.Release{Version: current.Version, Images: current.Images}
	promotable, _, says := promote.Promotable(staging.BlogPlatform)
	switch {
	case staging.Spec.Environment != v1alpha1.Staging:
		return release, fmt.Errorf("BlogPlatform %s is of environment %s; releases are promoted from Staging", staging.Key(), staging.Spec.Environment)
	case !staging.DeletionTimestamp.IsZero():
		return release, fmt.Errorf("staging %s is being deleted", staging.Key())
	case current.Digest == "":
		return release, fmt.Errorf("staging %s has not verified a release yet; `kubectl blog status -n %s %s` shows what it waits for", staging.Key(), staging.Namespace, staging.Name)
	case version == "" && !promotable:
		return release, fmt.Errorf("staging %s has nothing to promote: %s", staging.Key(), says)
	case version != "" && release.Version != version:
		return release, fmt.Errorf("staging %s has verified release %s and not %s; wait for it, or promote what it has verified", staging.Key(), release.Version, version)
	}
	return release, nil
}
