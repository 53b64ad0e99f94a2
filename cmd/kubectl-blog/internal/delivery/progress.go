package delivery

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/internal/ready"
)

// ErrEnded tells of a release that is over without success.
var ErrEnded = errors.New("the release did not come through")

// Progress says in a line how far a release is on its way into a platform, and
// whether it is there. The error is ErrEnded with the reason.
func Progress(p *platform.Platform, version string) (line string, done bool, err error) {
	r := p.Status.Release
	stalled := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionStalled)
	switch {
	case !p.DeletionTimestamp.IsZero():
		return "", false, fmt.Errorf("%w: the platform is being deleted", ErrEnded)
	case p.Spec.Release.Version != version:
		return "", false, fmt.Errorf("%w: somebody has asked for release %s meanwhile", ErrEnded, p.Spec.Release.Version)
	case p.Status.ObservedGeneration < p.Generation:
		return "waits for the operator", false, nil
	case stalled != nil && stalled.Status == metav1.ConditionTrue:
		return "", false, fmt.Errorf("%w: %s", ErrEnded, stalled.Message)
	case closed(p) != "":
		return "waits at the gate: " + closed(p), false, nil
	case r.Target.Version != version:
		return "waits for the operator", false, nil
	case r.Current.Version == version && r.Current.Digest == r.Target.Digest:
		return "", true, nil
	}
	if ended := outcome(p); ended != "" {
		return "", false, fmt.Errorf("%w: it is %s%s", ErrEnded, ended, because(p))
	}
	return describe(p), false, nil
}

// closed is why the gate does not let through what the spec asks for, or nothing if it does.
func closed(p *platform.Platform) string {
	gate := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionPromotionAllowed)
	if gate == nil || gate.Status != metav1.ConditionFalse {
		return ""
	}
	return gate.Message
}

// outcome of the target, if it is none of those of a release that goes on or
// went well, by the phase or by the record at the head of the history.
func outcome(p *platform.Platform) string {
	if phase := string(p.Status.Release.Phase); phase == "Aborted" || phase == "Failed" {
		return strings.ToLower(phase)
	}
	if len(p.Status.History) == 0 || p.Status.History[0].Digest != p.Status.Release.Target.Digest {
		return ""
	}
	switch o := p.Status.History[0].Outcome; o {
	case v1alpha1.OutcomeInProgress, v1alpha1.OutcomeSucceeded:
		return ""
	default:
		return strings.ToLower(string(o))
	}
}

func because(p *platform.Platform) string {
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c != nil && c.Status != metav1.ConditionTrue {
		return "; " + c.Message
	}
	return ""
}

// describe is short while all goes well, so that each step is one line.
func describe(p *platform.Platform) string {
	line := strings.ToLower(string(p.Status.Release.Phase))
	if weight := p.Status.Release.CanaryWeight; weight != nil {
		line += "  " + bar(*weight) + " " + p.Status.Release.Rollout
	}
	if trouble := trouble(p); trouble != "" {
		line += ": " + trouble
	}
	return line
}

// bar is a share of traffic in ten cells.
func bar(percent int32) string {
	full := int(min(max(percent, 0), 100)) / 10
	return strings.Repeat("█", full) + strings.Repeat("░", 10-full)
}

// trouble is what will not pass by itself, as far as the operator tells.
func trouble(p *platform.Platform) string {
	for _, service := range p.Status.Services {
		if service.State == string(ready.Failed) {
			return service.Message
		}
	}
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionMigrationsReady); c != nil && c.Reason == "JobFailed" {
		return c.Message
	}
	return ""
}
