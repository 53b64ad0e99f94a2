package docs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// read reads a file of the repository.
func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestThePictureOfTheMeshIsThatOfThePlan(t *testing.T) {
	planned, err := PlannedEdges(read(t, "internal/plan/testdata/production.out.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const page = "docs/architecture.md"
	drawn, err := DrawnEdges(Parse(page, read(t, page)), "### Mesh edges")
	if err != nil {
		t.Fatal(err)
	}
	if len(planned) < 20 {
		t.Errorf("the plan has only the edges %q: its policies were not understood", planned)
	}
	if difference := cmp.Diff(planned, drawn); difference != "" {
		t.Errorf("the picture of %s is not what the plan allows (-plan, +picture):\n%s", page, difference)
	}
}

func TestAPictureThatIsMissingIsFound(t *testing.T) {
	for name, text := range map[string]string{
		"no heading": "# Page\n\n```mermaid\na -- 1 --> b\n```\n",
		"no picture": "# Page\n\n### Mesh edges\n\nwords\n",
	} {
		t.Run(name, func(t *testing.T) {
			if edges, err := DrawnEdges(Parse("a.md", []byte(text)), "### Mesh edges"); err == nil {
				t.Errorf("got the edges %q of a page without the picture", edges)
			}
		})
	}
}

func TestEdgesAreReadFromPolicies(t *testing.T) {
	edges, err := PlannedEdges([]byte(`
kind: AuthorizationPolicy
metadata: {name: blog-db}
spec:
  rules:
  - from: [{source: {principals: [cluster.local/ns/a/sa/blog-user, cluster.local/ns/a/sa/blog-db-repohost]}}]
    to: [{operation: {ports: ["5432", "8432"]}}]
---
kind: NetworkPolicy
metadata: {name: blog-verify}
spec:
  egress: [{to: [{podSelector: {matchLabels: {istio: ingressgateway}}}]}]
---
kind: Service
metadata: {name: blog-user}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"repository instances 5432, 8432", "user instances 5432, 8432", "verify gateway any"}
	if difference := cmp.Diff(want, edges); difference != "" {
		t.Error(difference)
	}
}

// TestEveryPartOfThePlatformIsLedTo, and not only the packages of this repository.
func TestEveryPartOfThePlatformIsLedTo(t *testing.T) {
	_, table, found := strings.Cut(string(read(t, "docs/architecture.md")), "## Where each part is")
	if !found {
		t.Fatal("docs/architecture.md has no table of the parts")
	}
	for _, part := range []string{
		"kube-system", "cluster-autoscaler", "metrics-server", "Controller of Sealed Secrets", "EFS CSI driver",
		"Porkbun", "Route 53", "Routing of the domain", "VPC", "Network load balancer", "Internet gateway",
		"Control plane node", "Workers on EC2", "Auto Scaling Groups", "EFS, mounted", "Bucket for the state",
		"Bucket for certificates", "IAM", "Terraform", "GitOps", "Helm charts", "Architecture diagram",
	} {
		if !strings.Contains(table, "| "+part) {
			t.Errorf("docs/architecture.md does not say where %s is", part)
		}
	}
}

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
