package plan

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// withDatabase is a production platform beside a PostgresCluster.
func withDatabase(t *testing.T, spec string) Input {
	t.Helper()
	in := stories(t)["production"]
	in.Platform.Spec.Database = v1alpha1.Database{}
	live := as(t, "{apiVersion: postgres-operator.crunchydata.com/v1beta1, kind: PostgresCluster, metadata: {name: blog-db}}", "7", spec)
	live.SetLabels(naming.Of(keyOf(in.Platform)).Labels())
	in.Database = live
	return in
}

const found = `{postgresVersion: 17, instances: [{name: instance, dataVolumeClaimSpec: {resources: {requests: {storage: 20Gi}}}}],
  backups: {pgbackrest: {repos: [{name: repo1, volume: {volumeClaimSpec: {resources: {requests: {storage: 20Gi}}}}}]}}}`

// TestADatabaseThatIsThereIsNotOverwritten by a platform that was created again
// without the values of the one before it.
func TestADatabaseThatIsThereIsNotOverwritten(t *testing.T) {
	for name, c := range map[string]struct {
		found, instead string
		edit           func(*v1alpha1.Database)
		says           string
	}{
		"the same":           {"", "", nil, ""},
		"a bigger one":       {"", "", func(d *v1alpha1.Database) { d.Storage.Size = new(resource.MustParse("30Gi")) }, ""},
		"an older version":   {"postgresVersion: 17", "postgresVersion: 15", nil, "spec.database.postgresVersion: it is 17, and PostgresCluster g11-prod/blog-db, which holds data, has 15: write 15"},
		"a bigger volume":    {"storage: 20Gi", "storage: 100Gi", nil, "spec.database.storage.size: it is 20Gi, and PostgresCluster g11-prod/blog-db, which holds data, has 100Gi: write 100Gi"},
		"the same size":      {"storage: 20Gi", "storage: 20480Mi", nil, ""},
		"a class":            {"dataVolumeClaimSpec: {", "dataVolumeClaimSpec: {storageClassName: gp3, ", nil, "spec.database.storage.storageClassName: it is the cluster's default, and PostgresCluster g11-prod/blog-db, which holds data, has gp3: write gp3"},
		"no class":           {"", "", func(d *v1alpha1.Database) { d.Storage.StorageClassName = new("gp3") }, "which holds data, has the cluster's default: leave it out"},
		"more backups":       {"volumeClaimSpec: {resources: {requests: {storage: 20Gi}}}", "volumeClaimSpec: {resources: {requests: {storage: 40Gi}}}", nil, "spec.database.backups.storage.size: it is 20Gi"},
		"a class of backups": {"volumeClaimSpec: {", "volumeClaimSpec: {storageClassName: slow, ", nil, "spec.database.backups.storage.storageClassName"},
	} {
		t.Run(name, func(t *testing.T) {
			in := withDatabase(t, strings.Replace(found, c.found, c.instead, 1))
			if c.edit != nil {
				c.edit(&in.Platform.Spec.Database)
			}
			expectProblem(t, in, "DatabaseMismatch", c.says)
		})
	}
}

func expectProblem(t *testing.T, in Input, reason, says string) {
	t.Helper()
	_, err := Build(in)
	var problem *Problem
	switch {
	case says == "" && err != nil:
		t.Errorf("it is refused: %v", err)
	case says != "" && (!errors.As(err, &problem) || problem.Reason != reason || !strings.Contains(problem.Message, says)):
		t.Errorf("%v does not say %q", err, says)
	}
}

// TestSomebodyElsesDatabaseIsNotCompared: it is not written, and the condition of that child says so.
func TestSomebodyElsesDatabaseIsNotCompared(t *testing.T) {
	in := withDatabase(t, strings.Replace(found, "postgresVersion: 17", "postgresVersion: 15", 1))
	in.Database.SetLabels(nil)
	expectProblem(t, in, "", "")
}

