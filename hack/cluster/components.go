package cluster

import (
	"slices"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/content"
	"blogplatform.io/operator/hack/cluster/graph"
	"blogplatform.io/operator/hack/cluster/peers"
)

// components are all parts of a local cluster. The first one is what everything else needs.
var components = []component.Component{
	kubernetes, nodeReady, kinds,
	peers.CoreDNS, peers.Istio, peers.CertManager, peers.Rollouts, peers.SealedSecrets, peers.Postgres,
	content.Asgardeo, content.Operator, content.PlatformNamespaces, content.Staging, content.StagingPosts,
	// What staging can do without comes after it.
	peers.MetricsServer, peers.Prometheus, content.Production, content.ProductionPosts,
	peers.ArgoCD,
}

// plan is the graph of a component and of all that it needs; of everything but what comes on request if to is empty.
func plan(components []component.Component, to string) (graph.Graph, error) {
	var nodes []graph.Node
	for _, part := range components {
		if to == "" && part.OnRequest {
			continue
		}
		nodes = append(nodes, graph.Node{Name: part.Name, Needs: part.Needs, After: part.After, Build: part.Seconds})
	}
	g, err := graph.New(nodes...)
	if err != nil || to == "" {
		return g, err
	}
	return g.To(to)
}

// inBuildOrder are those of the components that a graph holds, in the order in which they are built.
func inBuildOrder(g graph.Graph, components []component.Component) []component.Component {
	ordered := make([]component.Component, 0, len(components))
	for _, name := range g.BuildOrder() {
		i := slices.IndexFunc(components, func(part component.Component) bool { return part.Name == name })
		ordered = append(ordered, components[i])
	}
	return ordered
}

// Missing are the artifacts that have to be made or downloaded before a component and all that it needs can start; before everything can
// if to is empty. It makes nothing, and refuses an unknown name with the list of names.
func Missing(c *build.Cache, to string) ([]build.Artifact, error) {
	g, err := plan(components, to)
	if err != nil {
		return nil, err
	}
	return missing(c, inBuildOrder(g, components))
}

func missing(c *build.Cache, parts []component.Component) ([]build.Artifact, error) {
	var artifacts []build.Artifact
	seen := map[string]bool{}
	for _, part := range parts {
		for _, artifact := range part.Parts {
			if seen[artifact.ArtifactName()] {
				continue
			}
			seen[artifact.ArtifactName()] = true
			cached, err := artifact.Cached(c)
			if err != nil {
				return nil, err
			}
			if !cached {
				artifacts = append(artifacts, artifact)
			}
		}
	}
	return artifacts, nil
}
