package main

import (
	"context"
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
)

// bareAgent is the user agent of the bare client.
const bareAgent = "bare-client"

// bare writes what the operator writes, and does nothing else.
type bare struct {
	client  client.WithWatch
	workers chan struct{}
	// gates are nil for a client that waits for nothing between stages.
	gates  *gates
	status statusTemplate
}

// statusTemplate is the status of a Ready platform that the operator wrote, and the platform's namespace.
type statusTemplate struct {
	json      string
	namespace string
}

// of puts another namespace into the status.
func (t statusTemplate) of(p *v1alpha1.BlogPlatform) (v1alpha1.BlogPlatformStatus, error) {
	var status v1alpha1.BlogPlatformStatus
	err := json.Unmarshal([]byte(strings.ReplaceAll(t.json, t.namespace, p.Namespace)), &status)
	return status, err
}

func newBare(ctx context.Context, w *world, workers int, status statusTemplate, waits bool) (*bare, error) {
	c, err := client.NewWithWatch(w.config(bareAgent), client.Options{Scheme: kube.NewScheme(), FieldOwner: kube.FieldOwner})
	if err != nil {
		return nil, err
	}
	b := &bare{client: c, workers: make(chan struct{}, workers), status: status}
	if waits {
		b.gates = watchGates(ctx, c)
	}
	return b, nil
}

// run makes one platform Ready.
func (b *bare) run(ctx context.Context, p *v1alpha1.BlogPlatform) error {
	planned, err := plan.Build(plan.Input{Platform: p, Release: p.Spec.Release})
	if err != nil {
		return err
	}
	for _, stage := range plan.Stages {
		if err := b.work(ctx, p, planned, stage); err != nil {
			return err
		}
		if err := b.gates.await(ctx, planned, stage); err != nil {
			return err
		}
	}
	return b.finish(ctx, p)
}

// work writes one stage of a platform, with the finalizer before the first.
func (b *bare) work(ctx context.Context, p *v1alpha1.BlogPlatform, planned plan.Plan, stage plan.Stage) error {
	b.workers <- struct{}{}
	defer func() { <-b.workers }()
	if stage == plan.Stages[0] {
		patch := client.MergeFromWithOptions(p.DeepCopy(), client.MergeFromWithOptimisticLock{})
		controllerutil.AddFinalizer(p, naming.Finalizer)
		if err := b.client.Patch(ctx, p, patch); err != nil {
			return err
		}
	}
	for _, child := range planned.Children {
		if child.Stage != stage {
			continue
		}
		if err := b.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(complete(p, child)), client.ForceOwnership); err != nil {
			return err
		}
	}
	return nil
}

// complete adds what the operator adds to a planned child.
func complete(p *v1alpha1.BlogPlatform, child plan.Child) *unstructured.Unstructured {
	u := child.Object
	if child.Retain {
		annotations := u.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[naming.AnnotationData] = "retain"
		u.SetAnnotations(annotations)
	} else if u.GetNamespace() == p.Namespace {
		u.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(p, v1alpha1.GroupVersion.WithKind("BlogPlatform"))})
	}
	return u
}

func (b *bare) finish(ctx context.Context, p *v1alpha1.BlogPlatform) error {
	b.workers <- struct{}{}
	defer func() { <-b.workers }()
	base := p.DeepCopy()
	status, err := b.status.of(p)
	if err != nil {
		return err
	}
	p.Status = status
	return b.client.Status().Patch(ctx, p, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
}
