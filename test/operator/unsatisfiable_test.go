package operator

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/given"
)

// Each of these specs is valid and cannot be satisfied as the cluster is. The
// platform says why, and recovers once the cluster is mended; nobody touches it.

func TestAMissingIssuer(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	name := "late-authority"
	appears := withoutPeer(name)
	p := w.given("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.TLS.IssuerRef.Name = name })
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "IssuerMissing", "there is no ClusterIssuer late-authority; create it")
	w.create(given.Issuer(name))
	appears()
	w.untilReady(p)
}

func TestAnUnknownStorageClass(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	name := "late-disks"
	appears := withoutPeer(name)
	p := w.given("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.Database.Storage.StorageClassName = &name })
	w.untilCondition(p, v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, "VolumePending", "waits for volumes of StorageClass late-disks")
	appears()
	w.untilReady(p)
}

func TestCiphertextThatNoKeyOpens(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	peers.Set(faker.SealedSecret, w.namespace+"/", faker.Behaviour{Fail: true})
	p := w.given("staging")
	w.untilCondition(p, v1alpha1.ConditionSecretsReady, metav1.ConditionFalse, "CannotUnseal", "SealedSecret "+w.namespace+"/blog-cookies")
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "CannotUnseal", "")
	peers.Set(faker.SealedSecret, w.namespace+"/", faker.Behaviour{})
	w.untilReady(p)
}

func TestAQuotaThatIsUsedUp(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "tight"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/services": resource.MustParse("1")}}}
	w.create(quota)
	p := w.given("staging")
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "QuotaExceeded", "ResourceQuota tight of namespace "+w.namespace+" is used up; raise it")
	w.patch(quota, func() { quota.Spec.Hard["count/services"] = resource.MustParse("100") })
	w.untilReady(p)
}

func TestAQuotaThatRefusesPods(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "no-pods"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}}}
	w.create(quota)
	p := w.given("staging")
	w.untilCondition(p, v1alpha1.ConditionMeshReady, metav1.ConditionFalse, "QuotaExceeded", "ResourceQuota no-pods")
	if err := cluster.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	w.untilReady(p)
}

func TestAGatewayNamespaceThatComesLate(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.given("staging", inGateway("gateway-late"))
	w.untilCondition(p, v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, "NamespaceMissing", "create the namespace")
	w.createNamespace("gateway-late")
	w.untilReady(p)
}

func inGateway(namespace string) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) { p.Spec.Gateway.Namespace = namespace }
}

func TestAGatewayNamespaceThatIsTerminating(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	w.createNamespace("gateway-stuck")
	anchor := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "gateway-stuck", Name: "anchor", Finalizers: []string{"example.com/anchor"}}}
	w.create(anchor)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "gateway-stuck"}}
	if err := cluster.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	p := w.given("staging", inGateway("gateway-stuck"))
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "NamespaceMissing", "Certificate gateway-stuck/"+w.namespace+".blog")
	w.patch(anchor, func() { anchor.Finalizers = nil })
	w.until("namespace gone", func(ctx context.Context) error { return gone(ctx, namespace) })
	w.createNamespace("gateway-stuck")
	w.untilReady(p)
}

func TestAGatewayNamespaceThatIsNotAllowed(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.given("staging", inGateway("kube-system"))
	w.untilCondition(p, v1alpha1.ConditionStalled, metav1.ConditionTrue, "GatewayNamespaceNotAllowed", "may not write into namespace kube-system")
	if children := w.children(p); len(children) != 0 {
		t.Errorf("%d children were written for a platform that is Stalled", len(children))
	}
	w.edit(p, inGateway("istio-ingress"))
	w.untilReady(p)
}

func TestAHostThatBelongsToAnOlderPlatform(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	first := w.givenReady("staging")
	w.createNamespace(w.namespace + "-second")
	second := w.platform("staging", func(p *v1alpha1.BlogPlatform) { p.Namespace += "-second" })
	w.create(second)
	t.Cleanup(func() { statuses.lint(t, second.Namespace) })
	w.untilCondition(second, v1alpha1.ConditionReady, metav1.ConditionFalse, "HostConflict",
		fmt.Sprintf("%s.example.com belongs to the older BlogPlatform %s/blog", w.namespace, w.namespace))
	if children := w.children(second); len(children) != 0 {
		t.Errorf("%d children were written for a platform that is Stalled", len(children))
	}
	w.steady(first)
	if err := cluster.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	w.untilReady(second)
}

func TestAChildThatBelongsToSomebodyElse(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	stranger := w.object("ConfigMap", "blog-db-init")
	w.create(stranger)
	p := w.given("staging")
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "NotOurs", "ConfigMap "+w.namespace+"/blog-db-init")
	if labels := w.get(stranger).GetLabels(); len(labels) != 0 {
		t.Errorf("a stranger's object was labelled %v", labels)
	}
	if err := cluster.Delete(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	w.untilReady(p)
}

func TestPodsThatGetNoSidecar(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	w.label(namespace, "istio-injection", "disabled")
	p := w.given("staging")
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "SidecarMissing", "label namespace "+w.namespace+" istio-injection=enabled")
	for name, child := range w.children(p) {
		switch child.GetKind() {
		case "PostgresCluster", "Rollout", "Job":
			t.Errorf("%s was created though pods get no sidecar", name)
		}
	}
	w.label(namespace, "istio-injection", "enabled")
	w.untilReady(p)
}

// patch writes the change of an object that change makes in place.
func (w world) patch(object client.Object, change func()) {
	w.Helper()
	if err := cluster.Get(w.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		w.Fatal(err)
	}
	before := object.DeepCopyObject().(client.Object)
	change()
	if err := cluster.Patch(w.Context(), object, client.MergeFrom(before)); err != nil {
		w.Fatal(err)
	}
}

func (w world) label(object client.Object, key, value string) {
	w.Helper()
	w.patch(object, func() {
		labels := object.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[key] = value
		object.SetLabels(labels)
	})
}

// A CRD is everybody's, so these two have the cluster for themselves.

func TestACRDThatIsMissing(t *testing.T) {
	w := newWorld(t)
	crd := takeCRD(t, "rollouts.argoproj.io")
	start(t)
	p := w.given("staging")
	w.untilCondition(p, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "KindMissing", "install the CRD of group argoproj.io")
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "KindMissing", "Rollout "+w.namespace+"/blog-comment")
	w.create(crd)
	w.untilReady(p)
	w.deletePlatform(p)
}

// takeCRD deletes a CRD, and answers what to create to have it back.
func takeCRD(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind("CustomResourceDefinition")
	crd.SetName(name)
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(crd), crd); err != nil {
		t.Fatal(err)
	}
	again := crd.DeepCopy()
	again.SetResourceVersion("")
	again.SetUID("")
	again.SetFinalizers(nil)
	again.SetManagedFields(nil)
	delete(again.Object, "status")
	if err := cluster.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	world{t, ""}.until("CRD "+name+" gone", func(ctx context.Context) error { return gone(ctx, crd) })
	return again
}
