package plan

import (
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"blogplatform.io/operator/internal/naming"
)

// carry copies into the plan what other controllers write into our children.
// If an HPA sets replicas, the live value is kept; if it were left out, Argo Rollouts
// would default it to 1. The rest is written by Argo Rollouts: the
// weights of a VirtualService's routes and, in the subsets of a
// DestinationRule, which pods they are. Both lists are atomic for server-side
// apply, so their ownership cannot be shared. What was read decides, and only
// that: the write is refused if the live object is another by then.
//
// Argo Rollouts adds a label to the selector of the Service before the newest
// pods, too. The steps of a Rollout stay as they are while it takes them: with
// others it would begin anew.
func (b *builder) carry() {
	running := b.running()
	for _, child := range b.children {
		live := b.observed(child.Object)
		if live == nil {
			continue
		}
		switch child.Object.GetKind() {
		case "VirtualService":
			carryList(child.Object, live, running[live.GetName()], carryWeights, "spec", "http")
		case "Service":
			if !b.carrySelector(child.Object, live) {
				continue
			}
		case "Rollout":
			carrySteps(child.Object, live)
			if !b.carryReplicas(child.Object, live) {
				continue
			}
		case "DestinationRule":
			carryList(child.Object, live, running[live.GetName()], carryTemplateHash, "spec", "subsets")
		default:
			continue
		}
		child.Object.SetResourceVersion(live.GetResourceVersion())
	}
}

// observed is the live object of a child, if it is there and ours.
func (b *builder) observed(child *unstructured.Unstructured) *unstructured.Unstructured {
	return b.find(child.GroupVersionKind().GroupKind(), child.GetNamespace(), child.GetName())
}

// find answers a live object, if it is there and ours.
func (b *builder) find(kind schema.GroupKind, namespace, name string) *unstructured.Unstructured {
	for _, live := range b.Observed {
		if live.GroupVersionKind().GroupKind() == kind && live.GetNamespace() == namespace && live.GetName() == name && b.names.Owns(live.GetLabels()) {
			return live
		}
	}
	return nil
}

// running are the names of the workloads whose canary gets traffic. The
// structure of their routes and subsets stays as it is until it gets none: a
// shift must not meet a route that is rearranged under it.
func (b *builder) running() map[string]bool {
	running := map[string]bool{}
	for _, live := range b.Observed {
		if live.GetKind() == "VirtualService" && b.names.Owns(live.GetLabels()) {
			running[live.GetName()] = canaryWeight(live) > 0
		}
	}
	return running
}

func canaryWeight(virtualService *unstructured.Unstructured) int64 {
	for _, route := range objects(virtualService.Object, "spec", "http") {
		if route["name"] != routePrimary {
			continue
		}
		for _, destination := range objects(route, "route") {
			if subset(destination) == subsetCanary {
				weight, _, _ := unstructured.NestedInt64(destination, "weight")
				return weight
			}
		}
	}
	return 0
}

// carryList takes a list from the live object: whole while a rollout runs,
// otherwise what others wrote into the elements that the plan wants.
func carryList(desired, live *unstructured.Unstructured, whole bool, into func(desired, live []map[string]any), fields ...string) {
	if list, found, _ := unstructured.NestedSlice(live.Object, fields...); whole && found {
		_ = unstructured.SetNestedSlice(desired.Object, list, fields...)
		return
	}
	into(objects(desired.Object, fields...), objects(live.Object, fields...))
}

// carryReplicas tells whether an autoscaler owns the number of pods. An HPA does not
// touch a Rollout with 0 replicas, so fewer than its minimum are never planned.
func (b *builder) carryReplicas(desired, live *unstructured.Unstructured) bool {
	for service, workload := range b.values.workloads {
		if workload.autoscaling == nil || b.names.Workload(service) != desired.GetName() {
			continue
		}
		replicas, _, _ := unstructured.NestedInt64(live.Object, "spec", "replicas")
		_ = unstructured.SetNestedField(desired.Object, max(replicas, int64(workload.replicas)), "spec", "replicas")
		return true
	}
	return false
}

// carrySelector tells whether Argo Rollouts writes the selector.
func (b *builder) carrySelector(desired, live *unstructured.Unstructured) bool {
	for _, service := range naming.Services {
		if desired.GetName() != b.names.Canary(service) {
			continue
		}
		if hash, found, _ := unstructured.NestedString(live.Object, "spec", "selector", labelTemplateHash); found {
			_ = unstructured.SetNestedField(desired.Object, hash, "spec", "selector", labelTemplateHash)
		}
		return true
	}
	return false
}

// carrySteps keeps the steps of a Rollout that is on its way to the set that it is to run.
func carrySteps(desired, live *unstructured.Unstructured) {
	set := desired.GetAnnotations()[naming.AnnotationSet]
	if live.GetAnnotations()[naming.AnnotationSet] != set || stands(live) {
		return
	}
	steps, found, _ := unstructured.NestedSlice(live.Object, "spec", "strategy", "canary", "steps")
	if !found {
		unstructured.RemoveNestedField(desired.Object, "spec", "strategy", "canary", "steps")
		return
	}
	_ = unstructured.SetNestedSlice(desired.Object, steps, "spec", "strategy", "canary", "steps")
}

// stands tells of a Rollout that Argo Rollouts has seen, and whose pods are the
// stable ones. Its observedGeneration is a string.
func stands(rollout *unstructured.Unstructured) bool {
	seen, _, _ := unstructured.NestedString(rollout.Object, "status", "observedGeneration")
	stable, _, _ := unstructured.NestedString(rollout.Object, "status", "stableRS")
	current, _, _ := unstructured.NestedString(rollout.Object, "status", "currentPodHash")
	generation, err := strconv.ParseInt(seen, 10, 64)
	return err == nil && generation >= rollout.GetGeneration() && stable != "" && stable == current
}

func carryWeights(desired, live []map[string]any) {
	for _, route := range desired {
		other := named(live, "name", route["name"])
		if route["name"] != routePrimary || other == nil {
			continue
		}
		for _, destination := range objects(route, "route") {
			for _, from := range objects(other, "route") {
				if weight, found := from["weight"]; found && subset(from) == subset(destination) {
					destination["weight"] = weight
				}
			}
		}
	}
}

func carryTemplateHash(desired, live []map[string]any) {
	for _, set := range desired {
		hash, found, _ := unstructured.NestedString(named(live, "name", set["name"]), "labels", labelTemplateHash)
		if found {
			_ = unstructured.SetNestedField(set, hash, "labels", labelTemplateHash)
		}
	}
}

// objects are the elements of a list, themselves and not copies.
func objects(parent map[string]any, fields ...string) []map[string]any {
	value, _, _ := unstructured.NestedFieldNoCopy(parent, fields...)
	list, _ := value.([]any)
	var out []map[string]any
	for _, element := range list {
		if object, ok := element.(map[string]any); ok {
			out = append(out, object)
		}
	}
	return out
}

// named is the first object of a list with a value in a field, or nil.
func named(list []map[string]any, field string, value any) map[string]any {
	for _, object := range list {
		if object[field] == value {
			return object
		}
	}
	return nil
}

func subset(destination map[string]any) string {
	name, _, _ := unstructured.NestedString(destination, "destination", "subset")
	return name
}
