package prometheus_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"blogplatform.io/operator/hack/cluster/prometheus/dashboards"
)

var update = flag.Bool("update", false, "write config/monitoring/dashboards")

// TestTheDashboardsAreThoseOfTheirSource, and there is no other.
func TestTheDashboardsAreThoseOfTheirSource(t *testing.T) {
	folder := filepath.Join(root, "config/monitoring/dashboards")
	for _, d := range dashboards.All {
		want, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, d.Name+".json")
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not current; run go test . -run Dashboards -update in hack/cluster/prometheus, and commit", file)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) != len(dashboards.All) {
		t.Errorf("%v: the files are %q, and there are %d dashboards", err, files, len(dashboards.All))
	}
}

// TestADashboardIsOneThatGrafanaKnowsAgain: its id does not change, and no two panels cover each other.
func TestADashboardIsOneThatGrafanaKnowsAgain(t *testing.T) {
	ids := map[string]bool{}
	for _, d := range dashboards.All {
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			UID    string
			Title  string
			Panels []struct {
				GridPos struct{ X, Y, W, H int }
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(text, &page); err != nil {
			t.Fatal(err)
		}
		if page.UID == "" || page.Title == "" || ids[page.UID] {
			t.Errorf("dashboard %s has the id %q and the title %q", d.Name, page.UID, page.Title)
		}
		ids[page.UID] = true
		places := map[[2]int]bool{}
		for i, panel := range page.Panels {
			at := [2]int{panel.GridPos.X, panel.GridPos.Y}
			if places[at] || panel.GridPos.W == 0 || len(panel.Targets) != len(d.Panels[i].Queries) {
				t.Errorf("dashboard %s: panel %q is at %v with %d queries", d.Name, d.Panels[i].Title, panel.GridPos, len(panel.Targets))
			}
			places[at] = true
		}
	}
}
