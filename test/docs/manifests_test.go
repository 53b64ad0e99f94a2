package docs

import (
	"fmt"
	"os/exec"
	"strings"
)

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
