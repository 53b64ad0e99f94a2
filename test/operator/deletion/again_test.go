package deletion

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/operator/harness"
)

// TestAPlatformThatIsCreatedAgainGoesOnWithItsData: with values for the database that
// its data cannot follow it stops before it writes any of them, and says what to write.
func TestAPlatformThatIsCreatedAgainGoesOnWithItsData(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	database := func(version int32, class, size string) func(*v1alpha1.BlogPlatform) {
		return func(p *v1alpha1.BlogPlatform) {
			p.Spec.Database.PostgresVersion = &version
			p.Spec.Database.Storage = v1alpha1.Storage{StorageClassName: &class, Size: new(resource.MustParse(size))}
		}
	}
	before := w.GivenReady("staging", database(15, "local", "2Gi"))
	uid := w.Get(w.Object("PostgresCluster", "blog-db")).GetUID()
	w.DeletePlatform(before)
	for says, other := range map[string]func(*v1alpha1.BlogPlatform){
		"blog-db, which holds data, has 15: write 15":       database(17, "local", "2Gi"),
		"blog-db, which holds data, has local: write local": database(15, "fast", "2Gi"),
		"blog-db, which holds data, has 2Gi: write 2Gi":     database(15, "local", "1Gi"),
	} {
		again := w.Given("staging", other)
		w.UntilCondition(again, v1alpha1.ConditionStalled, metav1.ConditionTrue, "DatabaseMismatch", says)
		w.databaseIs(uid, 15, "local", "2Gi")
		w.DeletePlatform(again)
	}
	w.GivenReady("staging", database(15, "local", "2Gi"))
	w.databaseIs(uid, 15, "local", "2Gi")
}

// TestAPlatformThatIsCreatedAgainMayAskForBiggerVolumes, which its data can follow.
func TestAPlatformThatIsCreatedAgainMayAskForBiggerVolumes(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	before := w.GivenReady("staging")
	uid := w.Get(w.Object("PostgresCluster", "blog-db")).GetUID()
	w.DeletePlatform(before)
	again := w.Given("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.Database.Storage.Size = new(resource.MustParse("3Gi")) })
	w.Until("bigger volumes", func(ctx context.Context) error {
		if err := w.Refresh(ctx, again); err != nil {
			return err
		}
		if size := w.database().size; size != "3Gi" {
			return errors.New(size + ": " + harness.ConditionsOf(again))
		}
		return nil
	})
	w.databaseIs(uid, 15, "local", "3Gi")
}

// postgres is what a PostgresCluster must keep.
type postgres struct {
	uid         types.UID
	version     int64
	class, size string
}

func (w world) database() postgres {
	w.Helper()
	live := w.Get(w.Object("PostgresCluster", "blog-db"))
	is := postgres{uid: live.GetUID()}
	is.version, _, _ = unstructured.NestedInt64(live.Object, "spec", "postgresVersion")
	sets, _, _ := unstructured.NestedSlice(live.Object, "spec", "instances")
	set, _ := sets[0].(map[string]any)
	is.class, _, _ = unstructured.NestedString(set, "dataVolumeClaimSpec", "storageClassName")
	is.size, _, _ = unstructured.NestedString(set, "dataVolumeClaimSpec", "resources", "requests", "storage")
	return is
}

func (w world) databaseIs(uid types.UID, version int64, class, size string) {
	w.Helper()
	if is, want := w.database(), (postgres{uid, version, class, size}); is != want {
		w.Errorf("the database is %+v, want %+v", is, want)
	}
}

// TestARestoreIsLeftToThePostgresOperator: what a person writes into the PostgresCluster
// for it stays while the operator goes on to write the rest.
func TestARestoreIsLeftToThePostgresOperator(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging")
	restore := client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"annotations": {"postgres-operator.crunchydata.com/pgbackrest-restore": "monday"}},
		"spec": {"backups": {"pgbackrest": {"restore": {"enabled": true, "repoName": "repo1", "options": ["--type=time", "--target=\"2026-11-30 12:00:00+00\""]}}}}}`))
	if err := harness.Cluster.Patch(t.Context(), w.Object("PostgresCluster", "blog-db"), restore); err != nil {
		t.Fatal(err)
	}
	w.Edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Database.Parameters = map[string]string{"work_mem": "5MB"} })
	w.UntilReady(p)
	live := w.Get(w.Object("PostgresCluster", "blog-db"))
	if set, _, _ := unstructured.NestedString(live.Object, "spec", "patroni", "dynamicConfiguration", "postgresql", "parameters", "work_mem"); set != "5MB" {
		t.Fatalf("the operator has not written it: work_mem is %q", set)
	}
	options, _, _ := unstructured.NestedStringSlice(live.Object, "spec", "backups", "pgbackrest", "restore", "options")
	if live.GetAnnotations()["postgres-operator.crunchydata.com/pgbackrest-restore"] != "monday" || len(options) != 2 {
		t.Errorf("the restore is %v, %v", live.GetAnnotations(), options)
	}
}

// TestNoEmptyDatabaseIsMadeOverBackups: a person has the database begin with them, and
// what it began with is taken out of the PostgresCluster once it has.
func TestNoEmptyDatabaseIsMadeOverBackups(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	backups := volumeOf(w.Namespace, "blog-db")
	backups.Labels["postgres-operator.crunchydata.com/pgbackrest-volume"] = ""
	w.Create(backups)
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionStalled, metav1.ConditionTrue, "BackupsWithoutDatabase", "PersistentVolumeClaim "+w.Namespace+"/"+backups.Name)
	if n := len(w.Children(p)); n != 0 {
		t.Errorf("%d children were written", n)
	}
	w.Edit(p, func(p *v1alpha1.BlogPlatform) {
		p.Spec.Database.DataSource = &v1alpha1.DataSource{PostgresCluster: &v1alpha1.PostgresClusterSource{}}
	})
	w.UntilReady(p)
	live := w.Get(w.Object("PostgresCluster", "blog-db"))
	if source, found, _ := unstructured.NestedMap(live.Object, "spec", "dataSource"); found || live.GetGeneration() < 2 {
		t.Errorf("generation %d of the PostgresCluster has the source %v, want none any more", live.GetGeneration(), source)
	}
}

// TestASealedSecretWaitsForTheSecretOfTheOneBefore: were it created while that Secret
// is still there, Sealed Secrets would give it up for good.
func TestASealedSecretWaitsForTheSecretOfTheOneBefore(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	withData := harness.DeletionPolicy(v1alpha1.Delete, "blog")
	before := w.GivenReady("staging", withData)
	held := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "blog-cookies"}}
	w.Patch(held, func() { held.SetFinalizers([]string{"test.blogplatform.io/slow-collector"}) })
	w.DeletePlatform(before)
	again := w.Given("staging", withData)
	w.UntilCondition(again, v1alpha1.ConditionSecretsReady, metav1.ConditionFalse, "SecretTerminating", "Secret "+w.Namespace+"/blog-cookies")
	if err := harness.Cluster.Get(t.Context(), client.ObjectKeyFromObject(held), w.Object("SealedSecret", "blog-cookies")); !apierrors.IsNotFound(err) {
		t.Fatalf("the SealedSecret was created beside the Secret of the one before: %v", err)
	}
	w.Patch(held, func() { held.SetFinalizers(nil) })
	w.UntilReady(again)
}
