package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/discovery"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
)

// clusterKind is the kind of the database.
var clusterKind = schema.GroupVersionKind{Group: "postgres-operator.crunchydata.com", Version: "v1beta1", Kind: "PostgresCluster"}

// observer reads the state for one reconcile.
type observer struct {
	*scope
	state observed.State
}

// observe reads, from the cache, everything that decisions and the report depend on.
func (s *scope) observe(ctx context.Context) (observed.State, error) {
	o := &observer{scope: s, state: observed.State{
		Rollouts: map[string]*unstructured.Unstructured{}, Sets: map[string]*unstructured.Unstructured{}, Jobs: map[string]*unstructured.Unstructured{},
		Refusals: map[types.UID]string{}, Services: map[naming.Service]release.Service{},
	}}
	for _, read := range []func(context.Context) error{o.children, o.certificate, o.pods, o.data, o.keptSets, o.refusals, o.services, o.hosts, o.staging} {
		if err := read(ctx); err != nil {
			return o.state, err
		}
	}
	o.provider()
	if s.suspended() {
		s.acting.reset(s.platform.UID)
	}
	o.state.Acting = s.acting.at(s.platform.UID, s.now())
	return o.state, nil
}

// children reads those that others write, too, and those that decisions depend on.
func (o *observer) children(ctx context.Context) error {
	for _, kind := range plan.Kinds {
		switch kind.Kind {
		case "Service", "VirtualService", "DestinationRule", "Gateway", "Rollout", "PostgresCluster", "ControllerRevision", "Job":
		default:
			continue
		}
		objects, err := o.list(ctx, kind)
		if err != nil {
			return err
		}
		for i := range objects {
			o.keep(&objects[i])
		}
	}
	return nil
}

func (o *observer) pods(ctx context.Context) error {
	var pods corev1.PodList
	if err := o.client.List(ctx, &pods, client.InNamespace(o.names.Namespace), client.MatchingLabels(o.names.Labels())); err != nil {
		return fmt.Errorf("list pods of BlogPlatform %s/%s: %w", o.names.Namespace, o.names.Name, err)
	}
	o.state.Pods = pods.Items
	return nil
}

// keptSets asks the API server for the sets that the release may go on with or back to, if
// the cache does not have them. Before the first release was verified there are none.
func (o *observer) keptSets(ctx context.Context) error {
	status := o.platform.Status.Release
	if status.Current.Digest == "" && status.Inherited == nil {
		return nil
	}
	for _, digest := range []string{status.Current.Digest, status.Target.Digest} {
		name := o.names.Set(digest)
		if digest == "" || o.state.Sets[name] != nil {
			continue
		}
		live, err := get(ctx, o.live, named(appsv1.SchemeGroupVersion.WithKind("ControllerRevision"), o.names.Namespace, name))
		if err != nil {
			return err
		}
		if live != nil && (o.names.Owns(live.GetLabels()) || metav1.IsControlledBy(live, o.platform)) {
			o.state.Sets[name] = live
		}
	}
	return nil
}

// refusals asks why Jobs have no pods.
func (o *observer) refusals(ctx context.Context) error {
	for _, job := range o.state.Jobs {
		if fields.Int32(job, "status", "succeeded") > 0 || len(o.state.PodsOfJob(job.GetName())) > 0 {
			continue
		}
		refusal, err := o.refusal(ctx, job)
		if err != nil {
			return err
		}
		o.state.Refusals[job.GetUID()] = refusal
	}
	return nil
}

// certificate reads the Certificate of the hosts, which is in the namespace of the gateway.
func (o *observer) certificate(ctx context.Context) error {
	namespace := cmp.Or(o.platform.Spec.Gateway.Namespace, plan.DefaultGateway)
	if !o.mayWriteInto(namespace) || !o.watches.served(ctx, kube.Certificates) {
		return nil
	}
	certificate, err := o.find(ctx, named(kube.Certificates, namespace, o.names.Certificate()))
	if certificate != nil {
		o.state.CoWritten = append(o.state.CoWritten, certificate)
	}
	return err
}

// data reads the volumes and pods of the database. Volumes without a database
// stop a platform, so the API server is asked whether there is none, not only the cache.
func (o *observer) data(ctx context.Context) error {
	var (
		claims corev1.PersistentVolumeClaimList
		pods   corev1.PodList
		ofIt   = []client.ListOption{client.InNamespace(o.names.Namespace), client.MatchingLabels{kube.LabelCluster: o.names.Database()}}
	)
	err := errors.Join(o.client.List(ctx, &claims, ofIt...), o.databasePods.List(ctx, &pods, ofIt...))
	if err != nil {
		return fmt.Errorf("list volumes and pods of PostgresCluster %s/%s: %w", o.names.Namespace, o.names.Database(), err)
	}
	o.state.Volumes, o.state.Instances = claims.Items, pods.Items
	if o.state.Database != nil || len(o.state.Volumes) == 0 || !o.watches.served(ctx, clusterKind) {
		return nil
	}
	o.state.Database, err = get(ctx, o.live, named(clusterKind, o.names.Namespace, o.names.Database()))
	return err
}

