package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

// contracts are the contract migrations that status remembers.
func contracts(p *v1alpha1.BlogPlatform) int {
	n := 0
	for _, m := range p.Status.Migrations {
		if strings.Contains(m.Job, "-contract-") {
			n++
		}
	}
	return n
}

// TestImagesFromAnotherRegistryContractNothing: the same digests are the same release.
func TestImagesFromAnotherRegistryContractNothing(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", harness.Release("v1.0.0"))
	w.Edit(p, func(p *v1alpha1.BlogPlatform) {
		for _, image := range []*string{&p.Spec.Release.Images.Frontend, &p.Spec.Release.Images.User, &p.Spec.Release.Images.Content, &p.Spec.Release.Images.Comment} {
			*image = strings.Replace(*image, "blogplatform.local/", "mirror.example.com/blog/", 1)
		}
	})
	w.Until("pods from the mirror", func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil || !strings.HasPrefix(p.Status.Release.Current.Images.User, "mirror.example.com/") {
			return errors.Join(err, fmt.Errorf("current is %+v", p.Status.Release.Current))
		}
		return nil
	})
	w.UntilReady(p)
	if n := contracts(p); n > 0 {
		t.Errorf("%d contract migrations have run: %+v", n, p.Status.Migrations)
	}
}

// TestAReleaseWhoseSchemaIsGoneIsRefused, whoever asks for it; the step back before is not.
func TestAReleaseWhoseSchemaIsGoneIsRefused(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", harness.Release("v1.0.0"))
	for _, version := range []string{"v2.0.0", "v3.0.0"} {
		w.Edit(p, harness.Release(version))
		w.UntilReady(p)
	}
	w.Edit(p, harness.Release("v1.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "RollbackUnsafe", "the newest release to go back to is v2.0.0; all services run v3.0.0")
	w.AllBackOn("v3.0.0")
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilReady(p)
	w.AllBackOn("v2.0.0")
	if n := contracts(p); n != 6 {
		t.Errorf("%d contract migrations have run, want those of v1 and v2: %+v", n, p.Status.Migrations)
	}
}

// TestARestoredDatabaseIsMigratedAgain: what status remembers is of the database before.
func TestARestoredDatabaseIsMigratedAgain(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", harness.Release("v1.0.0"))
	migratedAgain := func(what string) {
		before := len(p.Status.Migrations)
		w.Until(what, func(ctx context.Context) error {
			if err := w.Refresh(ctx, p); err != nil || len(p.Status.Migrations) != before+3 {
				return errors.Join(err, fmt.Errorf("%+v", p.Status.Migrations))
			}
			return nil
		})
		w.UntilReady(p)
	}
	w.restoreDatabase("42")
	migratedAgain("migrations of the new database")
	database := w.Object("PostgresCluster", "blog-db")
	w.Patch(database, func() {
		_ = unstructured.SetNestedField(database.Object, "monday", "metadata", "annotations", naming.AnnotationRestored)
	})
	migratedAgain("migrations of a database that was restored by hand")
}

// reports has the migrations of a phase report versions, and the contract version of the schema.
func (w world) reports(phase, message string) {
	for _, service := range []string{"user", "content", "comment"} {
		harness.Peers.Set(faker.Job, w.Namespace+"/blog-"+service+"-"+phase, faker.Behaviour{Says: message})
	}
}

// TestARefusalEndsOnceTheDatabaseIsRestored to before the contract migration: the
// migrations of the current release read in the database what it has.
func TestARefusalEndsOnceTheDatabaseIsRestored(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	w.reports("expand", `{"from":0,"to":1,"contract":0}`)
	p := w.GivenReady("staging", harness.Release("v1.0.0"))
	for contract, version := range []string{"v2.0.0", "v3.0.0"} {
		w.reports("contract", fmt.Sprintf(`{"from":%d,"to":%[2]d,"contract":%[2]d}`, contract, contract+1))
		w.reports("expand", fmt.Sprintf(`{"from":1,"to":1,"contract":%d}`, contract+1))
		w.Edit(p, harness.Release(version))
		w.UntilReady(p)
	}
	if has := p.Status.Database.Schemas; len(has) != 3 || has[0] != (v1alpha1.SchemaStatus{Service: "comment", Contract: 2}) {
		t.Errorf("the schemas in status are %+v", has)
	}
	w.Edit(p, harness.Release("v1.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "RollbackUnsafe", "release v1.0.0 cannot run any more")
	w.reports("expand", `{"from":1,"to":1,"contract":1}`)
	w.restoreDatabase("42")
	w.UntilReady(p)
	w.AllBackOn("v1.0.0")
}

// TestARestoreForgetsWhatWasKnownOfTheDatabase: services up to v0.1 do not report it anew.
func TestARestoreForgetsWhatWasKnownOfTheDatabase(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	w.reports("expand", `{"from":0,"to":3,"contract":0}`)
	p := w.GivenReady("staging", harness.Release("v1.0.0"))
	w.reports("expand", `{"from":0,"to":3}`)
	w.restoreDatabase("42")
	w.Until("a database of which nothing is known", func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil || p.Status.Database.Identity != "42" || len(p.Status.Database.Schemas) > 0 {
			return errors.Join(err, fmt.Errorf("%+v", p.Status.Database))
		}
		return nil
	})
}

// restoreDatabase has the database be another one.
func (w world) restoreDatabase(identity string) {
	w.Helper()
	restored := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"patroni":{"systemIdentifier":"`+identity+`"}}}`))
	if err := harness.Cluster.Status().Patch(w.Context(), w.Object("PostgresCluster", "blog-db"), restored); err != nil {
		w.Fatal(err)
	}
}

// TestAQuotaThatRefusesAMigrationIsNamed: the status of a Job says nothing of it.
func TestAQuotaThatRefusesAMigrationIsNamed(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", harness.Release("v1.0.0"), within(10))
	w.Create(&corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "no-pods"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}}})
	w.Until("the quota", func(ctx context.Context) error {
		var quota corev1.ResourceQuota
		err := harness.Cluster.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: "no-pods"}, &quota)
		if err == nil && len(quota.Status.Hard) == 0 {
			err = errors.New("it does not count yet")
		}
		return err
	})
	// kube-controller-manager runs this Job.
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-user-contract", faker.Behaviour{Absent: true})
	w.Edit(p, harness.Release("v2.0.0"))
	const says = "its pods are refused: exceeded quota: no-pods"
	w.UntilCondition(p, v1alpha1.ConditionMigrationsReady, metav1.ConditionFalse, "Running", says)
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", says)
	w.AllBackOn("v1.0.0")
}
