package install

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

// TestACertificateIsWatchedAfterItWasIssued for the life of the platform.
func TestACertificateIsWatchedAfterItWasIssued(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging")
	certificate := "istio-ingress/" + w.Namespace + "." + p.Name
	harness.Peers.Set(faker.Certificate, certificate, faker.Behaviour{Fail: true})
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionTrue, "RenewalFailing", "its renewal fails")
	w.UntilCondition(p, v1alpha1.ConditionCertificatesReady, metav1.ConditionTrue, "RenewalFailing", "look at its CertificateRequest")
	w.challengeFails(p.Spec.Hosts[0], "DNS problem: NXDOMAIN looking up A")
	w.passAgain(p)
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionTrue, "RenewalFailing", "the authority cannot validate "+p.Spec.Hosts[0]+" (DNS problem: NXDOMAIN looking up A): correct where the name leads")
	harness.Peers.Set(faker.Certificate, certificate, faker.Behaviour{Expire: true})
	w.UntilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionFalse, "NotServing", "the certificate of the hosts has expired")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "Expired", "browsers refuse it")
}

// challengeFails makes a challenge for a host that has failed.
func (w world) challengeFails(host, reason string) {
	w.Helper()
	challenge := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "acme.cert-manager.io/v1", "kind": "Challenge", "metadata": map[string]any{"namespace": "istio-ingress", "name": w.Namespace},
		"spec": map[string]any{
			"dnsName": host, "type": "HTTP-01", "issuerRef": map[string]any{"kind": "ClusterIssuer", "name": "local-ca"}, "solver": map[string]any{},
			"wildcard": false, "authorizationURL": "https://acme.example.com/a", "url": "https://acme.example.com/c", "key": "a", "token": "b",
		},
	}}
	w.Create(challenge)
	challenge.Object["status"] = map[string]any{"state": "invalid", "reason": reason, "presented": true, "processing": false}
	if err := harness.Cluster.Status().Update(w.Context(), challenge); err != nil {
		w.Fatal(err)
	}
}

// passAgain has the operator look at the platform, by an annotation that says nothing to it.
func (w world) passAgain(p *v1alpha1.BlogPlatform) {
	w.Helper()
	w.Patch(p, func() { p.Annotations = map[string]string{"example.com/look": "again"} })
}

// TestBackupsAreWatchedAfterTheFirstOne though users notice nothing of them.
func TestBackupsAreWatchedAfterTheFirstOne(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging")
	if p.Status.Database.LastFullBackupTime == nil {
		t.Errorf("no time of the first backup: %+v", p.Status.Database)
	}
	harness.Peers.Set(faker.PostgresCluster, w.Namespace+"/", faker.Behaviour{FailBackups: true})
	w.UntilCondition(p, v1alpha1.ConditionBackupsFailing, metav1.ConditionTrue, "BackupFailed", "CronJob blog-db-repo1-full")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionTrue, "BackupFailed", "look at the Jobs of CronJob")
	harness.Peers.Set(faker.PostgresCluster, w.Namespace+"/", faker.Behaviour{})
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionTrue, "Verified", "")
}

// TestAVolumeThatCannotGrowIsSaid, and the size that was written may be taken back.
func TestAVolumeThatCannotGrowIsSaid(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	size := func(text string) func(*v1alpha1.BlogPlatform) {
		return func(p *v1alpha1.BlogPlatform) { p.Spec.Database.Storage.Size = new(resource.MustParse(text)) }
	}
	p := w.GivenReady("staging", size("1Gi"))
	w.Edit(p, size("2Gi"))
	w.UntilCondition(p, v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, "VolumeNotGrown", "has 1Gi, and spec.database.storage.size asks for 2Gi: Forbidden")
	w.Edit(p, size("512Mi"))
	w.UntilCondition(p, v1alpha1.ConditionStalled, metav1.ConditionTrue, "DatabaseMismatch", "write 1Gi")
	w.Edit(p, size("1Gi"))
	w.UntilReady(p)
}

// TestThePodsOfTheDatabaseAreWatched though the operator has not made them.
func TestThePodsOfTheDatabaseAreWatched(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging")
	pod := restricted(w.Namespace, "blog-db-instance-0", map[string]string{
		"postgres-operator.crunchydata.com/cluster": "blog-db", "sidecar.istio.io/inject": "false"})
	w.Create(pod)
	w.UntilCondition(p, v1alpha1.ConditionMeshReady, metav1.ConditionFalse, "SidecarMissing", "Pod "+w.Namespace+"/blog-db-instance-0 has no sidecar")
	if err := harness.Cluster.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	w.UntilReady(p)
}

// restricted is a pod that Pod Security lets pass.
func restricted(namespace, name string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{Name: "main", Image: "main", SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}}},
		},
	}
}
