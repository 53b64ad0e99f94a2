package harness

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// recorder keeps every status that a platform ever had.
type recorder struct {
	mu   sync.Mutex
	seen map[string][]*v1alpha1.BlogPlatform
}

// record watches all platforms until the context ends.
func record(ctx context.Context) (*recorder, error) {
	watcher, err := Cluster.Watch(ctx, &v1alpha1.BlogPlatformList{})
	if err != nil {
		return nil, err
	}
	r := &recorder{seen: map[string][]*v1alpha1.BlogPlatform{}}
	go func() {
		for event := range watcher.ResultChan() {
			if p, ok := event.Object.(*v1alpha1.BlogPlatform); ok && event.Type != watch.Deleted {
				r.mu.Lock()
				r.seen[p.Namespace] = append(r.seen[p.Namespace], p)
				r.mu.Unlock()
			}
		}
	}()
	return r, nil
}

// Of are the states of all platforms of a namespace, each platform's in order.
func (r *recorder) Of(namespace string) map[string][]*v1alpha1.BlogPlatform {
	r.mu.Lock()
	defer r.mu.Unlock()
	byName := map[string][]*v1alpha1.BlogPlatform{}
	for _, p := range r.seen[namespace] {
		key := client.ObjectKeyFromObject(p).String() + string(p.UID)
		byName[key] = append(byName[key], p)
	}
	return byName
}

// Lint fails the test for every status in its namespace that breaks a rule.
func (r *recorder) Lint(t *testing.T, namespace string) {
	for _, states := range r.Of(namespace) {
		var before *v1alpha1.BlogPlatform
		for _, p := range states {
			if len(p.Status.Conditions) == 0 {
				continue
			}
			complaints := lintOne(p)
			if before != nil {
				complaints = append(complaints, lintTransition(before, p)...)
			}
			before = p
			for _, complaint := range complaints {
				t.Errorf("status of %s at resourceVersion %s: %s", client.ObjectKeyFromObject(p), p.ResourceVersion, complaint)
			}
		}
	}
}

var (
	camelCase = regexp.MustCompile(`^[A-Z][A-Za-z0-9]+$`)
	aTime     = regexp.MustCompile(`\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\b\d+(\.\d+)?m?s\b`)
	// What the faker and the sample put into Secrets and SealedSecrets.
	aSecret = regexp.MustCompile(`password-of-|Ag[A-Za-z0-9+/]{40}`)
)

// always are the conditions that every status has, whenTrue those that it has only when they are true.
var (
	always = []string{v1alpha1.ConditionReady, v1alpha1.ConditionAvailable, v1alpha1.ConditionSecretsReady, v1alpha1.ConditionCertificatesReady,
		v1alpha1.ConditionMeshReady, v1alpha1.ConditionDatabaseReady, v1alpha1.ConditionMigrationsReady, v1alpha1.ConditionWorkloadsReady}
	whenTrue = []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionSuspended, v1alpha1.ConditionBackupsFailing}
)

// ofGate are the conditions by which a platform takes part in promotions.
func ofGate(p *v1alpha1.BlogPlatform) []string {
	switch {
	case p.Spec.Environment == v1alpha1.Staging:
		return []string{v1alpha1.ConditionPromotable}
	case p.Spec.Promotion.From.Name != "":
		return []string{v1alpha1.ConditionPromotionAllowed}
	}
	return nil
}

