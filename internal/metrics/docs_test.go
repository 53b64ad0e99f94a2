package metrics

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEachMetricIsDocumentedAsItIs in docs/metrics.md: its name, labels and meaning.
func TestEachMetricIsDocumentedAsItIs(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, want []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `blogplatform_") {
			documented = append(documented, strings.TrimSpace(line))
		}
	}
	for _, f := range slices.Concat(Families, Counted) {
		want = append(want, fmt.Sprintf("| `%s` | %s | %s |", f.Name, strings.Join(append(slices.Clone(ofPlatform), f.Labels...), ", "), f.Help))
	}
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("the rows of docs/metrics.md (-want +documented):\n%s", diff)
	}
}
