package delivery

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
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

// Promote is the change that brings to production what staging has verified.
// With a version it has to be that one.
func Promote(staging, production *platform.Platform, version string) (Change, error) {
	if production.Spec.Environment != v1alpha1.Production {
		return Change{}, fmt.Errorf("BlogPlatform %s is of environment %s; only Production is promoted to: write the release into its spec", production.Key(), production.Spec.Environment)
	}
	release, err := verified(staging)
	if err != nil {
		return Change{}, err
	}
	if version != "" && release.Version != version {
		return Change{}, fmt.Errorf("staging %s has verified release %s and not %s; wait for it, or promote what it has verified", staging.Key(), release.Version, version)
	}
	return Change{production, release}, nil
}

// conditionPromotable is what staging says of the release that it has verified.
const conditionPromotable = "Promotable"

// verified is the release that staging has verified, by its digests.
func verified(staging *platform.Platform) (v1alpha1.Release, error) {
	current := staging.Status.Release.Current
	release := v1alpha1.Release{Version: current.Version, Images: current.Images}
	switch c := meta.FindStatusCondition(staging.Status.Conditions, conditionPromotable); {
	case staging.Spec.Environment != v1alpha1.Staging:
		return release, fmt.Errorf("BlogPlatform %s is of environment %s; releases are promoted from Staging", staging.Key(), staging.Spec.Environment)
	case !staging.DeletionTimestamp.IsZero():
		return release, fmt.Errorf("staging %s is being deleted", staging.Key())
	case c != nil && c.Status != metav1.ConditionTrue:
		return release, fmt.Errorf("staging %s has nothing to promote: %s", staging.Key(), c.Message)
	case current.Digest == "" || release.Images == (v1alpha1.Images{}):
		return release, fmt.Errorf("staging %s has not verified a release yet; `kubectl blog status -n %s %s` shows what it waits for", staging.Key(), staging.Namespace, staging.Name)
	}
	for _, image := range listed(release.Images) {
		if !strings.Contains(image.reference, "@sha256:") {
			return release, fmt.Errorf("staging %s has verified release %s by tag (%s: %s), which can change what it means; release it there by digest first", staging.Key(), release.Version, image.service, image.reference)
		}
	}
	return release, nil
}
