package cluster

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
)

func TestWhatStagingCanDoWithoutIsNotBroughtUpForIt(t *testing.T) {
	g, err := plan(components, "STAGING")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Prometheus", "metrics-server", "production", "production-posts", "staging-posts"} {
		if slices.Contains(g.Names(), name) {
			t.Errorf("staging needs %s", name)
		}
	}
}

func TestEverythingIsBroughtUpInTheEndButWhatComesOnRequest(t *testing.T) {
	g, err := plan(components, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range components {
		if slices.Contains(g.Names(), part.Name) == part.OnRequest {
			t.Errorf("%s: %q", part.Name, g.Names())
		}
	}
	with, err := plan(components, "argo-cd")
	if err != nil || !slices.Contains(with.Names(), "Argo-CD") || !slices.Contains(with.Names(), "production") {
		t.Errorf("with Argo CD: %q, %v", with.Names(), err)
	}
	order := inBuildOrder(g, components)
	if order[0].Name != "Kubernetes" {
		t.Errorf("%s is built first, and is what images are loaded into", order[0].Name)
	}
	if waits := g.Waits("Prometheus"); !slices.Contains(waits, "staging") {
		t.Errorf("Prometheus does not come after staging: %q", waits)
	}
}

func TestTheWayToDNSIsShort(t *testing.T) {
	g, err := plan(components, "coredns")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Kubernetes", "Node", "CoreDNS"}, g.Names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryComponentSaysHowToStartItAndWhereItsPodsAre(t *testing.T) {
	for _, part := range components {
		if part.Start == nil || part.Ready == nil || len(part.Namespaces) == 0 || strings.ContainsAny(part.Name, " ()") {
			t.Errorf("%q can't be started, awaited, explained or named on a command line", part.Name)
		}
		if len(part.Parts) > 0 && part.Seconds == 0 {
			t.Errorf("%s does not say how long its build takes", part.Name)
		}
	}
}

func TestWhatIsMissingIsNamedOnceAndOnlyForTheComponentsAskedFor(t *testing.T) {
	cache := &build.Cache{Dir: t.TempDir(), Root: "../.."}
	missing, err := Missing(cache, "CoreDNS")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, artifact := range missing {
		if !strings.HasPrefix(artifact.ArtifactName(), "module ") { // in Go's own cache, and so perhaps there
			names = append(names, artifact.ArtifactName())
		}
	}
	if diff := cmp.Diff([]string{"controlplane", "node", "root-node", "pause", "coredns"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := Missing(cache, "nothing"); err == nil || !strings.Contains(err.Error(), "choose one of Kubernetes, Node, CRDs, CoreDNS") {
		t.Errorf("the error is %v", err)
	}
}

func TestAnArtifactOfTwoComponentsIsMissingOnce(t *testing.T) {
	program := kept{name: "program"}
	there := kept{name: "there", cached: true}
	found, err := missing(&build.Cache{}, []component.Component{
		{Name: "a", Parts: []build.Artifact{program, there}}, {Name: "b", Parts: []build.Artifact{program}},
	})
	if err != nil || len(found) != 1 || found[0].ArtifactName() != "program" {
		t.Errorf("missing %v, %v", found, err)
	}
}
