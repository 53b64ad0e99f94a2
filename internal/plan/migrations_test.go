package plan

import (
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// jobsOn are the names of the migrations of a plan whose database has a status.
func jobsOn(t *testing.T, in Input, status string) []string {
	t.Helper()
	in.Database = nil
	if status != "" {
		in.Database = &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(status), &in.Database.Object); err != nil {
			t.Fatal(err)
		}
	}
	children, err := Preparations(in)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, child := range children {
		if child.Object.GetKind() == "Job" {
			names = append(names, child.Object.GetName())
		}
	}
	return names
}

// TestAnotherDatabaseIsMigratedAnew: what one database has says nothing of
// another that took its place, nor of itself before a restore.
func TestAnotherDatabaseIsMigratedAnew(t *testing.T) {
	for name, in := range stories(t) {
		databases := map[string]string{
			"none yet":            "",
			"the first":           "status: {patroni: {systemIdentifier: '1'}}",
			"a new one":           "status: {patroni: {systemIdentifier: '2'}}",
			"the first, restored": "status: {patroni: {systemIdentifier: '1'}, pgbackrest: {restore: {id: a}}}",
			"restored again":      "status: {patroni: {systemIdentifier: '1'}, pgbackrest: {restore: {id: b}}}",
			"restored by hand":    "{metadata: {annotations: {blogplatform.io/restored: monday}}, status: {patroni: {systemIdentifier: '1'}}}",
			"and on another day":  "{metadata: {annotations: {blogplatform.io/restored: tuesday}}, status: {patroni: {systemIdentifier: '1'}}}",
		}
		seen := map[string]string{}
		for database, status := range databases {
			jobs := jobsOn(t, in, status)
			if again := jobsOn(t, in, status); len(jobs) == 0 || !slices.Equal(jobs, again) {
				t.Fatalf("%s: %s has Jobs %v, and then %v", name, database, jobs, again)
			}
			for _, job := range jobs {
				if other, found := seen[job]; found {
					t.Errorf("%s: Job %s is for %s and for %s", name, job, database, other)
				}
				seen[job] = database
			}
		}
	}
}

func TestTheDeadlineOfMigrationsIsOfTheSpec(t *testing.T) {
	for name, in := range stories(t) {
		for _, c := range []struct{ wanted, seconds int32 }{{0, 900}, {7200, 7200}} {
			in.Platform = in.Platform.DeepCopy()
			in.Platform.Spec.Rollout.MigrationDeadlineSeconds = nil
			if c.wanted > 0 {
				in.Platform.Spec.Rollout.MigrationDeadlineSeconds = &c.wanted
			}
			if limit := LimitsOf(in.Platform).Migration; limit != seconds(int64(c.seconds)) {
				t.Errorf("%s: a release waits for %s", name, limit)
			}
			for _, job := range childrenOf[batchv1.Job](t, planOf(t, in).Children, "Job") {
				if strings.Contains(job.Name, "-expand-") && *job.Spec.ActiveDeadlineSeconds != int64(c.seconds) {
					t.Errorf("%s: Job %s ends after %d s, want %d", name, job.Name, *job.Spec.ActiveDeadlineSeconds, c.seconds)
				}
			}
		}
	}
}
