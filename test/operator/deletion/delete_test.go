package deletion

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

func (w world) volumes() []string {
	w.Helper()
	var claims corev1.PersistentVolumeClaimList
	if err := harness.Cluster.List(w.Context(), &claims, client.InNamespace(w.Namespace)); err != nil {
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

// whatStays where data is kept: the database, its secrets, and the objects
// without which it would be open to its cluster or could not start again.
var whatStays = []string{
	"AuthorizationPolicy", "AuthorizationPolicy", "ConfigMap", "NetworkPolicy", "NetworkPolicy", "NetworkPolicy", "NetworkPolicy",
	"PostgresCluster", "SealedSecret", "SealedSecret", "SealedSecret", "Service", "Sidecar",
}

func TestDeletingKeepsTheDataUnlessBothSaySo(t *testing.T) {
	harness.ShareOperator(t)
	for name, edit := range map[string]func(*v1alpha1.BlogPlatform){
		"retain":           harness.DeletionPolicy(v1alpha1.Retain, ""),
		"annotation alone": harness.DeletionPolicy(v1alpha1.Retain, "blog"),
		"policy alone":     harness.DeletionPolicy(v1alpha1.Delete, ""),
		"another's name":   harness.DeletionPolicy(v1alpha1.Delete, "other"),
	} {
		t.Run(strings.NewReplacer(" ", "-", "'", "").Replace(name), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.GivenReady("staging", edit)
			w.DeletePlatform(p)
			if diff := cmp.Diff(whatStays, w.Left(p)); diff != "" {
				t.Errorf("what stays (-want +got):\n%s", diff)
			}
			if volumes := w.volumes(); len(volumes) == 0 {
				t.Error("the volumes of the database are gone")
			}
		})
	}
}

func TestDeletingWithItsDataLeavesNothing(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	w.Create(volumeOf(w.Namespace, "other-db"))
	p := w.GivenReady("production", harness.DeletionPolicy(v1alpha1.Delete, "blog"))
	w.DeletePlatform(p)
	if left := w.Left(p); len(left) != 0 {
		t.Errorf("left: %v, want nothing", left)
	}
	if volumes := w.volumes(); !slices.Equal(volumes, []string{"volume-of-other-db"}) {
		t.Errorf("volumes left: %v, want that of another database alone", volumes)
	}
}

// TestTheKeyPairGoesWithItsPlatform unless the spec keeps it: cert-manager
// leaves it behind in the gateway's namespace. One of somebody else stays.
func TestTheKeyPairGoesWithItsPlatform(t *testing.T) {
	harness.ShareOperator(t)
	for name, test := range map[string]struct {
		policy v1alpha1.DeletionPolicy
		labels map[string]string
		stays  bool
	}{
		"by default":         {},
		"kept":               {policy: v1alpha1.Retain, stays: true},
		"of somebody else's": {labels: map[string]string{}, stays: true},
	} {
		t.Run(strings.NewReplacer(" ", "-", "'", "").Replace(name), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.GivenReady("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.TLS.DeletionPolicy = test.policy })
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-ingress", Name: w.Namespace + ".blog"}}
			if err := harness.Cluster.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
				t.Fatal(err)
			}
			if test.labels != nil {
				secret.Labels = test.labels
				if err := harness.Cluster.Update(t.Context(), secret); err != nil {
					t.Fatal(err)
				}
			}
			w.DeletePlatform(p)
			err := harness.Cluster.Get(t.Context(), client.ObjectKeyFromObject(secret), secret)
			if stays := err == nil; stays != test.stays || client.IgnoreNotFound(err) != nil {
				t.Errorf("the key pair stays: %v (%v), want %v", stays, err, test.stays)
			}
		})
	}
}