func lintOne(p *v1alpha1.BlogPlatform) (complaints []string) {
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	if p.Status.ObservedGeneration > p.Generation {
		complain("observedGeneration %d of generation %d", p.Status.ObservedGeneration, p.Generation)
	}
	for _, name := range append(slices.Clone(always), ofGate(p)...) {
		if meta.FindStatusCondition(p.Status.Conditions, name) == nil {
			complain("no condition %s", name)
		}
	}
	for _, name := range whenTrue {
		if c := meta.FindStatusCondition(p.Status.Conditions, name); c != nil && c.Status != metav1.ConditionTrue {
			complain("condition %s is there and %s", name, c.Status)
		}
	}
	if r := p.Status.Release; r.CanaryWeight != nil && (r.Phase == v1alpha1.PhaseComplete || r.Phase == v1alpha1.PhaseAborted) {
		complain("release %s is %s, and has a canary of %d%%", r.Target.Version, r.Phase, *r.CanaryWeight)
	}
	is := func(name string) bool { return meta.IsStatusConditionTrue(p.Status.Conditions, name) }
	if works, told := is(v1alpha1.ConditionReady), is(v1alpha1.ConditionReconciling) || is(v1alpha1.ConditionStalled) || is(v1alpha1.ConditionSuspended); works == told {
		complain("Ready is %v while Reconciling, Stalled or Suspended is %v", works, told)
	}
	return slices.Concat(complaints, lintRelease(p), lintConditions(p))
}

// lintRelease compares Ready with the phase of the release.
func lintRelease(p *v1alpha1.BlogPlatform) (complaints []string) {
	c, phase := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady), p.Status.Release.Phase
	contradicts := map[string]bool{
		"ReleaseAborting": phase != v1alpha1.PhaseAborting,
		"ReleaseAborted":  phase != v1alpha1.PhaseAborted,
		"Verified":        phase != v1alpha1.PhaseComplete,
	}
	if c != nil && contradicts[c.Reason] {
		complaints = append(complaints, fmt.Sprintf("Ready is %s (%s) while the release is %s", c.Status, c.Reason, phase))
	}
	return complaints
}

// lintConditions reads each condition alone.
func lintConditions(p *v1alpha1.BlogPlatform) (complaints []string) {
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	for _, c := range p.Status.Conditions {
		switch {
		case c.ObservedGeneration != p.Status.ObservedGeneration:
			complain("%s has observedGeneration %d, the status %d", c.Type, c.ObservedGeneration, p.Status.ObservedGeneration)
		case !camelCase.MatchString(c.Reason):
			complain("%s has reason %q", c.Type, c.Reason)
		case c.Message == "":
			complain("%s (%s) has no message", c.Type, c.Reason)
		case aTime.MatchString(c.Message):
			complain("%s tells a time: %s", c.Type, c.Message)
		case aSecret.MatchString(c.Message):
			complain("%s tells a secret: %s", c.Type, c.Message)
		}
	}
	return complaints
}

// lintTransition compares two statuses in a row.
func lintTransition(before, after *v1alpha1.BlogPlatform) (complaints []string) {
	if before.Generation == after.Generation && equality.Semantic.DeepEqual(before.Annotations, after.Annotations) &&
		len(before.Finalizers) == len(after.Finalizers) && before.DeletionTimestamp.Equal(after.DeletionTimestamp) &&
		equality.Semantic.DeepEqual(before.Status, after.Status) && before.ResourceVersion != after.ResourceVersion {
		complaints = append(complaints, "a write that changed nothing")
	}
	for _, c := range after.Status.Conditions {
		old := meta.FindStatusCondition(before.Status.Conditions, c.Type)
		if old != nil && old.Status == c.Status && !old.LastTransitionTime.Equal(&c.LastTransitionTime) {
			complaints = append(complaints, c.Type+" has another transition time though it is "+string(c.Status)+" as before")
		}
	}
	return complaints
}

// Steady fails the test if a condition that was true ever ceased to be: nothing
// but the operator's own mistakes could have made it so.
func (w World) Steady(p *v1alpha1.BlogPlatform) {
	w.Helper()
	for _, states := range Statuses.Of(w.Namespace) {
		was := map[string]bool{}
		for _, state := range states {
			if state.Name != p.Name {
				continue
			}
			for _, name := range always {
				is := meta.IsStatusConditionTrue(state.Status.Conditions, name)
				if was[name] && !is {
					w.Errorf("%s flaps at resourceVersion %s: %s", name, state.ResourceVersion, ConditionsOf(state))
				}
				was[name] = was[name] || is
			}
		}
	}
}
