package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/course"
	"blogplatform.io/operator/internal/discovery"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/metrics"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/stage"
)

const (
	// driftCheck is how often a platform is looked at though nothing happened, give or take a fifth.
	driftCheck = 10 * time.Minute
	// lookAgain is when a platform is looked at that waits for something nobody tells us about.
	lookAgain = 15 * time.Second
	// staleRetry is when a pass is made again whose view of the platform was out of date.
	staleRetry = 100 * time.Millisecond
	// passTimeout ends a pass whose requests are not answered, reportTimeout its last write.
	passTimeout   = 2 * time.Minute
	reportTimeout = 10 * time.Second
	// firstBackoff doubles up to lastBackoff while passes fail.
	firstBackoff = 200 * time.Millisecond
	lastBackoff  = time.Minute
)

// MeshDataPlane says whether workloads may run where pods get no sidecar.
type MeshDataPlane string

// Required refuses to start workloads without sidecars; Absent starts them and says so.
const (
	MeshDataPlaneRequired MeshDataPlane = "required"
	MeshDataPlaneAbsent   MeshDataPlane = "absent"
)

// Options of the controller.
type Options struct {
	// WatchNamespaces are those whose platforms are looked after; none means all.
	WatchNamespaces []string
	// GatewayNamespaces are the namespaces besides its own into which a
	// platform may have children written.
	GatewayNamespaces []string
	// MeshDataPlane says whether workloads may run without sidecars.
	MeshDataPlane MeshDataPlane
	// NewProviders makes what knows whether OpenID providers are there. It calls
	// changed with a provider of which it has come to know something else.
	NewProviders func(changed func(discovery.Provider)) Providers
	// MaxConcurrentReconciles is how many platforms are worked on at the same time.
	MaxConcurrentReconciles int
	// Metrics is where the metrics of platforms are registered; nil for nowhere.
	Metrics prometheus.Registerer
}

// Reconciler makes the cluster hold what BlogPlatforms ask for.
type Reconciler struct {
	Options
	client client.Client // reads from the cache
	// databasePods is the cache of the pods of databases.
	databasePods cache.Cache
	live         client.Reader
	applier      *apply.Applier
	recorder     events.EventRecorder
	counters     *metrics.Counters
	watches      *watches
	keyring      *keyring
	// providers know of identity providers, and send an event when they know something else.
	providers      Providers
	providerEvents chan event.TypedGenericEvent[discovery.Provider]
	injected       injected
	failures       failures
	acting         acting
	// weighed is what ended updates that no decision was written of yet.
	weighed weighings
	// written are the resourceVersions of platforms that the cache may not have yet, by UID.
	written sync.Map
	// uids are those of the platforms that were seen last, by name.
	uids sync.Map
	now  func() time.Time
}

// Setup adds the controller of BlogPlatforms to a manager made with kube.ManagerOptions
// for the same namespaces.
func Setup(mgr manager.Manager, options Options) error {
	databasePods, err := kube.DatabasePods(mgr, options.WatchNamespaces)
	if err != nil {
		return err
	}
	r := &Reconciler{
		Options: options, databasePods: databasePods,
		client:   mgr.GetClient(),
		live:     mgr.GetAPIReader(),
		applier:  apply.New(mgr.GetClient(), mgr.GetAPIReader(), plan.Kinds...),
		recorder: mgr.GetEventRecorder("blogplatform-operator"),
		counters: metrics.NewCounters(),
		watches:  newWatches(mgr),
		keyring:  newKeyring(mgr.GetClient(), mgr.GetAPIReader()),
		now:      time.Now,

		providerEvents: make(chan event.TypedGenericEvent[discovery.Provider]),
	}
	r.providers = options.NewProviders(func(p discovery.Provider) { r.providerEvents <- event.TypedGenericEvent[discovery.Provider]{Object: p} })
	return errors.Join(r.setupWatches(mgr), r.setupMetrics(mgr))
}

