// Package graph decides in which order the components of a local cluster are
// built, and which of them wait for each other.
//
// Its rule: it computes with names and seconds only. It builds, starts and
// waits for nothing.
package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Node is a component as the graph sees it.
type Node struct {
	// Name identifies it, without regard to capitals.
	Name string
	// Needs are the names of what must be ready before it starts. Its build never waits.
	Needs []string
	// After are the names of what must be ready before it starts, if that is part of the graph. It does without what is not.
	After []string
	// Build is how long a build takes that finds nothing in a cache, in seconds of one processor.
	Build int
}

// Graph is a set of components without cycles, each with all that it needs.
type Graph struct {
	nodes  []Node
	byName map[string]Node
}

// New makes a graph. It refuses a name that is there twice, a need that is not there, and a cycle.
func New(nodes ...Node) (Graph, error) {
	g := Graph{nodes: nodes, byName: map[string]Node{}}
	for _, node := range nodes {
		if _, twice := g.byName[node.Name]; twice {
			return Graph{}, fmt.Errorf("component %s is there twice", node.Name)
		}
		g.byName[node.Name] = node
	}
	for _, node := range nodes {
		for _, need := range node.Needs {
			if _, found := g.byName[need]; !found {
				return Graph{}, fmt.Errorf("component %s needs %s, which is no component", node.Name, need)
			}
		}
	}
	for _, node := range nodes {
		if path := g.cycle(node.Name, nil); path != nil {
			return Graph{}, fmt.Errorf("components wait for each other: %s", strings.Join(path, " waits for "))
		}
	}
	return g, nil
}

// cycle answers a way from a component back to one on the way, or nil.
func (g Graph) cycle(name string, way []string) []string {
	if slices.Contains(way, name) {
		return append(way, name)
	}
	for _, next := range g.Waits(name) {
		if path := g.cycle(next, append(slices.Clone(way), name)); path != nil {
			return path
		}
	}
	return nil
}

// Names are all components, in the order in which they were given.
func (g Graph) Names() []string {
	names := make([]string, len(g.nodes))
	for i, node := range g.nodes {
		names[i] = node.Name
	}
	return names
}

// Find is the name of a component as it is written in the graph. Capitals make no difference. The error of an unknown name lists all names.
func (g Graph) Find(name string) (string, error) {
	for _, node := range g.nodes {
		if strings.EqualFold(node.Name, name) {
			return node.Name, nil
		}
	}
	return "", fmt.Errorf("there is no component %q; choose one of %s", name, strings.Join(g.Names(), ", "))
}

// To is the graph of a component and of all that it needs, in the order of g.
func (g Graph) To(name string) (Graph, error) {
	name, err := g.Find(name)
	if err != nil {
		return Graph{}, err
	}
	needed := map[string]bool{}
	g.need(name, needed)
	part := Graph{byName: map[string]Node{}}
	for _, node := range g.nodes {
		if needed[node.Name] {
			part.nodes, part.byName[node.Name] = append(part.nodes, node), node
		}
	}
	return part, nil
}

func (g Graph) need(name string, needed map[string]bool) {
	needed[name] = true
	for _, need := range g.byName[name].Needs {
		g.need(need, needed)
	}
}

// Waits are the components that must be ready before a component starts.
func (g Graph) Waits(name string) []string {
	node := g.byName[name]
	waits := slices.Clone(node.Needs)
	for _, other := range node.After {
		if _, found := g.byName[other]; found && !slices.Contains(waits, other) {
			waits = append(waits, other)
		}
	}
	return waits
}

// BuildOrder is the order in which the components are to be built. First come
// those that hold up the longest chain of starts: once the last build has
// ended, only a short chain is left. Of two with equal chains the longer build
// comes first, so that builds side by side end at about the same time.
func (g Graph) BuildOrder() []string {
	order := g.Names()
	slices.SortStableFunc(order, func(a, b string) int {
		return cmp.Or(cmp.Compare(g.chain(b), g.chain(a)), cmp.Compare(g.byName[b].Build, g.byName[a].Build))
	})
	return order
}

// chain is the number of starts, one after the other, that wait for a component.
func (g Graph) chain(name string) int {
	longest := 0
	for _, node := range g.nodes {
		if slices.Contains(g.Waits(node.Name), name) {
			longest = max(longest, 1+g.chain(node.Name))
		}
	}
	return longest
}
