package delivery

import (
	"fmt"
	"strings"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
)

// Verb is what the operator is asked to do with a release.
type Verb string

// The verbs.
const (
	Pause  Verb = "pause"
	Resume Verb = "resume"
	Abort  Verb = "abort"
	Retry  Verb = "retry"
)

// Request is the value of the annotation by which the operator is asked, or why
// there is nothing to ask for.
func Request(p *platform.Platform, verb Verb) (string, error) {
	r, version := p.Status.Release, p.Spec.Release.Version
	if closed(p) != "" {
		version = r.Target.Version // what the spec asks for is not on its way
	}
	switch {
	case !p.DeletionTimestamp.IsZero():
		return "", fmt.Errorf("BlogPlatform %s is being deleted", p.Key())
	case p.Status.ObservedGeneration < p.Generation || r.Target.Version != version:
		return "", fmt.Errorf("the operator has not seen the last change of BlogPlatform %s yet; try again in a moment", p.Key())
	case r.Current.Digest == r.Target.Digest:
		return "", fmt.Errorf("release %s of BlogPlatform %s is complete, there is nothing to %s%s", version, p.Key(), verb, instead(verb))
	}
	request := string(verb) + " " + version
	switch answered := p.Status.Release.Request.Value; {
	case p.Annotations[naming.AnnotationRequest] != request:
	case answered == request:
		return request + " again", nil // each value is honored once
	default:
		return "", fmt.Errorf("BlogPlatform %s holds the request %q already; `kubectl blog status` shows what comes of it", p.Key(), request)
	}
	return request, nil
}

// Unscaled warns of what a pause halts beside the release: services with an
// autoscaler that are on their way. It is empty if there are none.
func Unscaled(p *platform.Platform, verb Verb) string {
	var names []string
	for _, service := range naming.Services {
		if verb == Pause && plan.Autoscaled(p.BlogPlatform, service) {
			names = append(names, string(service))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "while they are on their way and paused, the number of pods of " + strings.Join(names, ", ") +
		" does not follow the load, for Argo Rollouts scales no Rollout that is paused; resume or abort if the load grows"
}

func instead(verb Verb) string {
	if verb == Abort {
		return "; to go back to an earlier release use kubectl blog rollback"
	}
	return ""
}
