package prometheus_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEachAlertHasARunbookAndEachRunbookAnAlert: it says what to do, in sections
// that are the same in all of them.
func TestEachAlertHasARunbookAndEachRunbookAnAlert(t *testing.T) {
	parsed, _ := readRules(t)
	files, err := filepath.Glob(filepath.Join(root, "docs/runbooks/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		documented = append(documented, name)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rest := string(text)
		for _, part := range []string{"# " + name + "\n", "\n## Meaning\n", "\n## Impact\n", "\n## Diagnosis\n", "```sh\n", "\n## Mitigation\n"} {
			_, after, found := strings.Cut(rest, part)
			if !found {
				t.Errorf("%s lacks %q, or has it in another place", file, strings.TrimSpace(part))
				break
			}
			rest = after
		}
	}
	slices.Sort(documented)
	if alerts := parsed.alerts(); !slices.Equal(alerts, documented) {
		t.Errorf("alerts   %q\nrunbooks %q", alerts, documented)
	}
	for _, group := range parsed.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" {
				continue
			}
			if url := rule.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/runbooks/"+rule.Alert+".md") {
				t.Errorf("%s has the runbook %q", rule.Alert, url)
			}
			if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
				t.Errorf("%s has the severity %q", rule.Alert, severity)
			}
		}
	}
}