// TestNoEmptyDatabaseIsMadeOverBackups: with the data of the database it goes on.
func TestNoEmptyDatabaseIsMadeOverBackups(t *testing.T) {
	volume := func(name, label, value string) corev1.PersistentVolumeClaim {
		return corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{label: value}}}
	}
	repo, data := volume("blog-db-repo1", labelRepoVolume, ""), volume("blog-db-data", labelRole, roleData)
	going := repo
	going.DeletionTimestamp = &metav1.Time{}
	for name, c := range map[string]struct {
		volumes []corev1.PersistentVolumeClaim
		says    string
	}{
		"nothing":          {nil, ""},
		"backups alone":    {[]corev1.PersistentVolumeClaim{repo}, "PersistentVolumeClaim g11-prod/blog-db-repo1 holds backups of a database that is gone"},
		"backups and data": {[]corev1.PersistentVolumeClaim{repo, data}, ""},
		"data alone":       {[]corev1.PersistentVolumeClaim{data}, ""},
		"backups that go":  {[]corev1.PersistentVolumeClaim{going}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := stories(t)["production"]
			in.Volumes = c.volumes
			expectProblem(t, in, "BackupsWithoutDatabase", c.says)
		})
	}
}

// sized is a claim of the database that has a size, and asks for one.
func sized(label, value, has, asks string) corev1.PersistentVolumeClaim {
	claim := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "claim", Labels: map[string]string{label: value}}}
	claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(asks)}
	if has != "" {
		claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(has)}
	}
	return claim
}

// TestASizeThatWasNotReachedMayBeTakenBack, and none below what a volume has.
func TestASizeThatWasNotReachedMayBeTakenBack(t *testing.T) {
	data := func(has, asks string) corev1.PersistentVolumeClaim { return sized(labelRole, roleData, has, asks) }
	repo := func(has, asks string) corev1.PersistentVolumeClaim { return sized(labelRepoVolume, "", has, asks) }
	asked := strings.ReplaceAll(found, "storage: 20Gi", "storage: 500Ti")
	for name, c := range map[string]struct {
		volumes []corev1.PersistentVolumeClaim
		says    string
	}{
		"they did not grow at all":           {[]corev1.PersistentVolumeClaim{data("20Gi", "20Gi"), repo("20Gi", "20Gi")}, ""},
		"they were to grow and cannot":       {[]corev1.PersistentVolumeClaim{data("20Gi", "500Ti"), repo("20Gi", "500Ti")}, ""},
		"one has grown":                      {[]corev1.PersistentVolumeClaim{data("20Gi", "500Ti"), data("30Gi", "500Ti")}, "spec.database.storage.size: it is 20Gi, and PostgresCluster g11-prod/blog-db, which holds data, has 30Gi: write 30Gi"},
		"the repository has grown":           {[]corev1.PersistentVolumeClaim{data("20Gi", "500Ti"), repo("40Gi", "40Gi")}, "spec.database.backups.storage.size: it is 20Gi, and PostgresCluster g11-prod/blog-db, which holds data, has 40Gi: write 40Gi"},
		"they are bigger than was asked for": {[]corev1.PersistentVolumeClaim{data("1Ti", "20Gi"), repo("1Ti", "20Gi")}, ""},
		"nothing is bound yet":               {[]corev1.PersistentVolumeClaim{data("", "500Ti")}, "which holds data, has 500Ti"},
	} {
		t.Run(name, func(t *testing.T) {
			in := withDatabase(t, asked)
			in.Volumes = c.volumes
			expectProblem(t, in, "DatabaseMismatch", c.says)
		})
	}
}

// TestConnectionsAreNotTakenFromPodsThatRun: 400 are for the pods that an autoscaler may still have.
func TestConnectionsAreNotTakenFromPodsThatRun(t *testing.T) {
	const parameters = "{patroni: {dynamicConfiguration: {postgresql: {parameters: {max_connections: %s}}}}}"
	for name, c := range map[string]struct {
		live, spec string
		foreign    bool
		want       string
	}{
		"it has more":                  {live: `"400"`, want: "400"},
		"it has more, as a number":     {live: "400", want: "400"},
		"it has fewer":                 {live: `"100"`, want: "200"},
		"it does not say":              {live: "null", want: "200"},
		"the spec says fewer":          {live: `"400"`, spec: "150", want: "150"},
		"it is somebody else's":        {live: `"400"`, foreign: true, want: "200"},
		"nobody can tell what it says": {live: `"many"`, want: "200"},
	} {
		t.Run(name, func(t *testing.T) {
			in := withDatabase(t, strings.Replace(parameters, "%s", c.live, 1))
			if c.spec != "" {
				in.Platform.Spec.Database.Parameters = map[string]string{"max_connections": c.spec}
			}
			if c.foreign {
				in.Database.SetLabels(nil)
			}
			if got := newBuilder(in).values.database.parameters["max_connections"]; got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
