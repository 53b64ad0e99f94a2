package install

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

// TestAPlatformKeepsTheHostThatItServes, though an older one claims it now:
// that one stalls, writes nothing for it, and goes on once it gives up.
func TestAPlatformKeepsTheHostThatItServes(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	elder := w.GivenReady("staging")
	w.CreateNamespace(w.Namespace + "-younger")
	younger := w.Platform("staging", func(p *v1alpha1.BlogPlatform) {
		p.Namespace += "-younger"
		p.Spec.Hosts = []string{"younger." + w.Namespace + ".example.com"}
	})
	w.Create(younger)
	t.Cleanup(func() { harness.Statuses.Lint(t, younger.Namespace) })
	w.UntilReady(younger)
	if diff := cmp.Diff(younger.Spec.Hosts, younger.Status.Hosts); diff != "" {
		t.Errorf("hosts in its status (-want +got):\n%s", diff)
	}
	own := elder.Spec.Hosts
	w.Edit(elder, func(p *v1alpha1.BlogPlatform) { p.Spec.Hosts = append(p.Spec.Hosts, younger.Spec.Hosts[0]) })
	w.UntilCondition(elder, v1alpha1.ConditionStalled, metav1.ConditionTrue, "HostConflict",
		fmt.Sprintf("%s is served by BlogPlatform %s/blog, which keeps it", younger.Spec.Hosts[0], younger.Namespace))
	w.Edit(younger, func(p *v1alpha1.BlogPlatform) { p.Spec.Services.User.Replicas = new(int32(3)) })
	w.UntilReady(younger)
	w.Edit(elder, func(p *v1alpha1.BlogPlatform) { p.Spec.Hosts = own })
	w.UntilReady(elder)

	// A host that is given up is free once nothing leads to it any more.
	w.Edit(elder, func(p *v1alpha1.BlogPlatform) { p.Spec.Hosts = append(p.Spec.Hosts, younger.Spec.Hosts[0]) })
	w.UntilCondition(elder, v1alpha1.ConditionStalled, metav1.ConditionTrue, "HostConflict", "")
	w.Edit(younger, func(p *v1alpha1.BlogPlatform) { p.Spec.Hosts = []string{"other." + w.Namespace + ".example.com"} })
	w.UntilReady(elder)
}

// TestANewHostWaitsForItsCertificate, and readers are not sent to it before.
func TestANewHostWaitsForItsCertificate(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging")
	before, added := p.Spec.Hosts[0], "new."+w.Namespace+".example.com"
	certificate := "istio-ingress/" + w.Namespace + "." + p.Name
	harness.Peers.Set(faker.Certificate, certificate, faker.Behaviour{Absent: true})
	w.Edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Hosts = []string{added, before} })
	w.UntilCondition(p, v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, "NotObserved", "")
	w.UntilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "https://"+before)
	w.leads(before, []any{"./" + added, "./" + before}, []any{"./" + before})
	harness.Peers.Set(faker.Certificate, certificate, faker.Behaviour{})
	w.UntilReady(p)
	w.leads(added, []any{"./" + added, "./" + before}, []any{"./" + added, "./" + before})
}

// leads waits until the gateway leads readers to a host, and is open to these by HTTP and HTTPS.
func (w world) leads(host string, http, https []any) {
	w.Helper()
	w.Until("readers led to "+host, func(context.Context) error {
		servers, _, _ := unstructured.NestedSlice(w.Get(w.Object("Gateway", "blog")).Object, "spec", "servers")
		hosts := []any{}
		for _, server := range servers {
			hosts = append(hosts, server.(map[string]any)["hosts"])
		}
		routed, _, _ := unstructured.NestedSlice(w.Get(w.Object("VirtualService", "blog-frontend")).Object, "spec", "hosts")
		if diff := cmp.Diff([]any{http, https, []any{host}}, append(hosts, routed)); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

// TestARestoredPlatformKeepsItsHost: it has no status and is the younger one now, but its Gateway was restored with it.
func TestARestoredPlatformKeepsItsHost(t *testing.T) {
	w := newWorld(t)
	operator := harness.Start(t)
	// It was created first, and its name comes first, too.
	w.CreateNamespace("a-" + w.Namespace)
	intruder := w.Platform("staging", func(p *v1alpha1.BlogPlatform) {
		p.Namespace, p.Spec.Hosts = "a-"+p.Namespace, []string{"intruder." + w.Namespace + ".example.com"}
	})
	w.Create(intruder)
	served := w.GivenReady("staging")
	w.UntilReady(intruder)
	operator.Stop()
	w.Edit(intruder, func(p *v1alpha1.BlogPlatform) { p.Spec.Hosts = append(p.Spec.Hosts, served.Spec.Hosts[0]) })
	w.Patch(served, func() { served.Status = v1alpha1.BlogPlatformStatus{} })
	if err := harness.Cluster.Status().Update(t.Context(), served); err != nil {
		t.Fatal(err)
	}
	harness.Start(t)
	w.UntilCondition(intruder, v1alpha1.ConditionStalled, metav1.ConditionTrue, "HostConflict", w.Namespace+"/blog")
	w.UntilReady(served)
	w.DeletePlatform(intruder)
	w.DeletePlatform(served)
}

// TestANamespaceMayBeLimitedToDomains by who administers the cluster.
func TestANamespaceMayBeLimitedToDomains(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}}
	limit := func(domains string) {
		w.Patch(namespace, func() {
			if namespace.Annotations == nil {
				namespace.Annotations = map[string]string{}
			}
			namespace.Annotations["blogplatform.io/domains"] = domains
		})
	}
	limit("team.example.org")
	p := w.Given("staging")
	w.UntilCondition(p, v1alpha1.ConditionStalled, metav1.ConditionTrue, "HostNotAllowed", "in none of the domains that namespace "+w.Namespace+" may use (team.example.org)")
	if n := len(w.Children(p)); n != 0 {
		t.Errorf("%d children were written", n)
	}
	limit("team.example.org, example.com")
	w.UntilReady(p)
	w.Until("its hosts", func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil || len(p.Status.Hosts) != len(p.Spec.Hosts) {
			return errors.Join(err, fmt.Errorf("it holds %v", p.Status.Hosts))
		}
		return nil
	})
}
