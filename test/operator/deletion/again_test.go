package deletion

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/operator/harness"
)

// TestAPlatformThatIsCreatedAgainGoesOnWithItsData: with other values for the
// database it stops before it writes any of them, and says what to write.
func TestAPlatformThatIsCreatedAgainGoesOnWithItsData(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	before := w.GivenReady("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.Database.PostgresVersion = new(int32(15)) })
	uid := w.Get(w.Object("PostgresCluster", "blog-db")).GetUID()
	w.DeletePlatform(before)
	again := w.Given("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.Database.PostgresVersion = new(int32(17)) })
	w.UntilCondition(again, v1alpha1.ConditionStalled, metav1.ConditionTrue, "DatabaseMismatch", "blog-db, which holds data, has 15: write 15")
	if version, _, _ := unstructured.NestedInt64(w.Get(w.Object("PostgresCluster", "blog-db")).Object, "spec", "postgresVersion"); version != 15 {
		t.Errorf("the database has version %d now", version)
	}
	w.DeletePlatform(again)
	w.GivenReady("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.Database.PostgresVersion = new(int32(15)) })
	if now := w.Get(w.Object("PostgresCluster", "blog-db")).GetUID(); now != uid {
		t.Error("it is another database")
	}
}

// TestNoEmptyDatabaseIsMadeOverBackups: a person restores them or gives them up.
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
	if err := harness.Cluster.Delete(t.Context(), &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: backups.Name}}); err != nil {
		t.Fatal(err)
	}
	w.UntilReady(p)
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
