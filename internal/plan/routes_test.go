package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	istionet "istio.io/client-go/pkg/apis/networking/v1"
	corev1 "k8s.io/api/core/v1"

	"blogplatform.io/operator/internal/naming"
)

// TestEveryServiceStartsOnItsStablePods reads the route that Argo Rollouts finds
// by its name, and where its two ways lead. Only a request that names its pod
// template, and comes from the mesh, goes another way.
func TestEveryServiceStartsOnItsStablePods(t *testing.T) {
	children := planOf(t, platformNamed(t, "blog")).Children
	got, checks := map[string]string{}, map[string]string{}
	for _, service := range childrenOf[istionet.VirtualService](t, children, "VirtualService") {
		for _, route := range service.Spec.Http {
			if route.Redirect != nil {
				continue
			}
			if route.Name == routeCanary {
				if len(service.Spec.Gateways) > 0 || len(route.Match) != 1 || route.Match[0].Headers[headerTemplate].GetRegex() != ".+" {
					t.Errorf("%s leads to the canary for %v at %v", service.Name, route.Match, service.Spec.Gateways)
				}
				checks[route.Route[0].Destination.Host+"/"+route.Route[0].Destination.Subset] = service.Name
				continue
			}
			// Requests of the mesh reach a service by the name that its callers dial.
			ways := []string{route.Name, "for", strings.Join(service.Spec.Hosts, " "), "at", strings.Join(service.Spec.Gateways, " ")}
			for _, way := range route.Route {
				to := way.Destination
				ways = append(ways, fmt.Sprintf("%s:%d/%s=%d", to.Host, to.Port.Number, to.Subset, way.Weight))
			}
			got[service.Name] += strings.Join(ways, " ")
		}
	}
	want := map[string]string{
		"blog-frontend": "primary for blog.example.com at blog blog-frontend.g11-prod.svc.cluster.local:8080/stable=100 blog-frontend.g11-prod.svc.cluster.local:8080/canary=0",
	}
	for _, name := range []string{"blog-user", "blog-content", "blog-comment"} {
		host := name + ".g11-prod.svc.cluster.local"
		want[name] = fmt.Sprintf("primary for %s at  %s:8080/stable=100 %s:8080/canary=0", host, host, host)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantChecks := map[string]string{
		"blog-frontend-canary.g11-prod.svc.cluster.local/": "blog-frontend-check",
		"blog-user-canary.g11-prod.svc.cluster.local/":     "blog-user",
		"blog-content-canary.g11-prod.svc.cluster.local/":  "blog-content",
		"blog-comment-canary.g11-prod.svc.cluster.local/":  "blog-comment",
	}
	if diff := cmp.Diff(wantChecks, checks); diff != "" {
		t.Error(diff)
	}
}

// TestSubsetsAndServicesFindThePodsOfTheirServiceAlone counts no Job's pod and no neighbour's.
func TestSubsetsAndServicesFindThePodsOfTheirServiceAlone(t *testing.T) {
	children := planOf(t, platformNamed(t, "blog")).Children
	got := map[string][]map[string]string{}
	for _, rule := range childrenOf[istionet.DestinationRule](t, children, "DestinationRule") {
		for _, subset := range rule.Spec.Subsets {
			got[rule.Spec.Host+" "+subset.Name] = append(got[rule.Spec.Host+" "+subset.Name], subset.Labels)
		}
		if mode := rule.Spec.TrafficPolicy.GetTls().GetMode().String(); mode != "ISTIO_MUTUAL" {
			t.Errorf("%s is dialled with %s", rule.Name, mode)
		}
	}
	for _, service := range childrenOf[corev1.Service](t, children, "Service") {
		got[service.Name] = append(got[service.Name], service.Spec.Selector)
	}
	want := map[string][]map[string]string{"blog-db-mesh": {{"postgres-operator.crunchydata.com/cluster": "blog-db"}}}
	for _, service := range naming.Services {
		name, pods := "blog-"+string(service), map[string]string{"app.kubernetes.io/instance": "blog", "app.kubernetes.io/name": string(service)}
		for _, where := range []string{name, name + "-canary", name + ".g11-prod.svc.cluster.local stable", name + ".g11-prod.svc.cluster.local canary"} {
			want[where] = []map[string]string{pods}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
