package charts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/test/kustomize"
)

// kustomized are the objects of a folder of config.
func kustomized(t *testing.T, folder string) map[string]*unstructured.Unstructured {
	t.Helper()
	objects, err := kustomize.Objects(root, folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		// Kustomize does not know that these kinds have no namespace.
		if strings.HasPrefix(object.GetKind(), "ValidatingAdmissionPolicy") {
			object.SetNamespace("")
		}
	}
	return byName(objects)
}

// byName maps objects by kind, namespace and name.
func byName(objects []*unstructured.Unstructured) map[string]*unstructured.Unstructured {
	named := map[string]*unstructured.Unstructured{}
	for _, object := range objects {
		named[fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName())] = object
	}
	return named
}

// onlyInChart are the objects that config/ leaves to whoever applies it.
var onlyInChart = []string{
	"NetworkPolicy blogplatform-system/blogplatform-controller-manager",
	"PodDisruptionBudget blogplatform-system/blogplatform-controller-manager",
}

// onlyInConfig: Helm makes the namespace of a release, and a chart cannot hold it.
var onlyInConfig = []string{"Namespace /blogplatform-system"}

// changed are the fields in which the operator of the chart is meant to differ, by
// path in the object.
var changed = map[string][]string{
	"Deployment blogplatform-system/blogplatform-controller-manager": {
		"spec.replicas", "spec.template.spec.priorityClassName", "spec.template.spec.topologySpreadConstraints",
		"spec.template.spec.containers.image", "spec.template.spec.containers.args",
	},
	"CustomResourceDefinition /blogplatforms.blogplatform.io": {"metadata.annotations.helm.sh/resource-policy"},
}

// labels that say who applies an object. People's clusters aggregate by the others.
var labels = []string{"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"}

// compared is an object without what is meant to differ.
func compared(name string, object *unstructured.Unstructured) map[string]any {
	object = object.DeepCopy()
	kept := object.GetLabels()
	for _, label := range labels {
		delete(kept, label)
	}
	object.SetLabels(kept)
	if len(kept) == 0 {
		unstructured.RemoveNestedField(object.Object, "metadata", "labels")
	}
	for _, path := range changed[name] {
		remove(object.Object, path)
	}
	return object.Object
}

// remove removes a field, of each item where a list is on the path. Keys may
// hold dots, so the longest key that exists is taken.
func remove(from map[string]any, path string) {
	for key, value := range from {
		if key == path {
			delete(from, key)
			return
		}
		rest, below := strings.CutPrefix(path, key+".")
		if !below {
			continue
		}
		switch value := value.(type) {
		case map[string]any:
			remove(value, rest)
		case []any:
			for _, item := range value {
				remove(item.(map[string]any), rest)
			}
		}
	}
}

// without removes names from a set, and fails the test if one is not in it.
func without(t *testing.T, where string, objects map[string]*unstructured.Unstructured, names []string) {
	t.Helper()
	for _, name := range names {
		if objects[name] == nil {
			t.Errorf("%s has no %s any more: remove it from the list", where, name)
		}
		delete(objects, name)
	}
}

// TestTheChartInstallsWhatKustomizeDoes: rights, policies, the CRD and the
// operator are the same by both ways, in the whole cluster and in some namespaces.
func TestTheChartInstallsWhatKustomizeDoes(t *testing.T) {
	for folder, text := range map[string]string{"default": "", "namespaced": "watchNamespaces: [g11-stg, g11-prod]"} {
		t.Run(folder, func(t *testing.T) {
			want, got := kustomized(t, folder), byName(render(t, "blogplatform-operator", operator, digest, text).Objects)
			without(t, "the chart", got, onlyInChart)
			without(t, "config/"+folder, want, onlyInConfig)
			if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("objects (-config/%s +chart):\n%s", folder, diff)
			}
			for name := range want {
				if got[name] == nil {
					continue
				}
				if diff := cmp.Diff(compared(name, want[name]), compared(name, got[name])); diff != "" {
					t.Errorf("%s (-config/%s +chart):\n%s", name, folder, diff)
				}
			}
		})
	}
}

// TestTheChartMonitorsWhatKustomizeDoes, with labels of its own by which Prometheus selects.
func TestTheChartMonitorsWhatKustomizeDoes(t *testing.T) {
	want := kustomized(t, "monitoring")
	plain := byName(render(t, "blogplatform-operator", operator, digest).Objects)
	got := byName(render(t, "blogplatform-operator", operator, digest, "monitoring: {enabled: true, labels: {release: prometheus}}").Objects)
	maps.DeleteFunc(got, func(name string, _ *unstructured.Unstructured) bool { return plain[name] != nil })
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Fatalf("objects (-config/monitoring +chart):\n%s", diff)
	}
	for name, object := range got {
		if object.GetLabels()["release"] != "prometheus" {
			t.Errorf("%s has the labels %v", name, object.GetLabels())
		}
		labels := object.GetLabels()
		delete(labels, "release")
		object.SetLabels(labels)
		if diff := cmp.Diff(compared(name, want[name]), compared(name, object)); diff != "" {
			t.Errorf("%s (-config/monitoring +chart):\n%s", name, diff)
		}
	}
}

// TestTheArgumentsOfTheOperatorAreThoseOfKustomize: arguments may be written
// out that config/ leaves to their defaults, and none may be another.
func TestTheArgumentsOfTheOperatorAreThoseOfKustomize(t *testing.T) {
	const deployment = "Deployment blogplatform-system/blogplatform-controller-manager"
	defaults := []string{"--gateway-namespaces=istio-ingress", "--mesh-dataplane=required", "--max-concurrent-reconciles=10", "--log-level=info", "--log-format=json"}
	for folder, text := range map[string]string{"default": "", "namespaced": "watchNamespaces: [g11-stg, g11-prod]"} {
		want := arguments(t, kustomized(t, folder)[deployment])
		for _, argument := range defaults {
			if !slices.Contains(want, argument) {
				want = append(want, argument)
			}
		}
		got := arguments(t, byName(render(t, "blogplatform-operator", operator, digest, text).Objects)[deployment])
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("arguments (-config/%s +chart):\n%s", folder, diff)
		}
	}
}

func arguments(t *testing.T, deployment *unstructured.Unstructured) []string {
	t.Helper()
	containers, _, _ := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	arguments, ok, err := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
	if !ok || err != nil {
		t.Fatalf("the operator has no arguments: %v", err)
	}
	return arguments
}

// TestACopyOfTheChartNeedsNoCheckout: what it takes from config/ is in its archive.
func TestACopyOfTheChartNeedsNoCheckout(t *testing.T) {
	var files []string
	for _, file := range load(t, "blogplatform-operator").Files {
		files = append(files, file.Name)
	}
	for _, want := range []string{"files/crd/blogplatform.io_blogplatforms.yaml", "files/rbac/role.yaml", "files/admission/promotion.yaml", "files/namespaced/roles.yaml", "files/monitoring/monitors.yaml"} {
		if !slices.Contains(files, want) {
			t.Errorf("%s is not in the chart: %q", want, files)
		}
	}
	if slices.Contains(files, "files/rbac/kustomization.yaml") || slices.Contains(files, "files/namespaced/bindings.yaml") || slices.Contains(files, "files/monitoring/monitoring.go") {
		t.Errorf("what the chart does not read is in it: %q", files)
	}
}
