package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
