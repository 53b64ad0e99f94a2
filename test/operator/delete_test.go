package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
)

// deletePlatform deletes a platform and waits until it is gone.
func (w world) deletePlatform(p *v1alpha1.BlogPlatform) {
	w.Helper()
	if err := cluster.Delete(w.Context(), p); err != nil {
		w.Fatal(err)
	}
	w.untilGone(p)
}

func (w world) untilGone(p *v1alpha1.BlogPlatform) {
	w.Helper()
	w.until("BlogPlatform "+p.Namespace+" gone", func(ctx context.Context) error {
		if err := gone(ctx, p); err != nil {
			return fmt.Errorf("%w: %s", err, conditionsOf(p))
		}
		return nil
	})
}

// left are the kinds of the children that are there once garbage collection is over.
func (w world) left(p *v1alpha1.BlogPlatform) []string {
	w.Helper()
	var kinds []string
	w.until("garbage collected", func(context.Context) error {
		kinds = nil
		var going []string
		for name, child := range w.children(p) {
			if len(child.GetOwnerReferences()) > 0 {
				going = append(going, name)
			}
			kinds = append(kinds, child.GetKind())
		}
		if len(going) > 0 {
			return errors.New(strings.Join(going, ", "))
		}
		return nil
	})
	slices.Sort(kinds)
	return kinds
}

func (w world) volumes() []string {
	w.Helper()
	var claims corev1.PersistentVolumeClaimList
	if err := cluster.List(w.Context(), &claims, client.InNamespace(w.namespace)); err != nil {
		w.Fatal(err)
	}
	var names []string
	for _, claim := range claims.Items {
		if claim.DeletionTimestamp == nil {
			names = append(names, claim.Name)
		}
	}
	return names
}

func deletionPolicy(policy v1alpha1.DeletionPolicy, annotation string) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) {
		p.Spec.DeletionPolicy = policy
		if annotation != "" {
			p.Annotations = map[string]string{"blogplatform.io/delete-data": annotation}
		}
	}
}

func TestDeletingKeepsTheDataUnlessBothSaySo(t *testing.T) {
	shareOperator(t)
	for name, edit := range map[string]func(*v1alpha1.BlogPlatform){
		"retain":           deletionPolicy(v1alpha1.Retain, ""),
		"annotation alone": deletionPolicy(v1alpha1.Retain, "blog"),
		"policy alone":     deletionPolicy(v1alpha1.Delete, ""),
		"another's name":   deletionPolicy(v1alpha1.Delete, "other"),
	} {
		t.Run(strings.NewReplacer(" ", "-", "'", "").Replace(name), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.givenReady("staging", edit)
			w.deletePlatform(p)
			if left := w.left(p); !slices.Equal(left, []string{"PostgresCluster", "SealedSecret", "SealedSecret", "SealedSecret"}) {
				t.Errorf("left: %v, want the PostgresCluster and three SealedSecrets", left)
			}
			if volumes := w.volumes(); len(volumes) == 0 {
				t.Error("the volumes of the database are gone")
			}
		})
	}
}

func TestDeletingWithItsDataLeavesNothing(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	w.create(volumeOf(w.namespace, "other-db"))
	p := w.givenReady("production", deletionPolicy(v1alpha1.Delete, "blog"))
	w.deletePlatform(p)
	if left := w.left(p); len(left) != 0 {
		t.Errorf("left: %v, want nothing", left)
	}
	if volumes := w.volumes(); !slices.Equal(volumes, []string{"volume-of-other-db"}) {
		t.Errorf("volumes left: %v, want that of another database alone", volumes)
	}
}

// TestADatabaseOfSomebodyElseStays though it has the name that the platform's would have.
func TestADatabaseOfSomebodyElseStays(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	database := parse(`{apiVersion: postgres-operator.crunchydata.com/v1beta1, kind: PostgresCluster, metadata: {name: blog-db}, spec: {postgresVersion: 15,
		instances: [{dataVolumeClaimSpec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}], backups: {pgbackrest: {repos: [{name: repo1}]}}}}`)
	database.SetNamespace(w.namespace)
	w.create(database)
	w.create(volumeOf(w.namespace, "blog-db"))
	p := w.given("staging", deletionPolicy(v1alpha1.Delete, "blog"))
	w.untilCondition(p, v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, "NotOurs", "PostgresCluster "+w.namespace+"/blog-db")
	w.deletePlatform(p)
	w.get(database)
	if volumes := w.volumes(); len(volumes) != 1 {
		t.Errorf("volumes left: %v, want that of the database", volumes)
	}
}

// volumeOf is a volume claim as the Crunchy operator labels those of a PostgresCluster.
func volumeOf(namespace, cluster string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "volume-of-" + cluster, Labels: map[string]string{"postgres-operator.crunchydata.com/cluster": cluster}},
		Spec: corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}},
	}
}

// TestADeletionSaysWhatItWaitsFor: the Crunchy operator is away, and its
// finalizer keeps the PostgresCluster.
func TestADeletionSaysWhatItWaitsFor(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.givenReady("staging", deletionPolicy(v1alpha1.Delete, "blog"))
	peers.Set(faker.PostgresCluster, w.namespace+"/", faker.Behaviour{Absent: true})
	if err := cluster.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "Deleting", "waits for PostgresCluster "+w.namespace+"/blog-db")
	peers.Set(faker.PostgresCluster, w.namespace+"/", faker.Behaviour{})
	w.untilGone(p)
}

func TestDeletingWorksWithoutTheGatewaysNamespace(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	w.createNamespace("gateway-gone")
	p := w.givenReady("staging", inGateway("gateway-gone"))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "gateway-gone"}}
	if err := cluster.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	w.until("namespace gone", func(ctx context.Context) error { return gone(ctx, namespace) })
	w.deletePlatform(p)
}

func TestDeletingTheWholeNamespaceWorks(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.givenReady("staging")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	if err := cluster.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	w.untilGone(p)
	w.until("namespace gone", func(ctx context.Context) error { return gone(ctx, namespace) })
}

// A CRD is everybody's, so this test has the cluster for itself.
func TestDeletingWorksWithoutACRD(t *testing.T) {
	w := newWorld(t)
	start(t)
	p := w.givenReady("staging")
	crd := takeCRD(t, "destinationrules.networking.istio.io")
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "KindMissing", "DestinationRule")
	w.deletePlatform(p)
	w.create(crd)
}
