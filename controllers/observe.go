package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
)

// clusterKind is that of the database.
var clusterKind = schema.GroupVersionKind{Group: "postgres-operator.crunchydata.com", Version: "v1beta1", Kind: "PostgresCluster"}

// observe reads, from the cache, what the plan and the report depend on.
func (p *pass) observe(ctx context.Context) error {
	p.state.Rollouts, p.state.Sets = map[string]*unstructured.Unstructured{}, map[string]*unstructured.Unstructured{}
	for _, kind := range plan.Kinds {
		switch kind.Kind {
		case "Service", "VirtualService", "DestinationRule", "Gateway", "Rollout", "PostgresCluster", "ControllerRevision":
		default:
			continue
		}
		objects, err := p.list(ctx, kind)
		if err != nil {
			return err
		}
		for i := range objects {
			p.sort(&objects[i])
		}
	}
	if err := p.observeCertificate(ctx); err != nil {
		return err
	}
	var pods corev1.PodList
	if err := p.client.List(ctx, &pods, client.InNamespace(p.names.Namespace), client.MatchingLabels(p.names.Labels())); err != nil {
		return fmt.Errorf("list pods of BlogPlatform %s/%s: %w", p.names.Namespace, p.names.Name, err)
	}
	p.state.Pods = pods.Items
	return p.observeData(ctx)
}

// observeCertificate reads that of the hosts, which is in the namespace of the gateway.
func (p *pass) observeCertificate(ctx context.Context) error {
	namespace := cmp.Or(p.platform.Spec.Gateway.Namespace, plan.DefaultGateway)
	if !p.mayWriteInto(namespace) || !p.watches.served(ctx, kube.Certificates) {
		return nil
	}
	certificate, err := p.find(ctx, named(kube.Certificates, namespace, p.names.Certificate()))
	if certificate != nil {
		p.state.CoWritten = append(p.state.CoWritten, certificate)
	}
	return err
}

// observeData reads the volumes and pods of the database. That there are volumes without a
// database is a reason to stop, so the API server is asked for that, and not the cache alone.
func (p *pass) observeData(ctx context.Context) error {
	var (
		claims corev1.PersistentVolumeClaimList
		pods   corev1.PodList
		ofIt   = []client.ListOption{client.InNamespace(p.names.Namespace), client.MatchingLabels{kube.LabelCluster: p.names.Database()}}
	)
	err := errors.Join(p.client.List(ctx, &claims, ofIt...), p.databasePods.List(ctx, &pods, ofIt...))
	if err != nil {
		return fmt.Errorf("list volumes and pods of PostgresCluster %s/%s: %w", p.names.Namespace, p.names.Database(), err)
	}
	p.state.Volumes, p.state.Instances = claims.Items, pods.Items
	if p.state.Database != nil || len(p.state.Volumes) == 0 || !p.watches.served(ctx, clusterKind) {
		return nil
	}
	p.state.Database, err = get(ctx, p.live, named(clusterKind, p.names.Namespace, p.names.Database()))
	return err
}

func (p *pass) sort(object *unstructured.Unstructured) {
	switch object.GetKind() {
	case "Rollout":
		p.state.Rollouts[object.GetName()] = object
		p.state.CoWritten = append(p.state.CoWritten, object)
	case "ControllerRevision":
		p.state.Sets[object.GetName()] = object
	case "PostgresCluster":
		if object.GetName() == p.names.Database() {
			p.state.Database = object
		}
	default:
		p.state.CoWritten = append(p.state.CoWritten, object)
	}
}

// list finds the platform's children of a kind in its namespace. A kind that
// the cluster does not serve has none.
func (p *pass) list(ctx context.Context, kind schema.GroupVersionKind) ([]unstructured.Unstructured, error) {
	if !p.watches.served(ctx, kind) {
		return nil, nil
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	err := p.client.List(ctx, list, client.InNamespace(p.names.Namespace), client.MatchingLabels(p.names.ListLabels()))
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s in %s: %w", kind.Kind, p.names.Namespace, err)
	}
	return slices.DeleteFunc(list.Items, func(u unstructured.Unstructured) bool { return !p.names.Owns(u.GetLabels()) }), nil
}

// find reads the object as it is in the cache; nil means that it is not there.
func (p *pass) find(ctx context.Context, desired *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return get(ctx, p.client, desired)
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

// judge asks internal/ready for its verdict on a child and, where that is not
// ready, looks one step further for the cause.
func (p *pass) judge(ctx context.Context, child plan.Child, live *unstructured.Unstructured) (ready.Verdict, error) {
	if len(child.SecretKeys) > 0 {
		keys, err := p.keyring.keys(ctx, key(p.platform), child.Object.GetName())
		return ready.SealedSecret(live, keys, child.SecretKeys), err
	}
	verdict := ready.Judge(child.Object, live, p.now())
	if live == nil {
		return verdict, nil
	}
	if child.Object.GetKind() == "Certificate" {
		return p.certificateCause(ctx, child.Object, live, verdict)
	}
	if verdict.Good() {
		return verdict, nil
	}
	switch child.Object.GetKind() {
	case "PostgresCluster":
		return p.volumePending(verdict), nil
	case "Job":
		return p.withLastWords(ctx, verdict, live)
	case "Rollout":
		if cause := p.state.Services[p.names.ServiceOf(live.GetName())].Cause; cause != "" {
			verdict.Message += ": " + cause
		}
	}
	return verdict, nil
}

// volumePending replaces the verdict on the database if a volume of it is not there.
func (p *pass) volumePending(verdict ready.Verdict) ready.Verdict {
	class, found := "", false
	for _, claim := range p.state.Volumes {
		if claim.Status.Phase != corev1.ClaimPending {
			continue
		}
		name := "the cluster's default StorageClass"
		if claim.Spec.StorageClassName != nil {
			name = "StorageClass " + *claim.Spec.StorageClassName
		}
		if !found || name < class {
			class, found = name, true
		}
	}
	if found {
		verdict.Reason = reasonVolumePending
		verdict.Message = fmt.Sprintf("PostgresCluster %s/%s waits for volumes of %s: does it exist, and does it have room? Look at its PersistentVolumeClaims",
			p.names.Namespace, p.names.Database(), class)
	}
	return verdict
}

// withLastWords adds to a verdict on a Job what its last pod that failed said:
// which statement of a migration, or which part of Verify. Of one that goes on it
// adds why its pod cannot start, or is refused.
func (p *pass) withLastWords(ctx context.Context, verdict ready.Verdict, job *unstructured.Unstructured) (ready.Verdict, error) {
	var last *corev1.ContainerStateTerminated
	pods := p.podsOfJob(job)
	for _, pod := range pods {
		for _, status := range pod.Status.ContainerStatuses {
			ended := status.State.Terminated
			if ended == nil || ended.ExitCode == 0 || ended.Message == "" {
				continue
			}
			if last == nil || last.FinishedAt.Before(&ended.FinishedAt) {
				last = ended
			}
		}
	}
	if last != nil {
		verdict.Message += "; its last attempt ended with: " + message.Quote(last.Message)
		return verdict, nil
	}
	cause, err := ready.Cause(pods), error(nil)
	if len(pods) == 0 && verdict.State == ready.Progressing {
		cause, err = p.refusal(ctx, job)
	}
	if verdict.State == ready.Progressing && cause != "" {
		verdict.Message += ": " + cause
	}
	return verdict, err
}
