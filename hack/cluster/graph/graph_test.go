package graph_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/cluster/graph"
)

// example is a small cluster: Prometheus does not hold back the blog.
func example(t *testing.T) graph.Graph {
	t.Helper()
	g, err := graph.New(
		graph.Node{Name: "Kubernetes", Build: 600},
		graph.Node{Name: "CoreDNS", Needs: []string{"Kubernetes"}, Build: 30},
		graph.Node{Name: "Prometheus", Needs: []string{"Kubernetes"}, After: []string{"blog"}, Build: 200},
		graph.Node{Name: "cert-manager", Needs: []string{"Kubernetes"}, Build: 45},
		graph.Node{Name: "Istio", Needs: []string{"CoreDNS"}, Build: 360},
		graph.Node{Name: "database", Needs: []string{"Kubernetes"}, Build: 180},
		graph.Node{Name: "blog", Needs: []string{"Istio", "cert-manager", "database"}, Build: 40},
	)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestWhatHoldsUpTheLongestChainIsBuiltFirst(t *testing.T) {
	want := []string{"Kubernetes", "CoreDNS", "Istio", "database", "cert-manager", "blog", "Prometheus"}
	if diff := cmp.Diff(want, example(t).BuildOrder()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAComponentStartsOnceWhatItNeedsIsReady(t *testing.T) {
	g := example(t)
	for name, want := range map[string][]string{
		"Kubernetes": nil,
		"blog":       {"Istio", "cert-manager", "database"},
		"Prometheus": {"Kubernetes", "blog"},
	} {
		if diff := cmp.Diff(want, g.Waits(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOneComponentComesWithAllThatItNeedsAndNothingElse(t *testing.T) {
	for name, want := range map[string][]string{
		"kubernetes": {"Kubernetes"},
		"ISTIO":      {"Kubernetes", "CoreDNS", "Istio"},
		"prometheus": {"Kubernetes", "Prometheus"}, // it comes after the blog, but can do without
		"blog":       {"Kubernetes", "CoreDNS", "cert-manager", "Istio", "database", "blog"},
	} {
		part, err := example(t).To(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, part.Names()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	part, err := example(t).To("Prometheus")
	if err != nil {
		t.Fatal(err)
	}
	if waits := part.Waits("Prometheus"); !slices.Equal(waits, []string{"Kubernetes"}) {
		t.Errorf("alone it waits for %q", waits)
	}
}

func TestAnUnknownNameIsRefusedWithTheListOfNames(t *testing.T) {
	_, err := example(t).To("CoreDSN")
	if err == nil || !strings.Contains(err.Error(), `"CoreDSN"; choose one of Kubernetes, CoreDNS, Prometheus, cert-manager, Istio, database, blog`) {
		t.Errorf("the error is %v", err)
	}
}

func TestAGraphThatCouldNeverStartIsRefused(t *testing.T) {
	for want, nodes := range map[string][]graph.Node{
		"component a is there twice":                        {{Name: "a"}, {Name: "a"}},
		"component a needs b, which is no component":        {{Name: "a", Needs: []string{"b"}}},
		"wait for each other: a waits for b waits for a":    {{Name: "a", Needs: []string{"b"}}, {Name: "b", Needs: []string{"a"}}},
		"wait for each other: late waits for x waits for l": {{Name: "late", After: []string{"x"}}, {Name: "x", Needs: []string{"late"}}},
	} {
		if _, err := graph.New(nodes...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

// ready is when a component is ready if builds run one after the other in an order, and each start takes 20 seconds.
func ready(g graph.Graph, order []string, build map[string]int, name string) int {
	at, built := 0, map[string]int{}
	for _, component := range order {
		at += build[component]
		built[component] = at
	}
	memo := map[string]int{}
	var of func(string) int
	of = func(component string) int {
		if at, known := memo[component]; known {
			return at
		}
		begins := built[component]
		for _, wait := range g.Waits(component) {
			begins = max(begins, of(wait))
		}
		memo[component] = begins + 20
		return memo[component]
	}
	return of(name)
}

func TestNoOtherOrderOfTheBuildsMakesTheBlogReadySooner(t *testing.T) {
	g, err := example(t).To("blog")
	if err != nil {
		t.Fatal(err)
	}
	build := map[string]int{"Kubernetes": 600, "CoreDNS": 30, "cert-manager": 45, "Istio": 360, "database": 180, "blog": 40}
	best := ready(g, g.BuildOrder(), build, "blog")
	random := rand.New(rand.NewPCG(1, 2))
	order := g.Names()
	for range 2000 {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		if other := ready(g, order, build, "blog"); other < best {
			t.Fatalf("%q is ready after %d s, %q after %d s", order, other, g.BuildOrder(), best)
		}
	}
}
