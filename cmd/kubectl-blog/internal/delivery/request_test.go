package delivery

import (
	"strings"
	"testing"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
)

func TestAPauseWarnsOfServicesThatFollowTheirLoad(t *testing.T) {
	p := &platform.Platform{BlogPlatform: &v1alpha1.BlogPlatform{}}
	if warning := Unscaled(p, Pause); warning != "" {
		t.Errorf("without an autoscaler: %s", warning)
	}
	p.Spec.Services.User.Autoscaling = &v1alpha1.Autoscaling{Min: 1, Max: 3}
	p.Spec.Services.Comment.Autoscaling = &v1alpha1.Autoscaling{Min: 1, Max: 3}
	if warning := Unscaled(p, Pause); !strings.Contains(warning, "the number of pods of user, comment does not follow the load") {
		t.Errorf("it warns: %s", warning)
	}
	if warning := Unscaled(p, Resume); warning != "" {
		t.Errorf("a resume warns: %s", warning)
	}
}