// setupMetrics registers the counters, and the gauges of all platforms.
func (r *Reconciler) setupMetrics(mgr manager.Manager) error {
	if r.Metrics == nil {
		return nil
	}
	for _, collector := range []prometheus.Collector{r.counters, metrics.NewCollector(mgr.GetClient(), mgr.Elected())} {
		if err := r.Metrics.Register(collector); err != nil {
			return fmt.Errorf("register the metrics of platforms: %w", err)
		}
	}
	return nil
}

// pass is one look at one platform: what was found, and what follows from it.
type pass struct {
	*Reconciler
	platform *v1alpha1.BlogPlatform
	names    naming.Platform
	// before is the status that the API server has, to write only a change of it.
	before v1alpha1.BlogPlatformStatus
	// began is the status when the pass began.
	began v1alpha1.BlogPlatformStatus

	state  observed.State
	course course.Course
	plan   plan.Plan
	// wanted is the release that the platform should run.
	wanted v1alpha1.Release
	result stage.Result
	// complete is true when every child was applied, so that the rest may go.
	complete bool

	// gone is true when there is no status left to write.
	gone bool
}

// Reconcile makes one pass over one platform.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	platform := &v1alpha1.BlogPlatform{}
	if err := r.client.Get(ctx, request.NamespacedName, platform); apierrors.IsNotFound(err) {
		r.forget(request.NamespacedName)
		return reconcile.Result{}, nil
	} else if err != nil {
		return reconcile.Result{}, err
	}
	r.meet(request.NamespacedName, platform.UID)
	if r.stale(platform) {
		return reconcile.Result{RequeueAfter: staleRetry}, nil
	}
	if err := r.watches.start(ctx); err != nil {
		return reconcile.Result{}, err
	}
	p := &pass{Reconciler: r, platform: platform, names: naming.Of(request.NamespacedName), before: *platform.Status.DeepCopy(), began: *platform.Status.DeepCopy()}
	err := p.run(ctx)
	return p.report(ctx, err)
}

// meet notes which platform has a name now, and frees what is remembered of one that had it before.
func (r *Reconciler) meet(name types.NamespacedName, uid types.UID) {
	before, _ := r.uids.Swap(name, uid)
	if former, known := before.(types.UID); known && former != uid {
		r.forgetUID(former)
	}
}

// forget frees what is remembered of a platform that is gone, whoever removed its finalizer.
func (r *Reconciler) forget(name types.NamespacedName) {
	r.applier.Forget(name)
	r.counters.Forget(name)
	r.keyring.forget(name)
	r.injected.versions.Delete(name.Namespace)
	last, _ := r.uids.LoadAndDelete(name)
	if uid, known := last.(types.UID); known {
		r.forgetUID(uid)
	}
}

// forgetUID frees what is remembered by the UID of a platform.
func (r *Reconciler) forgetUID(uid types.UID) {
	r.acting.rest(uid)
	r.failures.forget(uid)
	r.weighed.forget(uid)
	r.written.Delete(uid)
}

// stale tells whether the cache has an older platform than the one that was written
// last. To decide by it would forget what status remembers.
func (r *Reconciler) stale(platform *v1alpha1.BlogPlatform) bool {
	written, found := r.written.Load(platform.UID)
	if !found {
		return false
	}
	last, _ := written.(string)
	if order, err := resourceversion.CompareResourceVersion(platform.ResourceVersion, last); err == nil && order < 0 {
		return true
	}
	r.written.Delete(platform.UID)
	return false
}

// run does what is to be done; an error means that too little was seen to report on.
func (p *pass) run(ctx context.Context) error {
	switch deleting := !p.platform.DeletionTimestamp.IsZero(); {
	case deleting && p.suspended() && controllerutil.ContainsFinalizer(p.platform, naming.Finalizer):
		return nil // spec.suspend holds the deletion, too
	case deleting:
		return p.delete(ctx)
	}
	if err := p.ensureFinalizer(ctx); err != nil {
		return err
	}
	if err := p.observe(ctx); err != nil {
		return err
	}
	p.noticeDatabase()
	if err := p.makePlan(ctx); err != nil {
		return err
	}
	if p.course.Problem != nil {
		return p.goOn(ctx)
	}
	if err := p.writeAhead(ctx); err != nil {
		return err
	}
	if err := p.announce(ctx); err != nil {
		return err
	}
	if err := p.stages(ctx); err != nil {
		return err
	}
	p.releaseBarriers(ctx)
	p.prune(ctx)
	p.rememberMigrations(ctx)
	p.observeProvider()
	return nil
}

