package main

import (
	"context"
	"fmt"
	"math/rand"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/test/bench/measure"
)

// edits change a field that the plan owns, by kind. What has no edit, or is not
// named here, is deleted.
var edits = map[string]string{
	"AnalysisTemplate":        `{"spec":{"args":[{"name":"drift"}]}}`,
	"Certificate":             `{"spec":{"secretName":"drift"}}`,
	"ConfigMap":               `{"data":{"init.sql":"drift"}}`,
	"DestinationRule":         `{"spec":{"host":"drift.example.com"}}`,
	"Gateway":                 `{"spec":{"selector":{"istio":"drift"}}}`,
	"HorizontalPodAutoscaler": `{"spec":{"maxReplicas":7}}`,
	"NetworkPolicy":           `{"spec":{"podSelector":{"matchLabels":{"drift":"drift"}}}}`,
	"PeerAuthentication":      `{"spec":{"mtls":{"mode":"PERMISSIVE"}}}`,
	"PodDisruptionBudget":     `{"spec":{"maxUnavailable":2}}`,
	"Rollout":                 `{"spec":{"revisionHistoryLimit":7}}`,
	"Service":                 `{"spec":{"selector":{"drift":"drift"}}}`,
	"ServiceAccount":          `{"automountServiceAccountToken":true}`,
	"VirtualService":          `{"spec":{"hosts":["drift.example.com"]}}`,
}

// patience is how long a repair may take before the benchmark gives up.
const patience = time.Minute

// measureDrift disturbs random children, one at a time, and answers how long
// each repair took.
func measureDrift(ctx context.Context, w *world, platforms []*v1alpha1.BlogPlatform, n int) ([]time.Duration, error) {
	random := rand.New(rand.NewSource(1)) // the same children in every run
	var repairs []time.Duration
	for i := range n {
		p := platforms[random.Intn(len(platforms))]
		planned, err := plan.Build(plan.Input{Platform: p, Release: p.Spec.Release})
		if err != nil {
			return nil, err
		}
		child := planned.Children[random.Intn(len(planned.Children))]
		for child.Retain || child.Object.GetKind() == "Job" { // data is not deleted; a Job that is done is not run again
			child = planned.Children[random.Intn(len(planned.Children))]
		}
		took, err := disturb(ctx, w, child.Object, random.Intn(2) == 0)
		if err != nil {
			return nil, fmt.Errorf("child %d of %d, %s: it is not repaired: %w", i+1, n, identity(child.Object), err)
		}
		repairs = append(repairs, took)
		measure.Progress("%d of %d children are repaired", i+1, n)
	}
	return repairs, nil
}

// disturb edits or deletes one child and waits until it is as before.
func disturb(ctx context.Context, w *world, child *unstructured.Unstructured, edit bool) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before := &unstructured.Unstructured{}
	before.SetGroupVersionKind(child.GroupVersionKind())
	if err := w.client.Get(ctx, client.ObjectKeyFromObject(child), before); err != nil {
		return 0, err
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(child.GroupVersionKind().GroupVersion().WithKind(child.GetKind() + "List"))
	watcher, err := w.client.Watch(ctx, list, client.InNamespace(child.GetNamespace()),
		client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", child.GetName())})
	if err != nil {
		return 0, err
	}
	defer watcher.Stop()
	disturbed := before.DeepCopy()
	patch, known := edits[child.GetKind()]
	start := time.Now()
	if edit && known {
		err = w.client.Patch(ctx, disturbed, client.RawPatch(types.MergePatchType, []byte(patch)))
		if err == nil && equality.Semantic.DeepEqual(content(before), content(disturbed)) {
			err = fmt.Errorf("the edit %s changes nothing", patch)
		}
	} else {
		err = w.client.Delete(ctx, disturbed, client.PropagationPolicy("Background"))
	}
	if err != nil {
		return 0, err
	}
	return awaitRepair(ctx, watcher, before, disturbed, start)
}

// awaitRepair waits for a version after the disturbed one that has the content of the one before.
func awaitRepair(ctx context.Context, watcher watch.Interface, before, disturbed *unstructured.Unstructured, start time.Time) (time.Duration, error) {
	broken := false
	for {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case event, open := <-watcher.ResultChan():
			u, ok := event.Object.(*unstructured.Unstructured)
			switch {
			case !open:
				return 0, fmt.Errorf("the watch ended")
			case !ok:
			case event.Type == watch.Deleted, u.GetResourceVersion() == disturbed.GetResourceVersion() && u.GetResourceVersion() != before.GetResourceVersion():
				broken = true
			case broken && (u.GetUID() != before.GetUID() || equality.Semantic.DeepEqual(content(before), content(u))):
				return time.Since(start), nil
			}
		}
	}
}

// content is an object without what the API server or its controller writes.
func content(u *unstructured.Unstructured) map[string]any {
	c := u.DeepCopy().Object
	delete(c, "metadata")
	delete(c, "status")
	return c
}
