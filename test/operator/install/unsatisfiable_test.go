package install

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/given"
	"blogplatform.io/operator/test/operator/harness"
)

// Each of these specs is valid and cannot be satisfied as the cluster is. The
// platform says why, and recovers once the cluster is mended; nobody touches it.

func TestAMissingIssuer(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	name := "late-authority"
	appears := harness.WithoutPeer(name)
	p := w.Given("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.TLS.IssuerRef.Name = name })
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "IssuerMissing", "there is no ClusterIssuer late-authority; create it")
	w.Create(given.Issuer(name))
	appears()
	w.UntilReady(p)
}

func TestAnUnknownStorageClass(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	name := "late-disks"
	appears := harness.WithoutPeer(name)
	p := w.Given("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.Database.Storage.StorageClassName = &name })
	w.UntilCondition(p, v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, "VolumePending", "waits for volumes of StorageClass late-disks")
	appears()
	w.UntilReady(p)
}

func TestCiphertextThatNoKeyOpens(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	harness.Peers.Set(faker.SealedSecret, w.Namespace+"/", faker.Behaviour{Fail: true})
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionSecretsReady, metav1.ConditionFalse, "CannotUnseal", "SealedSecret "+w.Namespace+"/blog-cookies")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "CannotUnseal", "")
	harness.Peers.Set(faker.SealedSecret, w.Namespace+"/", faker.Behaviour{})
	w.UntilReady(p)
}

func TestAQuotaThatIsUsedUp(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "tight"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/services": resource.MustParse("1")}}}
	w.Create(quota)
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "QuotaExceeded", "ResourceQuota tight of namespace "+w.Namespace+" is used up; raise it")
	w.Patch(quota, func() { quota.Spec.Hard["count/services"] = resource.MustParse("100") })
	w.UntilReady(p)
}

func TestAQuotaThatRefusesPods(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "no-pods"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}}}
	w.Create(quota)
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionMeshReady, metav1.ConditionFalse, "QuotaExceeded", "ResourceQuota no-pods")
	if err := harness.Cluster.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	w.UntilReady(p)
}

func TestAGatewayNamespaceThatComesLate(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.Given("staging", harness.InGateway("gateway-late"))
	w.UntilCondition(p, v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, "NamespaceMissing", "create the namespace")
	w.CreateNamespace("gateway-late")
	w.UntilReady(p)
}

func TestAGatewayNamespaceThatIsTerminating(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	w.CreateNamespace("gateway-stuck")
	anchor := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "gateway-stuck", Name: "anchor", Finalizers: []string{"example.com/anchor"}}}
	w.Create(anchor)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "gateway-stuck"}}
	if err := harness.Cluster.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	p := w.Given("staging", harness.InGateway("gateway-stuck"))
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "NamespaceMissing", "Certificate gateway-stuck/"+w.Namespace+".blog")
	w.Patch(anchor, func() { anchor.Finalizers = nil })
	w.Until("namespace gone", func(ctx context.Context) error { return harness.Gone(ctx, namespace) })
	w.CreateNamespace("gateway-stuck")
	w.UntilReady(p)
}

func TestAGatewayNamespaceThatIsNotAllowed(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.Given("staging", harness.InGateway("kube-system"))
	w.UntilCondition(p, v1alpha1.ConditionStalled, metav1.ConditionTrue, "GatewayNamespaceNotAllowed", "may not write into namespace kube-system")
	if children := w.Children(p); len(children) != 0 {
		t.Errorf("%d children were written for a platform that is Stalled", len(children))
	}
	w.Edit(p, harness.InGateway("istio-ingress"))
	w.UntilReady(p)
}

func TestAHostThatBelongsToAnOlderPlatform(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	first := w.GivenReady("staging")
	w.CreateNamespace(w.Namespace + "-second")
	second := w.Platform("staging", func(p *v1alpha1.BlogPlatform) { p.Namespace += "-second" })
	w.Create(second)
	t.Cleanup(func() { harness.Statuses.Lint(t, second.Namespace) })
	w.UntilCondition(second, v1alpha1.ConditionReady, metav1.ConditionFalse, "HostConflict",
		fmt.Sprintf("%s.example.com is served by BlogPlatform %s/blog, which keeps it", w.Namespace, w.Namespace))
	if children := w.Children(second); len(children) != 0 {
		t.Errorf("%d children were written for a platform that is Stalled", len(children))
	}
	w.Steady(first)
	if err := harness.Cluster.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	w.UntilReady(second)
}

func TestAChildThatBelongsToSomebodyElse(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	stranger := w.Object("ConfigMap", "blog-db-init")
	w.Create(stranger)
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "NotOurs", "ConfigMap "+w.Namespace+"/blog-db-init")
	if labels := w.Get(stranger).GetLabels(); len(labels) != 0 {
		t.Errorf("a stranger's object was labelled %v", labels)
	}
	if err := harness.Cluster.Delete(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	w.UntilReady(p)
}

func TestPodsThatGetNoSidecar(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}}
	w.Label(namespace, "istio-injection", "disabled")
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "SidecarMissing", "label namespace "+w.Namespace+" istio-injection=enabled")
	for name, child := range w.Children(p) {
		switch child.GetKind() {
		case "PostgresCluster", "Rollout", "Job":
			t.Errorf("%s was created though pods get no sidecar", name)
		}
	}
	w.Label(namespace, "istio-injection", "enabled")
	w.UntilReady(p)
}

// A CRD is everybody's, so these have the cluster for themselves.

func TestACRDThatIsMissing(t *testing.T) {
	w := newWorld(t)
	crd := harness.TakeCRD(t, "rollouts.argoproj.io")
	harness.Start(t)
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "KindMissing", "install the CRD of group argoproj.io")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "KindMissing", "Rollout "+w.Namespace+"/blog-comment")
	w.Create(crd)
	w.UntilReady(p)
	w.DeletePlatform(p)
}

// TestAnOperatorThatComesBeforeCertManager starts, and says what is missing.
func TestAnOperatorThatComesBeforeCertManager(t *testing.T) {
	w := newWorld(t)
	issuers, certificates := harness.TakeCRD(t, "issuers.cert-manager.io"), harness.TakeCRD(t, "certificates.cert-manager.io")
	harness.Start(t)
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, "KindMissing", "install the CRD of group cert-manager.io")
	w.Create(issuers)
	w.Create(certificates)
	w.UntilReady(p)
	w.DeletePlatform(p)
}

// TestWhatIsAdvisedForASealedSecretHelps: Sealed Secrets has given it up, and does
// not look again by itself when the cause is gone.
func TestWhatIsAdvisedForASealedSecretHelps(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "blog-cookies"}}
	w.Create(theirs)
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionSecretsReady, metav1.ConditionFalse, "SecretNotManaged", "delete that Secret and then this SealedSecret")
	if err := errors.Join(harness.Cluster.Delete(t.Context(), theirs), harness.Cluster.Delete(t.Context(), w.Get(w.Object("SealedSecret", "blog-cookies")))); err != nil {
		t.Fatal(err)
	}
	w.UntilReady(p)
}
