package docs

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/gitops"
)

const existing = "docs/existing-cluster.md"

func TestThePlatformsThatDocumentsShowCanBeApplied(t *testing.T) {
	report(t, CheckPlatforms(plugin, all(t)))
}

func TestTheSmallestPlatformHas20Lines(t *testing.T) {
	manifests := Parse(existing, read(t, existing)).Platforms()
	if len(manifests) != 1 {
		t.Fatalf("%s shows %d platforms, want one", existing, len(manifests))
	}
	if lines := strings.Count(manifests[0], "\n"); lines != 20 {
		t.Errorf("the platform of %s has %d lines, and the text says 20", existing, lines)
	}
}

func TestAPlatformThatNobodyCouldApplyIsFound(t *testing.T) {
	page := string(read(t, existing))
	for name, change := range map[string][]string{
		"as it is":                    {"", ""},
		"a field that is not there":   {"  environment: Staging", "  environmnt: Staging", "environmnt"},
		"a host with a scheme":        {"[stg.example.com]", "[\"https://stg.example.com\"]", "hosts"},
		"production without a digest": {"environment: Staging", "environment: Production", "digest"},
	} {
		t.Run(name, func(t *testing.T) {
			broken := Parse("docs/a.md", []byte(strings.ReplaceAll(page, change[0], change[1])))
			if change[0] == "" {
				broken = Parse("docs/a.md", []byte(page))
			}
			says(t, CheckPlatforms(plugin, []Document{broken}), change[2:]...)
		})
	}
}

// TestPeersHaveTheVersionsOfGitOps, so that who installs by hand gets what was checked.
func TestPeersHaveTheVersionsOfGitOps(t *testing.T) {
	components, err := gitops.Components(root)
	if err != nil {
		t.Fatal(err)
	}
	text := string(read(t, existing))
	peers := map[string]bool{
		"istio-base": true, "istiod": true, "istio-cni": true, "istio-ingress": true, "cert-manager": true, "sealed-secrets": true,
		"argo-rollouts": true, "pgo": true, "kube-prometheus-stack": true, "metrics-server": true,
	}
	for _, component := range components {
		if !peers[component.Name] {
			continue
		}
		delete(peers, component.Name)
		row := "| " + component.Chart.Name + " " + component.Chart.Version + " | [" + component.Name + ".yaml](../config/gitops/components/" + component.Name + ".yaml)"
		if !strings.Contains(text, row) {
			t.Errorf("%s has no row with %q", existing, row)
		}
	}
	for peer := range peers {
		t.Errorf("config/gitops has no component %s any more", peer)
	}
}

// Platforms are the whole manifests of BlogPlatforms that a document shows.
func (d Document) Platforms() []string {
	var manifests []string
	for _, block := range d.Blocks {
		if block.Language == "yaml" && strings.Contains(block.Text, "kind: BlogPlatform\n") && strings.Contains(block.Text, "\nspec:\n") {
			manifests = append(manifests, block.Text)
		}
	}
	return manifests
}

// CheckPlatforms answers a line for each manifest that the API server would
// refuse, or of which the operator could make nothing. plugin is the path of kubectl-blog.
func CheckPlatforms(plugin string, documents []Document) []string {
	var findings []string
	for _, document := range documents {
		for _, manifest := range document.Platforms() {
			render := exec.Command(plugin, "render", "-f", "-")
			render.Stdin = strings.NewReader(manifest)
			var complaint strings.Builder
			render.Stderr = &complaint
			if err := render.Run(); err != nil {
				findings = append(findings, fmt.Sprintf("%s shows a BlogPlatform that is refused: %s", document.Path, strings.TrimSpace(complaint.String())))
			}
		}
	}
	return findings
}
