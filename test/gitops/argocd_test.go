package gitops

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/gitops"
	"blogplatform.io/operator/test/kustomize"
)

// kustomized renders a folder of config/gitops, as Argo CD and Flux do.
func kustomized(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := kustomize.Objects(root, filepath.Join("gitops", folder))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func text(t *testing.T, u *unstructured.Unstructured, path ...string) string {
	t.Helper()
	value, _, err := unstructured.NestedString(u.Object, path...)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// application is one of Argo CD, with the root that makes it.
type application struct {
	*unstructured.Unstructured
	environment string
}

// applications are the roots, and all that they make.
func applications(t *testing.T) map[string]application {
	t.Helper()
	found := map[string]application{}
	for _, environment := range []string{"production", "staging"} {
		objects := kustomized(t, "argocd/"+environment)
		read, err := controlplane.ReadObjects(filepath.Join(root, "config/gitops/argocd/roots", environment+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range append(objects, read...) {
			if object.GetKind() == "Application" {
				found[object.GetName()] = application{object, environment}
			}
		}
	}
	return found
}

// projects are the AppProjects by name.
func projects(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	read, err := controlplane.ReadObjects(filepath.Join(root, "config/gitops/argocd/roots/project.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*unstructured.Unstructured{}
	for _, object := range append(kustomized(t, "argocd/production"), read...) {
		if object.GetKind() == "AppProject" {
			found[object.GetName()] = object
		}
	}
	return found
}

// TestProductionFollowsMainAndStagingFollowsStaging, roots and platforms alike, and
// each platform has its own environment.
func TestProductionFollowsMainAndStagingFollowsStaging(t *testing.T) {
	apps := applications(t)
	for environment, branch := range map[string]string{"production": "main", "staging": "staging"} {
		for name, path := range map[string]string{"root-" + environment: "argocd/" + environment, "platform-" + environment: "environments/" + environment} {
			app, ok := apps[name]
			if !ok {
				t.Errorf("there is no Application %s", name)
				continue
			}
			if text(t, app.Unstructured, "spec", "source", "targetRevision") != branch || text(t, app.Unstructured, "spec", "source", "path") != "config/gitops/"+path || app.environment != environment {
				t.Errorf("%s follows %v", name, app.Object["spec"])
			}
		}
	}
}

// TestNothingIsTakenAwayUnasked: whatever goes from Git waits for somebody to
// confirm it, and no Application takes its objects with it.
func TestNothingIsTakenAwayUnasked(t *testing.T) {
	for name, app := range applications(t) {
		options, _, _ := unstructured.NestedStringSlice(app.Object, "spec", "syncPolicy", "syncOptions")
		for _, want := range []string{"Prune=confirm", "ServerSideApply=true"} {
			if !slices.Contains(options, want) {
				t.Errorf("%s has the options %q, want %s", name, options, want)
			}
		}
		if len(app.GetFinalizers()) > 0 {
			t.Errorf("%s has the finalizers %q", name, app.GetFinalizers())
		}
	}
	for _, folder := range []string{"namespaces/production", "namespaces/staging", "environments/production", "environments/staging"} {
		for _, object := range kustomized(t, folder) {
			if kind := object.GetKind(); kind != "Namespace" && kind != "BlogPlatform" {
				continue
			}
			notes := object.GetAnnotations()
			if notes["argocd.argoproj.io/sync-options"] != "Prune=confirm,Delete=confirm" || notes["kustomize.toolkit.fluxcd.io/prune"] != "disabled" {
				t.Errorf("%s %s in %s has %v", object.GetKind(), object.GetName(), folder, notes)
			}
		}
	}
}

// TestWavesComeInOrder: projects before Applications, components before what they
// are needed for, and platforms last.
func TestWavesComeInOrder(t *testing.T) {
	waves := map[string]int{}
	for _, object := range kustomized(t, "argocd/production") {
		wave, err := strconv.Atoi(cmp.Or(object.GetAnnotations()["argocd.argoproj.io/sync-wave"], "0"))
		if err != nil {
			t.Fatal(err)
		}
		waves[object.GetKind()+" "+object.GetName()] = wave
	}
	for _, order := range [][]string{
		{"AppProject components", "Application calico", "Application cert-manager", "ClusterIssuer letsencrypt", "Application platform-production"},
		{"AppProject production", "Application platform-production"},
		{"Namespace g11-prod", "Application platform-production"},
		{"Application istio-base", "Application istiod", "Application istio-ingress", "Application platform-production"},
		{"Application calico", "Application istio-cni"},
		{"Application pgo", "Application blogplatform-operator", "Application platform-production"},
		{"Application sealed-secrets", "Application blogplatform-operator"},
		{"Application argo-rollouts", "Application blogplatform-operator"},
		{"Application aws-ebs-csi-driver", "Application kube-prometheus-stack", "Application grafana"},
	} {
		for i := 1; i < len(order); i++ {
			before, there := waves[order[i-1]]
			after, too := waves[order[i]]
			if !there || !too || before >= after {
				t.Errorf("%s is in wave %d (%v), %s in %d (%v)", order[i-1], before, there, order[i], after, too)
			}
		}
	}
}

// allowed is a list of an AppProject as group/kind.
func allowed(t *testing.T, project *unstructured.Unstructured, list string) []string {
	t.Helper()
	entries, _, err := unstructured.NestedSlice(project.Object, "spec", list)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, entry := range entries {
		fields := entry.(map[string]any)
		kinds = append(kinds, fields["group"].(string)+"/"+fields["kind"].(string))
	}
	return kinds
}

// destinations and repositories of an AppProject.
func destinations(project *unstructured.Unstructured) (namespaces, repositories []string) {
	entries, _, _ := unstructured.NestedSlice(project.Object, "spec", "destinations")
	for _, entry := range entries {
		fields := entry.(map[string]any)
		namespaces = append(namespaces, fields["name"].(string)+"/"+fields["namespace"].(string))
	}
	repositories, _, _ = unstructured.NestedStringSlice(project.Object, "spec", "sourceRepos")
	return namespaces, repositories
}

// TestProjectsAllowWhatIsThereAndNothingElse: repositories, namespaces and kinds.
func TestProjectsAllowWhatIsThereAndNothingElse(t *testing.T) {
	repositories, namespaces := map[string]map[string]bool{}, map[string]map[string]bool{}
	note := func(into map[string]map[string]bool, project, what string) {
		if into[project] == nil {
			into[project] = map[string]bool{}
		}
		into[project][what] = true
	}
	for _, app := range applications(t) {
		project := text(t, app.Unstructured, "spec", "project")
		note(repositories, project, text(t, app.Unstructured, "spec", "source", "repoURL"))
		note(namespaces, project, text(t, app.Unstructured, "spec", "destination", "name")+"/"+text(t, app.Unstructured, "spec", "destination", "namespace"))
	}
	// What the roots render for an environment is in its namespace.
	note(namespaces, "roots", "in-cluster/g11-prod")
	note(namespaces, "roots", "in-cluster/g11-stg")
	for name, project := range projects(t) {
		gotNamespaces, gotRepositories := destinations(project)
		slices.Sort(gotNamespaces)
		slices.Sort(gotRepositories)
		if want := slices.Sorted(maps.Keys(namespaces[name])); !slices.Equal(gotNamespaces, want) {
			t.Errorf("project %s may deploy to %q, want %q", name, gotNamespaces, want)
		}
		if want := slices.Sorted(maps.Keys(repositories[name])); !slices.Equal(gotRepositories, want) {
			t.Errorf("project %s may read %q, want %q", name, gotRepositories, want)
		}
	}
}

// kindsOfTheUnrendered are those that only charts make which no test renders, from what their projects document.
var kindsOfTheUnrendered = []string{"storage.k8s.io/CSIDriver", "storage.k8s.io/StorageClass"}

// TestComponentsMayMakeTheKindsThatTheyAreMadeOf, and no others.
func TestComponentsMayMakeTheKindsThatTheyAreMadeOf(t *testing.T) {
	everywhere, namespaced := map[string]bool{"/Namespace": true, "apiextensions.k8s.io/CustomResourceDefinition": true}, map[string]bool{}
	for _, kind := range kindsOfTheUnrendered {
		everywhere[kind] = true
	}
	project := projects(t)["components"]
	namespaces, _ := destinations(project)
	for _, c := range components(t) {
		if c.Unrendered != "" {
			continue
		}
		crds, objects := rendered(t, c)
		if err := controlplane.InstallCRDs(t.Context(), cluster, crds); err != nil {
			t.Fatal(err)
		}
		for _, object := range objects {
			into := namespaced
			if clusterWide(t, object.GroupVersionKind()) {
				into = everywhere
			} else if where := "in-cluster/" + cmp.Or(object.GetNamespace(), c.Namespace); !slices.Contains(namespaces, where) {
				t.Errorf("component %s makes %s %s in %s, where its project may make nothing", c.Name, object.GetKind(), object.GetName(), where)
			}
			into[object.GroupVersionKind().Group+"/"+object.GetKind()] = true
		}
	}
	for list, want := range map[string]map[string]bool{"clusterResourceWhitelist": everywhere, "namespaceResourceWhitelist": namespaced} {
		got := allowed(t, project, list)
		slices.Sort(got)
		if kinds := slices.Sorted(maps.Keys(want)); !slices.Equal(got, kinds) {
			t.Errorf("%s of project components is\n  %s\nwant\n  %s", list, strings.Join(got, "\n  "), strings.Join(kinds, "\n  "))
		}
	}
}

// clusterWide tells whether a kind has no namespace. The API server knows it: each chart's CRDs are there.
func clusterWide(t *testing.T, gvk schema.GroupVersionKind) bool {
	t.Helper()
	mapping, err := cluster.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		t.Fatal(err)
	}
	return mapping.Scope.Name() == "root"
}

// TestTheRootsMayMakeWhatTheyMake, and no other kind.
func TestTheRootsMayMakeWhatTheyMake(t *testing.T) {
	made := map[string]bool{}
	for _, environment := range []string{"production", "staging"} {
		for _, object := range kustomized(t, "argocd/"+environment) {
			made[object.GroupVersionKind().Group+"/"+object.GetKind()] = true
		}
	}
	project := projects(t)["roots"]
	may := append(allowed(t, project, "clusterResourceWhitelist"), allowed(t, project, "namespaceResourceWhitelist")...)
	slices.Sort(may)
	if want := slices.Sorted(maps.Keys(made)); !slices.Equal(may, want) {
		t.Errorf("project roots may make %q, want %q", may, want)
	}
}

// TestSettingsAreKeysOfArgoCDsConfigMap, by that name.
func TestSettingsAreKeysOfArgoCDsConfigMap(t *testing.T) {
	objects := kustomized(t, "argocd/settings")
	if len(objects) != 1 || objects[0].GetName() != "argocd-cm" || objects[0].GetNamespace() != "argocd" || objects[0].GetLabels()["app.kubernetes.io/part-of"] != "argocd" {
		t.Fatalf("settings are %v", objects)
	}
	data, _, _ := unstructured.NestedStringMap(objects[0].Object, "data")
	want := []string{
		"application.resourceTrackingMethod", "resource.customizations.actions.blogplatform.io_BlogPlatform", "resource.customizations.health.argoproj.io_Application",
		"resource.customizations.health.blogplatform.io_BlogPlatform", "resource.customizations.health.postgres-operator.crunchydata.com_PostgresCluster",
	}
	if got := slices.Sorted(maps.Keys(data)); !slices.Equal(got, want) {
		t.Errorf("keys are %q, want %q", got, want)
	}
}

// TestOnlyComponentsIgnoreDifferences: each of theirs names an owner.
func TestOnlyComponentsIgnoreDifferences(t *testing.T) {
	owned := map[string]bool{}
	for _, c := range components(t) {
		owned[c.Name] = len(c.IgnoreDifferences) > 0
	}
	for name, app := range applications(t) {
		if _, ignores := app.Object["spec"].(map[string]any)["ignoreDifferences"]; ignores != owned[name] {
			t.Errorf("%s ignores differences: %v", name, ignores)
		}
	}
}

// TestWhatIsCommittedCanBeDeployed: the check that people run before they merge.
func TestWhatIsCommittedCanBeDeployed(t *testing.T) {
	if err := gitops.Check(root); err != nil {
		t.Error(err)
	}
}
