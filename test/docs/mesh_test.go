package docs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// drawn is an edge of a picture in Mermaid: who -- port --> whom.
var drawn = regexp.MustCompile(`(?m)^\s*(\w+) -- "?([^"\n]+?)"? --> (\w+)\s*$`)

// DrawnEdges are the edges of the picture below a heading of a document, each as
// "from to ports", in order.
func DrawnEdges(document Document, heading string) ([]string, error) {
	_, below, found := strings.Cut(document.Text, "\n"+heading+"\n")
	_, picture, isDrawn := strings.Cut(below, "```mermaid\n")
	picture, _, isClosed := strings.Cut(picture, "```")
	if !found || !isDrawn || !isClosed {
		return nil, fmt.Errorf("%s has no picture below %q", document.Path, heading)
	}
	var edges []string
	for _, match := range drawn.FindAllStringSubmatch(picture, -1) {
		edges = append(edges, match[1]+" "+match[3]+" "+match[2])
	}
	slices.Sort(edges)
	return edges, nil
}

// policy is what of an AuthorizationPolicy or a NetworkPolicy says who talks to whom.
type policy struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		Rules []struct {
			From []struct {
				Source struct {
					Principals []string `yaml:"principals"`
				} `yaml:"source"`
			} `yaml:"from"`
			To []struct {
				Operation struct {
					Ports []string `yaml:"ports"`
				} `yaml:"operation"`
			} `yaml:"to"`
		} `yaml:"rules"`
		Egress []struct {
			To []struct {
				PodSelector struct {
					MatchLabels map[string]string `yaml:"matchLabels"`
				} `yaml:"podSelector"`
			} `yaml:"to"`
		} `yaml:"egress"`
	} `yaml:"spec"`
}

// PlannedEdges are the edges of a plan, a stream of YAML, as DrawnEdges writes
// them: what AuthorizationPolicies allow, and edges to the gateway, which only
// NetworkPolicies have.
func PlannedEdges(plan []byte) ([]string, error) {
	var edges []string
	decoder := yaml.NewDecoder(bytes.NewReader(plan))
	for {
		var object policy
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading a plan: %w", err)
		}
		switch object.Kind {
		case "AuthorizationPolicy":
			edges = append(edges, object.allowed()...)
		case "NetworkPolicy":
			edges = append(edges, object.toGateway()...)
		}
	}
	slices.Sort(edges)
	return slices.Compact(edges), nil
}

func (p policy) allowed() []string {
	var edges []string
	for _, rule := range p.Spec.Rules {
		ports := strings.Join(rule.To[0].Operation.Ports, ", ")
		for _, principal := range rule.From[0].Source.Principals {
			account := principal[strings.LastIndex(principal, "/")+1:]
			edges = append(edges, partyOf(account)+" "+partyOf(p.Metadata.Name)+" "+ports)
		}
	}
	return edges
}

func (p policy) toGateway() []string {
	for _, egress := range p.Spec.Egress {
		for _, to := range egress.To {
			if to.PodSelector.MatchLabels["istio"] == "ingressgateway" {
				return []string{partyOf(p.Metadata.Name) + " gateway any"}
			}
		}
	}
	return nil
}

// partyOf is the name in a picture of those who have a ServiceAccount or a policy.
func partyOf(name string) string {
	switch name = strings.TrimPrefix(name, "blog-"); name {
	case "db", "db-instance":
		return "instances"
	case "db-repo", "db-repohost", "default":
		return "repository"
	case "istio-ingress":
		return "gateway"
	}
	return name
}