func (p *pass) suspended() bool {
	return p.platform.Spec.Suspend != nil && *p.platform.Spec.Suspend
}

func (p *pass) ensureFinalizer(ctx context.Context) error {
	return p.patchMetadata(ctx, func() bool { return controllerutil.AddFinalizer(p.platform, naming.Finalizer) })
}

// patchMetadata writes the platform if change changes it and nobody else has meanwhile.
func (p *pass) patchMetadata(ctx context.Context, change func() bool) error {
	patch := client.MergeFromWithOptions(p.platform.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if !change() {
		return nil
	}
	status := p.platform.Status.DeepCopy()
	if err := p.client.Patch(ctx, p.platform, patch); err != nil {
		return fmt.Errorf("write finalizer of BlogPlatform %s/%s: %w", p.names.Namespace, p.names.Name, err)
	}
	p.platform.Status = *status
	p.wrote()
	return nil
}

// wrote remembers what the cache has to catch up with.
func (p *pass) wrote() { p.written.Store(p.platform.UID, p.platform.ResourceVersion) }

// makePlan decides how the release goes on, and plans for that. A problem in the
// spec keeps a new one from beginning, and what is under way is gone on with.
func (p *pass) makePlan(ctx context.Context) error {
	if err := p.planSpec(ctx); err != nil || p.course.Problem == nil {
		return err
	}
	return p.planUnderway(ctx)
}

// planSpec plans for what the spec asks for.
func (p *pass) planSpec(ctx context.Context) error {
	var err error
	if p.course.Problem, err = p.hostProblem(ctx); err != nil || p.course.Problem != nil {
		return err
	}
	if err := p.passGate(ctx); err != nil {
		return err
	}
	if p.course.Problem = p.nothingMayRun(); p.course.Problem != nil {
		return nil
	}
	p.holdDatabase()
	if err := p.aim(ctx); err != nil {
		return err
	}
	if err := p.decide(ctx); err != nil {
		return err
	}
	return p.build()
}

// build plans for what was decided and observed.
func (p *pass) build() error {
	var problem *plan.Problem
	planned, err := plan.Build(p.input())
	switch {
	case errors.As(err, &problem):
		p.course.Problem = problem
		return nil
	case err != nil:
		return fmt.Errorf("plan BlogPlatform %s/%s: %w", p.names.Namespace, p.names.Name, err)
	}
	p.plan = planned
	p.course.Problem = p.foreignNamespace()
	return nil
}

// foreignNamespace keeps a tenant from having the operator write into the
// namespace of somebody else.
func (p *pass) foreignNamespace() *plan.Problem {
	for _, child := range p.plan.Children {
		if namespace := child.Object.GetNamespace(); !p.mayWriteInto(namespace) {
			return &plan.Problem{Reason: reasonNamespaceNotAllowed, Message: fmt.Sprintf(
				"spec.gateway.namespace: the operator may not write into namespace %s; name another, or have it added to the operator's --gateway-namespaces", namespace)}
		}
	}
	return nil
}

func (p *pass) mayWriteInto(namespace string) bool {
	return namespace == p.names.Namespace || slices.Contains(p.GatewayNamespaces, namespace)
}

// key of a platform.
func key(platform *v1alpha1.BlogPlatform) types.NamespacedName {
	return types.NamespacedName{Namespace: platform.Namespace, Name: platform.Name}
}

var _ reconcile.Reconciler = &Reconciler{}

// request for a platform.
func request(key types.NamespacedName) ctrl.Request { return ctrl.Request{NamespacedName: key} }
