package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
)

// judged are the kinds of children that are not ready by being there.
var judged = []schema.GroupVersionKind{
	{Group: "bitnami.com", Version: "v1alpha1", Kind: "SealedSecret"},
	{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"},
	{Group: "postgres-operator.crunchydata.com", Version: "v1beta1", Kind: "PostgresCluster"},
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"},
	{Group: "batch", Version: "v1", Kind: "Job"},
}

func isJudged(kind string) bool {
	return slices.ContainsFunc(judged, func(gvk schema.GroupVersionKind) bool { return gvk.Kind == kind })
}

func identity(u *unstructured.Unstructured) string {
	return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
}

// gates tell which children have been ready.
type gates struct {
	mu    sync.Mutex
	ready map[string]chan struct{}
}

func watchGates(ctx context.Context, c client.WithWatch) *gates {
	g := &gates{ready: map[string]chan struct{}{}}
	for _, kind := range judged {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		go watchAlways(ctx, c, list, func(object client.Object) {
			if u, ok := object.(*unstructured.Unstructured); ok && isReady(u) {
				g.open(identity(u))
			}
		}, client.MatchingLabels{naming.LabelManagedBy: naming.ManagedBy})
	}
	return g
}

// await waits for the children of a stage that hold back the next one.
func (g *gates) await(ctx context.Context, planned plan.Plan, stage plan.Stage) error {
	if g == nil {
		return nil
	}
	for _, child := range planned.Children {
		gates := child.Gates && child.Stage == stage
		// The certificate holds back nothing but Verify, the last stage.
		if child.Object.GetKind() == "Certificate" {
			gates = stage == plan.StageWorkloads
		}
		if !gates || !isJudged(child.Object.GetKind()) {
			continue
		}
		select {
		case <-g.of(identity(child.Object)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// of returns a channel that is closed once the child is ready.
func (g *gates) of(child string) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ready[child] == nil {
		g.ready[child] = make(chan struct{})
	}
	return g.ready[child]
}

func (g *gates) open(child string) {
	gate := g.of(child)
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-gate:
	default:
		close(gate)
	}
}

func isReady(u *unstructured.Unstructured) bool {
	if u.GetKind() == "SealedSecret" {
		// The faker makes the Secret before it says so.
		return ready.SealedSecret(u, map[string]bool{}, nil).State == ready.Ready && u.Object["status"] != nil
	}
	return ready.Judge(u, u, time.Now()).State == ready.Ready
}