// TestTheKeyPairGoesWithTheGatewaysNamespace that the spec names no longer, unless the spec keeps it.
func TestTheKeyPairGoesWithTheGatewaysNamespace(t *testing.T) {
	w := newWorld(t)
	w.CreateNamespace("gateway-late")
	harness.Start(t)
	for name, test := range map[string]struct {
		policy v1alpha1.DeletionPolicy
		stays  bool
	}{"goes": {"", false}, "stays": {v1alpha1.Retain, true}} {
		p := w.GivenReady("staging", harness.InGateway("gateway-late"), func(p *v1alpha1.BlogPlatform) {
			p.Name, p.Spec.Hosts, p.Spec.TLS.DeletionPolicy = name, []string{name + ".example.com"}, test.policy
		})
		w.Edit(p, harness.InGateway("istio-ingress"))
		w.UntilReady(p)
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "gateway-late", Name: w.Namespace + "." + name}}
		w.Until("the Certificate of "+name+" gone from the former namespace", func(ctx context.Context) error {
			for child := range w.Children(p) {
				if strings.HasPrefix(child, "Certificate gateway-late/") {
					return errors.New(child)
				}
			}
			if err := harness.Gone(ctx, secret); !test.stays {
				return err
			}
			return nil
		})
		if err := harness.Gone(t.Context(), secret); (err != nil) != test.stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestADatabaseOfSomebodyElseStays though it has the name that the platform's would have.
func TestADatabaseOfSomebodyElseStays(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	database := harness.Parse(`{apiVersion: postgres-operator.crunchydata.com/v1beta1, kind: PostgresCluster, metadata: {name: blog-db}, spec: {postgresVersion: 15,
		instances: [{dataVolumeClaimSpec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}], backups: {pgbackrest: {repos: [{name: repo1}]}}}}`)
	database.SetNamespace(w.Namespace)
	w.Create(database)
	w.Create(volumeOf(w.Namespace, "blog-db"))
	p := w.Given("staging", harness.DeletionPolicy(v1alpha1.Delete, "blog"))
	w.UntilCondition(p, v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, "NotOurs", "PostgresCluster "+w.Namespace+"/blog-db")
	w.DeletePlatform(p)
	w.Get(database)
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
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", harness.DeletionPolicy(v1alpha1.Delete, "blog"))
	harness.Peers.Set(faker.PostgresCluster, w.Namespace+"/", faker.Behaviour{Absent: true})
	if err := harness.Cluster.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "Deleting", "waits for PostgresCluster "+w.Namespace+"/blog-db")
	harness.Peers.Set(faker.PostgresCluster, w.Namespace+"/", faker.Behaviour{})
	w.UntilGone(p)
}

func TestDeletingWorksWithoutTheGatewaysNamespace(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	w.CreateNamespace("gateway-gone")
	p := w.GivenReady("staging", harness.InGateway("gateway-gone"))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "gateway-gone"}}
	if err := harness.Cluster.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	w.Until("namespace gone", func(ctx context.Context) error { return harness.Gone(ctx, namespace) })
	w.DeletePlatform(p)
}

func TestDeletingTheWholeNamespaceWorks(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}}
	if err := harness.Cluster.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	w.UntilGone(p)
	w.Until("namespace gone", func(ctx context.Context) error { return harness.Gone(ctx, namespace) })
}

// A CRD is everybody's, so this test has the cluster for itself.
func TestDeletingWorksWithoutACRD(t *testing.T) {
	w := newWorld(t)
	harness.Start(t)
	p := w.GivenReady("staging")
	crd := harness.TakeCRD(t, "destinationrules.networking.istio.io")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "KindMissing", "DestinationRule")
	w.DeletePlatform(p)
	w.Create(crd)
}

// TestTheDeletionOfASuspendedPlatformWaits: nobody expects the operator to
// delete anything while spec.suspend is true.
func TestTheDeletionOfASuspendedPlatformWaits(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", harness.DeletionPolicy(v1alpha1.Delete, "blog"))
	w.Edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Suspend = new(true) })
	w.UntilCondition(p, v1alpha1.ConditionSuspended, metav1.ConditionTrue, "Suspended", "")
	before := len(w.Children(p))
	if err := harness.Cluster.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "Deleting", "waits until spec.suspend is false")
	if after := len(w.Children(p)); after != before {
		t.Errorf("%d of %d children are left", after, before)
	}
	w.Edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Suspend = new(false) })
	w.UntilGone(p)
	if left := w.Left(p); len(left) != 0 {
		t.Errorf("left: %v, want nothing", left)
	}
}
