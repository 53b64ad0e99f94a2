//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// TestProductionRunsNothingThatStagingHasNotVerified asks for images that nobody
// has ever seen, under the eyes of a reader, and thinks better of it.
func TestProductionRunsNothingThatStagingHasNotVerified(t *testing.T) {
	before := get(t, production).Spec.Release
	restored := false
	restore := func() {
		if !restored {
			restored = true
			change(t, production, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release = before })
		}
	}
	t.Cleanup(restore)
	end := load(t, production, 20)
	change(t, production, func(spec *v1alpha1.BlogPlatformSpec) {
		name, _, _ := strings.Cut(spec.Release.Images.User, "@")
		spec.Release.Version, spec.Release.Images.User = "v6.6.6", name+"@sha256:"+strings.Repeat("6", 64)
	})
	eventually(t, time.Minute, "a closed gate", func(context.Context) error {
		bp := get(t, production)
		c := meta.FindStatusCondition(bp.Status.Conditions, v1alpha1.ConditionPromotionAllowed)
		if c == nil || c.Status != metav1.ConditionFalse || c.Reason != "NotVerified" || c.ObservedGeneration != bp.Generation {
			return fmt.Errorf("PromotionAllowed is %+v", c)
		}
		if r := bp.Status.Release; r.Target.Version != before.Version || r.Current.Version != before.Version {
			return fmt.Errorf("release: %+v", r)
		}
		return nil
	})
	restore()
	awaitRelease(t, production, before.Version, 2*time.Minute)
	noFailures(t, "production, before a closed gate", end)
	for _, r := range get(t, production).Status.History {
		if r.Version == "v6.6.6" {
			t.Errorf("the history tells of %+v", r)
		}
	}
}
