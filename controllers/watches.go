package controllers

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
)

// watches begin to watch the kinds of children as soon as the cluster serves them.
type watches struct {
	cache      cache.Cache
	client     client.Client
	controller controller.Controller

	// starting keeps two reconciles from asking the API server the same at the same time.
	starting sync.Mutex
	mu       sync.Mutex
	// crds are the names of the CRDs of the kinds that were ever served; empty for built-in kinds.
	crds map[schema.GroupVersionKind]string
	// others are the versions of kinds that are served in another one only.
	others map[schema.GroupVersionKind]string
}

func newWatches(mgr manager.Manager) *watches {
	return &watches{cache: mgr.GetCache(), client: mgr.GetClient(), crds: map[schema.GroupVersionKind]string{}, others: map[schema.GroupVersionKind]string{}}
}

// served tells whether the cluster serves a kind. After its CRD was deleted it is not served.
func (w *watches) served(ctx context.Context, kind schema.GroupVersionKind) bool {
	crd, known := w.crd(kind)
	if !known || crd == "" {
		return known
	}
	return w.client.Get(ctx, client.ObjectKey{Name: crd}, kube.Metadata(kube.CRDs)) == nil
}

// crd is the name of the CRD of a kind, empty if it is built in; known is false if the kind was never served.
func (w *watches) crd(kind schema.GroupVersionKind) (crd string, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	crd, known = w.crds[kind]
	return crd, known
}

// servedAs is the version in which a kind is served that is not served as it is needed; empty if there is none.
func (w *watches) servedAs(kind schema.GroupVersionKind) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.others[kind]
}

// start watches the kinds that are served and not watched yet. The API server is
// asked for a kind only if it is built in, or if the cache has a CRD of its group.
func (w *watches) start(ctx context.Context) error {
	w.starting.Lock()
	defer w.starting.Unlock()
	kinds := slices.DeleteFunc(append(slices.Clone(plan.Kinds), kube.Issuers, kube.ClusterIssuers), func(kind schema.GroupVersionKind) bool {
		_, known := w.crd(kind)
		return known
	})
	if len(kinds) == 0 {
		return nil
	}
	crds := &metav1.PartialObjectMetadataList{}
	crds.SetGroupVersionKind(kube.CRDs.GroupVersion().WithKind(kube.CRDs.Kind + "List"))
	if err := w.client.List(ctx, crds); err != nil {
		return fmt.Errorf("list CRDs: %w", err)
	}
	for _, kind := range kinds {
		builtIn := scheme.Scheme.IsGroupRegistered(kind.Group)
		installed := slices.ContainsFunc(crds.Items, func(crd metav1.PartialObjectMetadata) bool {
			_, group, _ := strings.Cut(crd.Name, ".") // a CRD is named plural.group
			return group == kind.Group
		})
		if !builtIn && !installed {
			w.note(w.others, kind, "")
			continue // its CRD will tell when it is there
		}
		if err := w.watch(kind, builtIn); err != nil {
			return err
		}
	}
	return nil
}

// watch begins to watch a kind if the API server serves it.
func (w *watches) watch(kind schema.GroupVersionKind, builtIn bool) error {
	mapping, err := w.client.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		w.note(w.others, kind, apply.OtherVersion(w.client.RESTMapper(), kind))
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up %s: %w", kind.Kind, err)
	}
	if slices.Contains(plan.Kinds, kind) {
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(kind)
		if err := w.controller.Watch(source.Kind[client.Object](w.cache, object, handler.EnqueueRequestsFromMapFunc(ownerByLabels), childChanged())); err != nil {
			return fmt.Errorf("watch %s: %w", kind.Kind, err)
		}
	}
	crd := ""
	if !builtIn {
		crd = mapping.Resource.GroupResource().String()
	}
	w.note(w.crds, kind, crd)
	return nil
}

// note writes down what became known of a kind.
func (w *watches) note(in map[schema.GroupVersionKind]string, kind schema.GroupVersionKind, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in[kind] = value
}

// ownerByLabels finds the platform of a child, in whatever namespace it is.
func ownerByLabels(_ context.Context, child client.Object) []reconcile.Request {
	owner, ok := naming.OwnerOf(child.GetLabels())
	if !ok {
		return nil
	}
	return []reconcile.Request{request(owner)}
}

