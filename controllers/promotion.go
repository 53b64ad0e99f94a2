package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/release"
)

// indexPromotion finds platforms by the one that they are promoted from, as namespace/name.
const indexPromotion = "spec.promotion.from"

func promotedFrom(object client.Object) []string {
	platform, ok := object.(*v1alpha1.BlogPlatform)
	if !ok || !promote.Gated(platform) {
		return nil
	}
	from := platform.Spec.Promotion.From
	return []string{client.ObjectKey{Namespace: from.Namespace, Name: from.Name}.String()}
}

// promotedTo are the platforms whose gate asks for the one that changed.
func (r *Reconciler) promotedTo(ctx context.Context, changed client.Object) []reconcile.Request {
	return r.platforms(ctx, client.MatchingFields{indexPromotion: client.ObjectKeyFromObject(changed).String()})
}

// verifies lets through what changes the answer of a gate: a platform that
// comes or goes, and what it has verified.
func verifies() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.BlogPlatform)
		after, same := e.ObjectNew.(*v1alpha1.BlogPlatform)
		return !ok || !same || !equality.Semantic.DeepEqual(before.Status.History, after.Status.History)
	}}
}

// passGate finds the release that the platform should run: the one that its
// spec asks for, if that may and the database still has what it needs, and the
// last one that might otherwise.
func (p *pass) passGate(ctx context.Context) error {
	staging, err := p.staging(ctx)
	if err != nil {
		return err
	}
	p.inherit()
	p.course.Gate = promote.Decide(p.platform, staging, p.now())
	wanted := p.platform.Spec.Release
	p.course.Unsafe = release.Unsafe(p.platform.Status.History, p.platform.Status.Database.Schemas, wanted.Version, promote.ImagesDigest(wanted.Images))
	if p.course.Gate.Allowed && p.course.Unsafe == nil {
		p.wanted = wanted
		return nil
	}
	p.wanted, err = p.letThrough(ctx)
	return err
}

// inherit notes that the platform was created over the data of one before it, while
// it has begun no release itself.
func (p *pass) inherit() {
	data := p.state.Database != nil || slices.ContainsFunc(p.state.Volumes, func(claim corev1.PersistentVolumeClaim) bool { return claim.DeletionTimestamp == nil })
	if data && len(p.platform.Status.History) == 0 {
		p.platform.Status.Release.Inherited = new(true)
	}
}

// nothingMayRun is what keeps a platform from being planned that may not run the
// release of its spec, and has never run another.
func (p *pass) nothingMayRun() *plan.Problem {
	if p.wanted.Version != "" {
		return nil
	}
	return &plan.Problem{Reason: p.course.Gate.Reason, Message: p.course.Gate.Message}
}

// staging is the platform that the gate asks for; nil means that there is none,
// promote.NotWatched that it could not be seen.
func (p *pass) staging(ctx context.Context) (*v1alpha1.BlogPlatform, error) {
	if !promote.Gated(p.platform) {
		return nil, nil
	}
	from := p.platform.Spec.Promotion.From
	if len(p.WatchNamespaces) > 0 && !slices.Contains(p.WatchNamespaces, from.Namespace) {
		return promote.NotWatched, nil
	}
	staging := &v1alpha1.BlogPlatform{}
	err := p.client.Get(ctx, client.ObjectKey{Namespace: from.Namespace, Name: from.Name}, staging)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read BlogPlatform %s/%s: %w", from.Namespace, from.Name, err)
	}
	return staging, nil
}

// letThrough is the last release that passed the gate: the one on its way, or
// the current one if that was taken back.
func (p *pass) letThrough(ctx context.Context) (v1alpha1.Release, error) {
	status := p.platform.Status.Release
	if status.Target.Digest != status.Current.Digest && status.Phase != v1alpha1.PhaseAborting && status.Phase != v1alpha1.PhaseAborted {
		set, err := p.keptSet(ctx, status.Target.Digest)
		if err != nil {
			return v1alpha1.Release{}, err
		}
		if set != nil {
			return set.Release, nil
		}
		log.FromContext(ctx).Info("The set of the release on its way is gone, going back to the current one", "version", status.Target.Version)
	}
	return v1alpha1.Release{Version: status.Current.Version, Images: status.Current.Images}, nil
}

// holdPods answers the set to work towards: the wanted one or, if that only replaces
// pods by others of the same images and may not begin now, the current one.
func (p *pass) holdPods(ctx context.Context, wanted plan.Set) (plan.Set, error) {
	status := p.platform.Status.Release
	current := status.Current
	begun := status.Target.Digest == wanted.Digest && release.Underway(status.Phase)
	if current.Digest == "" || current.Digest == wanted.Digest || current.Version != wanted.Release.Version || !promote.SameImages(current.Images, wanted.Release.Images) || begun {
		return wanted, nil
	}
	decision := promote.Pods(p.platform, p.now())
	if decision.Allowed {
		p.course.Gate.Override = cmp.Or(p.course.Gate.Override, decision.Override)
		return wanted, nil
	}
	kept, err := p.keptSet(ctx, current.Digest)
	if err != nil || kept == nil {
		return wanted, err // what runs cannot be planned any more
	}
	p.course.PodsWait = &decision
	return *kept, nil
}

// holdDatabase keeps PostgreSQL from a restart that may not happen now.
func (p *pass) holdDatabase() {
	decision := promote.Database(p.platform, p.now())
	if !decision.Allowed && plan.RestartsDatabase(p.platform, p.state.Database) {
		p.course.DatabaseWaits = &decision
	}
}

// lookAtGateAgain has the next pass be made when the gate's answer changes. Of a
// release that was let through that matters only if it is to be tried again.
func (p *pass) lookAtGateAgain() {
	at := metav1.NewTime(p.course.Gate.NextCheck.UTC())
	failure := release.FailureOf(p.course.Release.Status)
	if waits := p.course.Waiting(); waits != nil {
		at = metav1.NewTime(waits.NextCheck.UTC())
	}
	if at.IsZero() || p.suspended() || p.course.Waiting() == nil && p.course.Gate.Closed && (failure == nil || failure.RetryTime == nil) {
		return
	}
	if next := p.course.Release.Status.NextCheckTime; next == nil || at.Before(next) {
		p.course.Release.Status.NextCheckTime = &at
	}
}

// recordWaiting remembers a release that waits for a window, until the spec asks
// for another one or it begins.
func (p *pass) recordWaiting() { p.platform.Status.Release.Waiting = p.course.Gate.Waiting }

// recordGate writes to the history what later decisions of gates go by, and an
// override, which is used up by that.
func (p *pass) recordGate() {
	head := &p.platform.Status.History[0]
	if head.Version != p.course.Target.Release.Version || head.Digest != p.course.Target.Digest {
		return // a suspended platform keeps its target
	}
	head.ImagesDigest = promote.ImagesDigest(p.course.Target.Release.Images)
	if p.course.Gate.Override != "" && p.course.Target.Release == p.platform.Spec.Release {
		p.course.Overridden = head.Override != p.course.Gate.Override
		head.Override = p.course.Gate.Override
		p.platform.Status.Release.Override = v1alpha1.OverrideStatus{Value: p.course.Gate.Override, ImagesDigest: head.ImagesDigest}
	}
}
