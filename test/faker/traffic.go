package faker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// reference is another object that a Rollout names and, unless edit is readOnly, writes.
type reference struct {
	resource schema.GroupVersionResource
	name     string
	field    string
	edit     func(u *unstructured.Unstructured, r *argo.Rollout, weight int32)
}

type referenceKey struct {
	resource        schema.GroupVersionResource
	namespace, name string
}

func references(r *argo.Rollout) []reference {
	canary := r.Spec.Strategy.Canary
	var refs []reference
	if name := canary.StableService; name != "" {
		refs = append(refs, reference{services, name, "spec.strategy.canary.stableService", selectStable})
	}
	if name := canary.CanaryService; name != "" {
		refs = append(refs, reference{services, name, "spec.strategy.canary.canaryService", selectCanary})
	}
	for i, step := range canary.Steps {
		if step.Analysis == nil {
			continue
		}
		for j, template := range step.Analysis.Templates {
			field := fmt.Sprintf("spec.strategy.canary.steps[%d].analysis.templates[%d].templateName", i, j)
			refs = append(refs, reference{analysisTemplates, template.TemplateName, field, readOnly})
		}
	}
	if canary.TrafficRouting == nil || canary.TrafficRouting.Istio == nil {
		return refs
	}
	istio := canary.TrafficRouting.Istio
	const field = "spec.strategy.canary.trafficRouting.istio."
	if istio.DestinationRule != nil {
		refs = append(refs, reference{destinationRules, istio.DestinationRule.Name, field + "destinationRule.name", labelSubsets})
	}
	all := istio.VirtualServices
	if istio.VirtualService != nil {
		all = append(slices.Clone(all), *istio.VirtualService)
	}
	for _, v := range all {
		refs = append(refs, reference{virtualServices, v.Name, field + "virtualService.name", func(u *unstructured.Unstructured, r *argo.Rollout, weight int32) {
			setWeights(u, r, v.Routes, weight)
		}})
	}
	return refs
}

// sawReference keeps an object that a Rollout may name, and looks at the Rollouts beside it anew.
func (f *Faker) sawReference(resource schema.GroupVersionResource, event watch.EventType, u *unstructured.Unstructured) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := referenceKey{resource, u.GetNamespace(), u.GetName()}
	f.references[key] = u
	if event == watch.Deleted {
		delete(f.references, key)
	}
	for i := range f.objects {
		if i.kind == Rollout && strings.HasPrefix(i.key, u.GetNamespace()+"/") {
			f.queue.AddAfter(i, f.behaviour(i).Delay)
		}
	}
}

// reference returns the live object of a reference, or nil.
func (f *Faker) reference(r *argo.Rollout, ref reference) *unstructured.Unstructured {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.references[referenceKey{ref.resource, r.Namespace, ref.name}].DeepCopy()
}

// missingReference is the error that makes a Rollout invalid: it names an object that does not exist.
func (f *Faker) missingReference(r *argo.Rollout) error {
	for _, ref := range references(r) {
		if f.reference(r, ref) == nil {
			return fmt.Errorf("%s: Invalid value: %q: %s %q not found", ref.field, ref.name, ref.resource.GroupResource(), ref.name)
		}
	}
	return nil
}

// route gives the canary its share of the traffic, in percent.
func (f *Faker) route(ctx context.Context, r *argo.Rollout, weight int32) error {
	for _, ref := range references(r) {
		live := f.reference(r, ref)
		if live == nil {
			continue
		}
		before := live.DeepCopy()
		ref.edit(live, r, weight)
		if equality.Semantic.DeepEqual(before.Object, live.Object) {
			continue
		}
		if _, err := f.client.Resource(ref.resource).Namespace(r.Namespace).Update(ctx, live, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	if canary := r.Spec.Strategy.Canary; canary.TrafficRouting != nil {
		r.Status.Canary.Weights = &argo.TrafficWeights{
			Canary: argo.WeightDestination{Weight: weight, PodTemplateHash: r.Status.CurrentPodHash, ServiceName: canary.CanaryService},
			Stable: argo.WeightDestination{Weight: 100 - weight, PodTemplateHash: r.Status.StableRS, ServiceName: canary.StableService},
		}
	}
	return nil
}

func readOnly(*unstructured.Unstructured, *argo.Rollout, int32) {}

func selectStable(u *unstructured.Unstructured, r *argo.Rollout, _ int32) {
	selectPods(u, r, r.Status.StableRS)
}

func selectCanary(u *unstructured.Unstructured, r *argo.Rollout, _ int32) {
	selectPods(u, r, r.Status.CurrentPodHash)
}

func selectPods(u *unstructured.Unstructured, r *argo.Rollout, templateHash string) {
	selector, _, _ := unstructured.NestedStringMap(u.Object, "spec", "selector")
	if selector == nil {
		selector = map[string]string{}
	}
	selector[argo.DefaultRolloutUniqueLabelKey] = templateHash
	_ = unstructured.SetNestedStringMap(u.Object, selector, "spec", "selector")
	claim(u, r)
}

// labelSubsets gives the two subsets of a DestinationRule the hashes of their pods.
func labelSubsets(u *unstructured.Unstructured, r *argo.Rollout, _ int32) {
	rule := r.Spec.Strategy.Canary.TrafficRouting.Istio.DestinationRule
	subsets, _, _ := unstructured.NestedSlice(u.Object, "spec", "subsets")
	for _, s := range subsets {
		subset, _ := s.(map[string]any)
		switch subset["name"] {
		case rule.CanarySubsetName:
			_ = unstructured.SetNestedField(subset, r.Status.CurrentPodHash, "labels", argo.DefaultRolloutUniqueLabelKey)
		case rule.StableSubsetName:
			_ = unstructured.SetNestedField(subset, r.Status.StableRS, "labels", argo.DefaultRolloutUniqueLabelKey)
		}
	}
	_ = unstructured.SetNestedSlice(u.Object, subsets, "spec", "subsets")
	claim(u, r)
}

// setWeights writes the weights of the routes of these names, or of all if there are none.
func setWeights(u *unstructured.Unstructured, r *argo.Rollout, routes []string, weight int32) {
	all, _, _ := unstructured.NestedSlice(u.Object, "spec", "http")
	for _, h := range all {
		route, _ := h.(map[string]any)
		if name, _ := route["name"].(string); len(routes) > 0 && !slices.Contains(routes, name) {
			continue
		}
		destinations, _, _ := unstructured.NestedSlice(route, "route")
		for _, d := range destinations {
			destination, _ := d.(map[string]any)
			setWeight(destination, r.Spec.Strategy.Canary, int64(weight))
		}
		route["route"] = destinations
	}
	_ = unstructured.SetNestedSlice(u.Object, all, "spec", "http")
}

func setWeight(destination map[string]any, canary *argo.CanaryStrategy, weight int64) {
	host, _, _ := unstructured.NestedString(destination, "destination", "host")
	subset, _, _ := unstructured.NestedString(destination, "destination", "subset")
	rule := canary.TrafficRouting.Istio.DestinationRule
	want := int64(0) // a destination that is neither gets nothing
	switch {
	case rule != nil && subset == rule.CanarySubsetName, rule == nil && host == canary.CanaryService:
		want = weight
	case rule != nil && subset == rule.StableSubsetName, rule == nil && host == canary.StableService:
		want = 100 - weight
	}
	if have, _ := destination["weight"].(int64); have != want {
		destination["weight"] = want
	}
}

// claim says by whom the object is written.
func claim(u *unstructured.Unstructured, r *argo.Rollout) {
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[argo.ManagedByRolloutsKey] = r.Name
	u.SetAnnotations(annotations)
}
