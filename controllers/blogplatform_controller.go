package controllers

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/discovery"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/metrics"
	"blogplatform.io/operator/internal/plan"
)

const (
	// driftInterval is how often a platform is reconciled though nothing happened, give or take a fifth.
	driftInterval = 10 * time.Minute
	// pollInterval is when a platform is reconciled again that waits for something that sends no event.
	pollInterval = 15 * time.Second
	// staleRetry is when a reconcile is retried that read an outdated platform.
	staleRetry = 100 * time.Millisecond
	// reconcileTimeout ends a reconcile whose requests are not answered, reportTimeout its last write.
	reconcileTimeout = 2 * time.Minute
	reportTimeout    = 10 * time.Second
	// firstBackoff doubles up to lastBackoff while reconciles fail.
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
	// WatchNamespaces are those whose platforms are reconciled; none means all.
	WatchNamespaces []string
	// GatewayNamespaces are the namespaces besides its own into which a
	// platform may have children written.
	GatewayNamespaces []string
	// MeshDataPlane says whether workloads may run without sidecars.
	MeshDataPlane MeshDataPlane
	// NewProviders makes what knows whether OpenID providers are there. It calls
	// changed with a provider of which it has come to know something else.
	NewProviders func(changed func(discovery.Provider)) Providers
	// MaxConcurrentReconciles is how many platforms are reconciled at the same time.
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
	// lastWrites are the resourceVersions of platforms that the cache may not have yet, by UID.
	lastWrites sync.Map
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
	r.acting.reset(uid)
	r.failures.forget(uid)
	r.weighed.forget(uid)
	r.lastWrites.Delete(uid)
}

// stale tells whether the cache has an older platform than the one that was written
// last. To decide by it would forget what status remembers.
func (r *Reconciler) stale(platform *v1alpha1.BlogPlatform) bool {
	written, found := r.lastWrites.Load(platform.UID)
	if !found {
		return false
	}
	last, _ := written.(string)
	if order, err := resourceversion.CompareResourceVersion(platform.ResourceVersion, last); err == nil && order < 0 {
		return true
	}
	r.lastWrites.Delete(platform.UID)
	return false
}

// key of a platform.
func key(platform *v1alpha1.BlogPlatform) types.NamespacedName {
	return types.NamespacedName{Namespace: platform.Namespace, Name: platform.Name}
}

var _ reconcile.Reconciler = &Reconciler{}

// request for a platform.
func request(key types.NamespacedName) ctrl.Request { return ctrl.Request{NamespacedName: key} }
