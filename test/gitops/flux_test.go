package gitops

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/gitops"
)

// kustomizations are those of Flux by name.
func kustomizations(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	found := map[string]*unstructured.Unstructured{}
	for _, environment := range []string{"production", "staging"} {
		for _, object := range kustomized(t, "flux/"+environment) {
			if object.GetKind() == "Kustomization" {
				found[object.GetName()] = object
			}
		}
	}
	return found
}

// expressions are those by which Flux judges the platform of an environment.
func expressions(t *testing.T, environment string) map[string]string {
	t.Helper()
	list, _, err := unstructured.NestedSlice(kustomizations(t)["platform-"+environment].Object, "spec", "healthCheckExprs")
	if err != nil || len(list) != 1 {
		t.Fatalf("platform-%s has %d health checks: %v", environment, len(list), err)
	}
	found := map[string]string{}
	for key, value := range list[0].(map[string]any) {
		found[key] = value.(string)
	}
	return found
}

// evaluate evaluates an expression as Flux does: parsed and not compiled, with the
// fields of the object as variables.
func evaluate(t *testing.T, expression string, u *unstructured.Unstructured) bool {
	t.Helper()
	env, err := cel.NewEnv(cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(), ext.Sets(), ext.Encoders())
	if err != nil {
		t.Fatal(err)
	}
	parsed, issues := env.Parse(expression)
	if issues != nil {
		t.Fatal(issues)
	}
	program, err := env.Program(parsed, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		t.Fatal(err)
	}
	answer, _, err := program.Eval(u.Object)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return answer.Value().(bool)
}

// fluxJudges answers what Flux says of an object (RFC 9 of Flux).
func fluxJudges(t *testing.T, by map[string]string, u *unstructured.Unstructured) string {
	t.Helper()
	observed, there, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	switch {
	case there && observed != u.GetGeneration():
		return "in progress"
	case evaluate(t, by["failed"], u):
		return "failed"
	case evaluate(t, by["current"], u):
		return "current"
	}
	return "in progress"
}

// TestFluxAndArgoCDTellTheSameStatesApart. Flux has no word for what is suspended: it is as it should be.
func TestFluxAndArgoCDTellTheSameStatesApart(t *testing.T) {
	words := map[string]string{"Healthy": "current", "Suspended": "current", "Degraded": "failed", "Progressing": "in progress", "Unknown": "in progress"}
	for _, environment := range []string{"production", "staging"} {
		by := expressions(t, environment)
		for name, test := range platforms {
			u := platform(t, test.fixture, test.patch)
			if u.Object["status"] == nil {
				continue // Flux cannot evaluate them until there is a status, and asks again
			}
			if got, want := fluxJudges(t, by, u), words[test.health.Status]; got != want {
				t.Errorf("%s: Flux says %s of a platform that is %s, want %s", environment, got, name, want)
			}
		}
	}
}

// TestFluxInstallsTheSameComponents as Argo CD, each after those of the wave before.
func TestFluxInstallsTheSameComponents(t *testing.T) {
	releases := map[string]*unstructured.Unstructured{}
	repositories := map[string]string{}
	for _, object := range kustomized(t, "flux/components") {
		switch object.GetKind() {
		case "HelmRelease":
			releases[object.GetName()] = object
		case "HelmRepository":
			repositories[object.GetName()] = text(t, object, "spec", "url")
		}
	}
	apps := applications(t)
	waves := map[string]int{}
	for _, c := range components(t) {
		waves[c.Name] = c.Wave
	}
	for _, c := range components(t) {
		release, app := releases[c.Name], apps[c.Name]
		if release == nil || app.Unstructured == nil {
			t.Errorf("component %s is not deployed by both", c.Name)
			continue
		}
		if !strings.HasSuffix(repositories[c.Name], text(t, app.Unstructured, "spec", "source", "repoURL")) ||
			text(t, release, "spec", "chart", "spec", "version") != text(t, app.Unstructured, "spec", "source", "targetRevision") ||
			text(t, release, "spec", "targetNamespace") != text(t, app.Unstructured, "spec", "destination", "namespace") {
			t.Errorf("component %s differs between the two", c.Name)
		}
		for _, before := range dependencies(release) {
			if waves[before] >= c.Wave {
				t.Errorf("component %s of wave %d waits for %s of wave %d", c.Name, c.Wave, before, waves[before])
			}
		}
		if c.Wave > 0 && len(dependencies(release)) == 0 {
			t.Errorf("component %s of wave %d waits for nothing", c.Name, c.Wave)
		}
	}
	if len(releases) != len(waves) {
		t.Errorf("Flux installs %d components, there are %d", len(releases), len(waves))
	}
}

func dependencies(u *unstructured.Unstructured) []string {
	list, _, _ := unstructured.NestedSlice(u.Object, "spec", "dependsOn")
	var names []string
	for _, one := range list {
		names = append(names, one.(map[string]any)["name"].(string))
	}
	return names
}

// TestFluxFollowsTheSameBranches for the two environments.
func TestFluxFollowsTheSameBranches(t *testing.T) {
	for environment, branch := range map[string]string{"production": "main", "staging": "staging"} {
		for _, object := range kustomized(t, "flux/"+environment) {
			if object.GetKind() == "GitRepository" && (object.GetName() != environment || text(t, object, "spec", "ref", "branch") != branch) {
				t.Errorf("GitRepository %s of %s is %v", object.GetName(), environment, object.Object["spec"])
			}
		}
		k := kustomizations(t)["platform-"+environment]
		if text(t, k, "spec", "sourceRef", "name") != environment || text(t, k, "spec", "path") != "./config/gitops/environments/"+environment || !slices.Contains(dependencies(k), "components") {
			t.Errorf("platform-%s is %v", environment, k.Object["spec"])
		}
	}
}

// TestFluxReadsWhatIsThereAndPrunesNothing, and waits for nobody who never comes.
func TestFluxReadsWhatIsThereAndPrunesNothing(t *testing.T) {
	all := kustomizations(t)
	for name, k := range all {
		path, isOurs := strings.CutPrefix(text(t, k, "spec", "path"), "./config/gitops/")
		if !isOurs || len(kustomized(t, path)) == 0 {
			t.Errorf("%s reads %s, in which there is nothing", name, path)
		}
		if prunes, _, _ := unstructured.NestedBool(k.Object, "spec", "prune"); prunes {
			t.Errorf("%s prunes", name)
		}
		for _, before := range dependencies(k) {
			if all[before] == nil {
				t.Errorf("%s waits for %s, which is not there", name, before)
			}
		}
	}
}

// TestFluxLeavesToControllersWhatTheyOwn, as Argo CD does.
func TestFluxLeavesToControllersWhatTheyOwn(t *testing.T) {
	for _, object := range kustomized(t, "flux/components") {
		if object.GetKind() != "HelmRelease" {
			continue
		}
		ignored, _, _ := unstructured.NestedSlice(object.Object, "spec", "driftDetection", "ignore")
		var c gitops.Component
		for _, one := range components(t) {
			if one.Name == object.GetName() {
				c = one
			}
		}
		if len(ignored) != len(c.IgnoreDifferences) {
			t.Errorf("%s ignores %d differences, want %d", c.Name, len(ignored), len(c.IgnoreDifferences))
		}
	}
}