// keep puts an object where the state has it.
func (o *observer) keep(object *unstructured.Unstructured) {
	switch object.GetKind() {
	case "Rollout":
		o.state.Rollouts[object.GetName()] = object
		o.state.CoWritten = append(o.state.CoWritten, object)
	case "Job":
		o.state.Jobs[object.GetName()] = object
	case "ControllerRevision":
		o.state.Sets[object.GetName()] = object
	case "PostgresCluster":
		if object.GetName() == o.names.Database() {
			o.state.Database = object
		}
	default:
		o.state.CoWritten = append(o.state.CoWritten, object)
	}
}

// list finds the platform's children of a kind in its namespace. A kind that
// the cluster does not serve has none.
func (o *observer) list(ctx context.Context, kind schema.GroupVersionKind) ([]unstructured.Unstructured, error) {
	if !o.watches.served(ctx, kind) {
		return nil, nil
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	err := o.client.List(ctx, list, client.InNamespace(o.names.Namespace), client.MatchingLabels(o.names.ListLabels()))
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s in %s: %w", kind.Kind, o.names.Namespace, err)
	}
	return slices.DeleteFunc(list.Items, func(u unstructured.Unstructured) bool { return !o.names.Owns(u.GetLabels()) }), nil
}

// find reads the object as it is in the cache; nil means that it is not there.
func (s *scope) find(ctx context.Context, desired *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return get(ctx, s.client, desired)
}

// named is an object of which only kind and name are known, to be read.
func named(kind schema.GroupVersionKind, namespace, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

func get(ctx context.Context, reader client.Reader, desired *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(desired.GroupVersionKind())
	err := reader.Get(ctx, client.ObjectKeyFromObject(desired), live)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", fields.Name(desired), err)
	}
	return live, nil
}

// services reads how far each Rollout has come, and looks at its pods.
func (o *observer) services(ctx context.Context) error {
	for _, service := range naming.Services {
		rollout := o.state.Rollouts[o.names.Workload(service)]
		read, err := release.Read(rollout)
		if err != nil {
			return err
		}
		template := ""
		if rollout != nil {
			template, _, _ = unstructured.NestedString(rollout.Object, "status", "currentPodHash")
		}
		read.Ready, read.Cause = o.countPods(service, template, rollout)
		if read.Trouble, err = o.weigh(ctx, service, rollout, read); err != nil {
			return err
		}
		o.state.Services[service] = read
	}
	return nil
}

// countPods counts the pods of a template that are ready, and says why other pods of
// the service are not: those of the template first.
func (o *observer) countPods(service naming.Service, template string, rollout *unstructured.Unstructured) (up int32, cause string) {
	var own, others []corev1.Pod
	for i := range o.state.Pods {
		pod := &o.state.Pods[i]
		switch {
		case pod.Labels[naming.LabelName] != string(service):
		case pod.Labels[argo.DefaultRolloutUniqueLabelKey] != template:
			others = append(others, *pod)
		default:
			own = append(own, *pod)
			if ready.Up(pod) {
				up++
			}
		}
	}
	return up, cmp.Or(ready.Cause(own), ready.Refusal(rollout), ready.Cause(others))
}

// staging reads the platform that the gate asks about.
func (o *observer) staging(ctx context.Context) error {
	if !promote.Gated(o.platform) {
		return nil
	}
	from := o.platform.Spec.Promotion.From
	if len(o.WatchNamespaces) > 0 && !slices.Contains(o.WatchNamespaces, from.Namespace) {
		o.state.Staging = promote.NotWatched
		return nil
	}
	staging := &v1alpha1.BlogPlatform{}
	err := o.client.Get(ctx, client.ObjectKey{Namespace: from.Namespace, Name: from.Name}, staging)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read BlogPlatform %s/%s: %w", from.Namespace, from.Name, err)
	}
	o.state.Staging = staging
	return nil
}

// provider looks up what is known of the identity provider. The operator asks
// it from outside of the mesh; that the user service may dial it is in the plan.
func (o *observer) provider() {
	identity := o.platform.Spec.Identity
	if identity == nil {
		return
	}
	known, problem := o.providers.Answer(discovery.Provider{Issuer: identity.Issuer, CABundle: identity.CABundle})
	o.state.Provider = &observed.Provider{Known: known, Problem: problem, NotAllowed: errors.Is(problem, discovery.ErrNotPublic)}
}

// refusal is why the API server refuses the pods of a Job that has none; empty if it
// refuses none. Only events say so.
func (s *scope) refusal(ctx context.Context, job *unstructured.Unstructured) (string, error) {
	var events corev1.EventList
	err := s.live.List(ctx, &events, client.InNamespace(job.GetNamespace()), client.MatchingFields{"involvedObject.uid": string(job.GetUID()), "reason": ready.ReasonFailedCreate})
	if err != nil && !apierrors.IsForbidden(err) {
		return "", fmt.Errorf("list events of %s: %w", fields.Name(job), err)
	}
	return ready.Refused(events.Items), nil
}

// findServed is find for an object of a kind that the cluster may not serve.
func (s *scope) findServed(ctx context.Context, desired *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if !s.watches.served(ctx, desired.GroupVersionKind()) {
		return nil, nil
	}
	return s.find(ctx, desired)
}
