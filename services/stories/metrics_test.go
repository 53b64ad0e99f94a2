package stories

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/services/internal/testing/postgres"
)

var (
	exported   = regexp.MustCompile(`(?m)^# TYPE ((?:blog|http_server)_\S+) `)
	documented = regexp.MustCompile("(?m)^\\| `((?:blog|http_server)_[a-z_]+)` ")
)

// TestEachMetricOfTheServicesIsDocumented, and each that is documented is exported.
func TestEachMetricOfTheServicesIsDocumented(t *testing.T) {
	town, found := newTown(t, postgres.Shared(t)), map[string]bool{}
	town.processes["frontend"] = town.frontend
	for _, process := range town.processes {
		if _, _, err := get(process.App + "/"); err != nil { // a histogram is there with its first request
			t.Fatal(err)
		}
		for _, match := range exported.FindAllStringSubmatch(answers(t, process.Admin+"/metrics", http.StatusOK), -1) {
			found[match[1]] = true
		}
	}
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, match := range documented.FindAllStringSubmatch(string(text), -1) {
		if match[1] != "blog_database_wal_archived_timestamp_seconds" { // this PostgreSQL archives nothing
			want = append(want, match[1])
		}
	}
	for name := range found {
		got = append(got, name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
		t.Errorf("(-docs/metrics.md +exported):\n%s", diff)
	}
}