func (r *Reconciler) setupWatches(mgr manager.Manager) error {
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.BlogPlatform{}, indexHosts, hostsOf); err != nil {
		return fmt.Errorf("index BlogPlatforms by host: %w", err)
	}
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.BlogPlatform{}, indexPromotion, promotedFrom); err != nil {
		return fmt.Errorf("index BlogPlatforms by the one they are promoted from: %w", err)
	}
	// A change of the spec or of annotations starts a reconcile, not one of the status that reconciles write.
	changed := predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	built, err := ctrl.NewControllerManagedBy(mgr).
		Named("blogplatform").
		For(&v1alpha1.BlogPlatform{}, builder.WithPredicates(changed)).
		Watches(&v1alpha1.BlogPlatform{}, handler.EnqueueRequestsFromMapFunc(r.rivals), builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, hostsChanged()))).
		Watches(&v1alpha1.BlogPlatform{}, handler.EnqueueRequestsFromMapFunc(r.promotedTo), builder.WithPredicates(historyChanged())).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(ownerByLabels), builder.WithPredicates(podPhase())).
		WatchesRawSource(source.Kind[client.Object](r.databasePods, &corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.ofNamespace), podPhase())).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(r.ofNamespace), builder.WithPredicates(claimStatus())).
		Watches(kube.Metadata(kube.Secrets), handler.EnqueueRequestsFromMapFunc(r.usersOfSecret)).
		Watches(kube.Metadata(kube.Namespaces), handler.EnqueueRequestsFromMapFunc(r.usersOfNamespace)).
		Watches(kube.Metadata(kube.CRDs), handler.EnqueueRequestsFromMapFunc(r.all), builder.WithPredicates(ofPlannedGroup())).
		WatchesRawSource(source.Channel(r.providerEvents, handler.TypedEnqueueRequestsFromMapFunc(r.usersOfProvider))).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.MaxConcurrentReconciles,
			ReconciliationTimeout:   reconcileTimeout,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstBackoff, lastBackoff),
		}).
		Build(r)
	if err != nil {
		return fmt.Errorf("set up the controller of BlogPlatforms: %w", err)
	}
	r.watches.controller = built
	return nil
}

// usersOfSecret are the platforms that ask for it.
func (r *Reconciler) usersOfSecret(_ context.Context, secret client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, platform := range r.keyring.askers(client.ObjectKeyFromObject(secret)) {
		requests = append(requests, request(platform))
	}
	return requests
}

// ofNamespace are the platforms of the namespace that an object is in.
func (r *Reconciler) ofNamespace(ctx context.Context, object client.Object) []reconcile.Request {
	return r.platforms(ctx, client.InNamespace(object.GetNamespace()))
}

// usersOfNamespace are the platforms in a namespace or, if it is one of gateways, all.
func (r *Reconciler) usersOfNamespace(ctx context.Context, namespace client.Object) []reconcile.Request {
	for _, gateways := range r.GatewayNamespaces {
		if namespace.GetName() == gateways {
			return r.platforms(ctx)
		}
	}
	return r.platforms(ctx, client.InNamespace(namespace.GetName()))
}

func (r *Reconciler) all(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.platforms(ctx)
}

func (r *Reconciler) platforms(ctx context.Context, of ...client.ListOption) []reconcile.Request {
	var list v1alpha1.BlogPlatformList
	if err := r.client.List(ctx, &list, of...); err != nil {
		return nil // the cache is going down
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, request(key(&list.Items[i])))
	}
	return requests
}

// childChanged drops updates of status fields that nobody reads. Whatever else of a child changes may have to be repaired: its
// labels, annotations, owner references and finalizers as well as its fields.
func childChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*unstructured.Unstructured)
		after, same := e.ObjectNew.(*unstructured.Unstructured)
		return !ok || !same || kube.Digest(before) != kube.Digest(after) || !reflect.DeepEqual(ready.Status(before), ready.Status(after))
	}}
}

// podPhase drops updates of pods except of their phase, and of a restart that a database needs.
func podPhase() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.Pod)
		after, same := e.ObjectNew.(*corev1.Pod)
		return !ok || !same || before.Status.Phase != after.Status.Phase || kube.RestartPending(before) != kube.RestartPending(after)
	}}
}

// claimStatus passes claims that get a volume, grow or fail to.
func claimStatus() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.PersistentVolumeClaim)
		after, same := e.ObjectNew.(*corev1.PersistentVolumeClaim)
		return !ok || !same || before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() || !equality.Semantic.DeepEqual(before.Status, after.Status)
	}}
}

// ofPlannedGroup passes CRDs of the kinds that a plan can hold.
func ofPlannedGroup() predicate.Predicate {
	return predicate.NewPredicateFuncs(func(crd client.Object) bool {
		for _, kind := range plan.Kinds {
			if strings.HasSuffix(crd.GetName(), "."+kind.Group) && kind.Group != "" {
				return true
			}
		}
		return false
	})
}
