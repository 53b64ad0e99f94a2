package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	security "istio.io/api/security/v1"
	istionet "istio.io/client-go/pkg/apis/networking/v1"
	securityv1 "istio.io/client-go/pkg/apis/security/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"blogplatform.io/operator/internal/naming"
)

// somebody is a pod and its identity, or an address that is no pod's.
type somebody struct {
	namespace, account string
	labels             map[string]string
	address            string
}

// everybody is who lives around the platform g11-prod/blog: its pods, those of
// another platform in the same namespace, and strangers. PostgreSQL's pods have
// the labels and identities that the Crunchy operator gives them.
func everybody() map[string]somebody {
	blog := naming.Platform{Namespace: "g11-prod", Name: "blog"}
	them := map[string]somebody{
		"gateway":             {namespace: "istio-ingress", account: "istio-ingress", labels: map[string]string{"istio": "ingressgateway"}},
		"gateway's neighbour": {namespace: "istio-ingress", account: "default"},
		"verify":              podOf(blog, blog.Verify(), blog.VerifySelector()),
		"instance":            postgresPod("blog-db-instance", "data", "postgres"),
		"repository":          postgresPod("blog-db-repohost", "data", "pgbackrest"),
		"older repository":    postgresPod("default", "data", "pgbackrest"),
		"backup":              postgresPod("blog-db-pgbackrest", "pgbackrest-backup", "replica-create"),
		"restore":             postgresPod("blog-db-instance", "pgbackrest-restore", ""),
		"stranger":            {namespace: "g11-prod", account: "stranger"},
		"nobody":              {namespace: "g11-prod", account: "default"},
		"prometheus":          {namespace: "monitoring", account: "prometheus"},
		"istiod":              {namespace: "istio-system", account: "istiod", labels: map[string]string{"app": "istiod"}},
		"istio-cni":           {namespace: "istio-system", account: "istio-cni"},
		"name server":         {namespace: "kube-system", account: "coredns"},
		"cache on the node":   {address: "169.254.20.10"},

		"istiod of AKS":              {namespace: "aks-istio-system", account: "istiod", labels: map[string]string{"app": "istiod"}},
		"name server of OpenShift":   {namespace: "openshift-dns", account: "dns"},
		"cache on the node of AKS":   {address: "169.254.10.11"},
		"metadata server of a cloud": {address: "169.254.169.254"},
		"API server":                 {address: "10.0.0.1"},
		"internet":                   {address: "203.0.113.7"},
	}
	for suffix, p := range map[string]naming.Platform{"": blog, " of the other": {Namespace: "g11-prod", Name: "other"}, " in staging": {Namespace: "g11-stg", Name: "blog"}} {
		for _, service := range naming.Services {
			them[string(service)+suffix] = podOf(p, p.Workload(service), p.Selector(service))
		}
	}
	for _, service := range naming.DataServices {
		them[string(service)+" migration"] = podOf(blog, blog.Workload(service), blog.MigrationSelector(service))
	}
	return them
}

func podOf(p naming.Platform, account string, selector map[string]string) somebody {
	all := p.Labels()
	maps.Copy(all, selector)
	return somebody{namespace: p.Namespace, account: account, labels: all}
}

func postgresPod(account, label, value string) somebody {
	const prefix = "postgres-operator.crunchydata.com/"
	return somebody{namespace: "g11-prod", account: account, labels: map[string]string{prefix + "cluster": "blog-db", prefix + label: value}}
}

// request is of HTTP, or a TCP connection if it has no method.
type request struct {
	port         int32
	method, path string
}

// questions are what everybody asks of everybody.
var questions = []request{
	{8080, "GET", "/"}, {8080, "POST", "/theme"}, {8080, "DELETE", "/"},
	{8080, "GET", "/v1/posts"}, {8080, "GET", "/v1/posts/one"}, {8080, "GET", "/v1/posts/7/comments"}, {8080, "GET", "/v1/people/7"},
	{8080, "GET", "/v1/people"}, {8080, "GET", "/v1/posts/7/comments/1"}, {8080, "GET", "/v1/posts/"}, {8080, "GET", "/v2/posts"},
	{8080, "POST", "/v1/posts"}, {8080, "PUT", "/v1/posts/one"}, {8080, "DELETE", "/v1/people/7"},
	{8080, "GET", "/v1/keys"}, {8080, "POST", "/v1/sessions/exchange"}, {8080, "GET", "/v1/sessions/exchange"}, {8080, "PATCH", "/v1/me"},
	{8080, "PUT", "/v1/admin/people/7/lock"}, {8080, "PUT", "/v1/manuscripts/7"}, {8080, "PUT", "/v1/comments/7/like"}, {8080, "POST", "/v1/comments/7/like"},
	{8080, "GET", "/healthz/dependencies"}, {8080, "POST", "/healthz/dependencies"}, {9090, "GET", "/metrics"}, {9090, "GET", "/livez"},
	{port: 5432}, {port: 8008}, {port: 8432}, {port: 22},
}

// answered are all requests that get an answer, as "who -> whom".
func answered() map[string][]request {
	get := func(paths ...string) (all []request) {
		for _, path := range paths {
			all = append(all, request{8080, "GET", path})
		}
		return all
	}
	pages := slices.DeleteFunc(slices.Clone(questions), func(r request) bool { return r.port != 8080 || (r.method != "GET" && r.method != "POST") })
	all := map[string][]request{
		"gateway -> frontend":          pages,
		"instance -> instance":         {{port: 5432}, {port: 8008}},
		"repository -> instance":       {{port: 8432}},
		"older repository -> instance": {{port: 8432}},
		"instance -> repository":       {{port: 8432}},
		"instance -> older repository": {{port: 8432}},
		"restore -> repository":        {{port: 8432}},
		"restore -> older repository":  {{port: 8432}},

		"gateway -> frontend of the other": pages,
	}
	calls := map[[2]string][]request{
		{"frontend", "user"}: append(get("/v1/people/7", "/v1/people"),
			request{8080, "POST", "/v1/sessions/exchange"}, request{8080, "PATCH", "/v1/me"}, request{8080, "PUT", "/v1/admin/people/7/lock"}),
		{"frontend", "content"}: append(get("/v1/posts", "/v1/posts/one"), request{8080, "PUT", "/v1/manuscripts/7"}),
		{"frontend", "comment"}: append(get("/v1/posts/7/comments"), request{8080, "PUT", "/v1/comments/7/like"}),
		{"content", "user"}:     get("/v1/keys"),
		{"comment", "user"}:     get("/v1/keys"),
		{"user", "content"}:     {{8080, "DELETE", "/v1/people/7"}},
		{"user", "comment"}:     {{8080, "DELETE", "/v1/people/7"}},
	}
	for pair, requests := range calls {
		for _, of := range []string{"", " of the other"} {
			all[pair[0]+of+" -> "+pair[1]+of] = requests
		}
	}
	for _, service := range []string{"user", "content", "comment"} {
		all["verify -> "+service] = get("/healthz/dependencies")
		all[service+" -> instance"] = []request{{port: 5432}}
		all[service+" migration -> instance"] = []request{{port: 5432}}
	}
	return all
}

// TestTheMeshAnswersNobodyButWhomItShould asks everything of each pod in the namespace under every identity.
func TestTheMeshAnswersNobodyButWhomItShould(t *testing.T) {
	policies := childrenOf[securityv1.AuthorizationPolicy](t, twoPlatforms(t), "AuthorizationPolicy")
	want := answered()
	// A pod that names no account has the identity of an older repository: what
	// keeps it away is the network, and pgBackRest, which asks for a certificate.
	want["nobody -> instance"] = want["older repository -> instance"]
	// The same holds for a restore, which has the identity of an instance,
	want["restore -> instance"] = want["instance -> instance"]
	// and for migrations, whose identities are those of their services.
	for _, pair := range []string{"content -> user", "comment -> user", "user -> content", "user -> comment"} {
		from, to, _ := strings.Cut(pair, " -> ")
		want[from+" migration -> "+to] = want[pair]
	}
	for pair, both := range pairs(func(client, server somebody) bool { return server.namespace == "g11-prod" && client.address == "" }) {
		for _, r := range questions {
			expected := slices.Contains(want[pair], r)
			if got := authorized(policies, both[0], both[1], r); got != expected {
				t.Errorf("%s %s %s %d: answered %v, want %v", pair, r.method, r.path, r.port, got, expected)
			}
		}
	}
}

// authorized decides as the mesh does: as soon as a policy selects a pod, a rule
// of one that does has to allow the request.
func authorized(policies []*securityv1.AuthorizationPolicy, client, server somebody, r request) bool {
	principal, selected := naming.Principal(client.namespace, client.account), false
	for _, policy := range policies {
		if policy.Namespace != server.namespace || !labels.SelectorFromSet(policy.Spec.GetSelector().GetMatchLabels()).Matches(labels.Set(server.labels)) {
			continue
		}
		selected = true
		for _, rule := range policy.Spec.Rules {
			from := len(rule.From) == 0 || slices.ContainsFunc(rule.From, func(f *security.Rule_From) bool { return slices.Contains(f.Source.Principals, principal) })
			to := len(rule.To) == 0 || slices.ContainsFunc(rule.To, func(to *security.Rule_To) bool { return operationAllows(to.Operation, r) })
			if from && to {
				return true
			}
		}
	}
	return !selected
}

// operationAllows knows that a rule that speaks of HTTP allows nothing where none is spoken.
func operationAllows(o *security.Operation, r request) bool {
	method := len(o.Methods) == 0 || slices.Contains(o.Methods, r.method)
	path := len(o.Paths) == 0 || slices.ContainsFunc(o.Paths, func(template string) bool { return pathMatches(template, r.path) })
	port := len(o.Ports) == 0 || slices.Contains(o.Ports, strconv.Itoa(int(r.port)))
	return method && path && port
}

// pathMatches knows the one template in use: {*} is a segment that is not empty.
func pathMatches(template, path string) bool {
	return slices.EqualFunc(strings.Split(template, "/"), strings.Split(path, "/"), func(want, got string) bool {
		return want == got || (want == "{*}" && got != "")
	})
}

// connection is what layers 3 and 4 see of a request.
type connection struct {
	protocol corev1.Protocol
	port     int32
}

// TestTheNetworkConnectsNobodyButWhomItShould tries ports between any two of
// whom one lives in the namespace.
func TestTheNetworkConnectsNobodyButWhomItShould(t *testing.T) {
	var connections []connection
	for _, port := range []int32{22, 53, 443, 5353, 5432, 6443, 6444, 8008, 8080, 8432, 8443, 9090, 15012, 15020, 15021, 15090, 16443} {
		connections = append(connections, connection{corev1.ProtocolTCP, port}, connection{corev1.ProtocolUDP, port})
	}
	policies := childrenOf[networkingv1.NetworkPolicy](t, twoPlatforms(t), "NetworkPolicy")
	edges := answered()
	for pair, both := range pairs(func(client, server somebody) bool {
		return client.namespace == "g11-prod" || server.namespace == "g11-prod"
	}) {
		client, server, _ := strings.Cut(pair, " -> ")
		for _, c := range connections {
			overEdge := c.protocol == corev1.ProtocolTCP && slices.ContainsFunc(edges[pair], func(r request) bool { return r.port == c.port })
			expected := overEdge || neededByAll(both[0], both[1], server, c) || reachesTheAPI(both[0], both[1], c) || (client == "verify" && server == "gateway")
			if got := connected(policies, both[0], both[1], c); got != expected {
				t.Errorf("%s %s %d: connected %v, want %v", pair, c.protocol, c.port, got, expected)
			}
		}
	}
}

// neededByAll is what any pod in a mesh needs, and who looks after it.
func neededByAll(client, server somebody, name string, c connection) bool {
	switch {
	case client.namespace != "g11-prod":
		return server.namespace == "g11-prod" && c.protocol == corev1.ProtocolTCP && slices.Contains([]int32{15020, 15021, 15090}, c.port)
	case strings.HasPrefix(name, "name server") || strings.HasPrefix(name, "cache on the node"):
		return c.port == 53 || c.port == 5353
	}
	return strings.HasPrefix(name, "istiod") && c == connection{corev1.ProtocolTCP, 15012}
}

// reachesTheAPI is true for PostgreSQL's pods, which may therefore go anywhere outside with HTTPS.
func reachesTheAPI(client, server somebody, c connection) bool {
	return client.labels["postgres-operator.crunchydata.com/cluster"] == "blog-db" && server.namespace != "g11-prod" &&
		c.protocol == corev1.ProtocolTCP && slices.Contains([]int32{443, 6443, 6444, 8443, 16443}, c.port)
}

// connected decides as Kubernetes does: both ends have to agree, and an end that
// no policy selects agrees to everything.
func connected(policies []*networkingv1.NetworkPolicy, client, server somebody, c connection) bool {
	leaves, enters := true, true
	for _, policy := range policies {
		leaves = leaves && !governs(policy, client, networkingv1.PolicyTypeEgress)
		enters = enters && !governs(policy, server, networkingv1.PolicyTypeIngress)
	}
	for _, policy := range policies {
		if governs(policy, client, networkingv1.PolicyTypeEgress) {
			leaves = leaves || slices.ContainsFunc(policy.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
				return portsHold(r.Ports, c) && peersHold(r.To, policy.Namespace, server)
			})
		}
		if governs(policy, server, networkingv1.PolicyTypeIngress) {
			enters = enters || slices.ContainsFunc(policy.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool {
				return portsHold(r.Ports, c) && peersHold(r.From, policy.Namespace, client)
			})
		}
	}
	return leaves && enters
}

func governs(policy *networkingv1.NetworkPolicy, pod somebody, direction networkingv1.PolicyType) bool {
	return policy.Namespace == pod.namespace && slices.Contains(policy.Spec.PolicyTypes, direction) && selects(&policy.Spec.PodSelector, pod.labels)
}

func portsHold(ports []networkingv1.NetworkPolicyPort, c connection) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		return *p.Protocol == c.protocol && p.Port.IntVal == c.port
	})
}

func peersHold(peers []networkingv1.NetworkPolicyPeer, namespace string, who somebody) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		switch {
		case p.IPBlock != nil:
			return who.address != "" && netip.MustParsePrefix(p.IPBlock.CIDR).Contains(netip.MustParseAddr(who.address))
		case who.address != "":
			return false
		case p.NamespaceSelector == nil:
			return who.namespace == namespace && selects(p.PodSelector, who.labels)
		}
		home := map[string]string{"kubernetes.io/metadata.name": who.namespace}
		return selects(p.NamespaceSelector, home) && (p.PodSelector == nil || selects(p.PodSelector, who.labels))
	})
}

func selects(selector *metav1.LabelSelector, of map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(of))
}

// TestEveryPodOfTheNamespaceIsInTheStrictMesh has no exception, by label or by port.
func TestEveryPodOfTheNamespaceIsInTheStrictMesh(t *testing.T) {
	for _, policy := range childrenOf[securityv1.PeerAuthentication](t, twoPlatforms(t), "PeerAuthentication") {
		if policy.Namespace != "g11-prod" || policy.Spec.Selector != nil || policy.Spec.PortLevelMtls != nil || policy.Spec.GetMtls().GetMode().String() != "STRICT" {
			t.Errorf("PeerAuthentication %s/%s: %v", policy.Namespace, policy.Name, &policy.Spec)
		}
	}
}

// TestProxiesDialOnlyWhatTheirPodsNeed finds for each pod the one Sidecar that holds.
func TestProxiesDialOnlyWhatTheirPodsNeed(t *testing.T) {
	const (
		services = "./*.g11-prod.svc.cluster.local"
		anything = "./*" // the hosts outside among it
		gateway  = "istio-ingress/istio-ingress.istio-ingress.svc.cluster.local"
		api      = "default/kubernetes.default.svc.cluster.local"
	)
	want := map[string][]string{
		"user": {anything}, "frontend": {services}, "content": {services}, "comment": {services}, "verify": {services, gateway},
		"user migration": {services}, "content migration": {services}, "comment migration": {services},
		"instance": {anything, api}, "repository": {anything, api}, "backup": {anything, api}, "restore": {anything, api},
		// What is not the platform's is left to whoever owns it.
		"stranger": nil,
	}
	sidecars := childrenOf[istionet.Sidecar](t, twoPlatforms(t), "Sidecar")
	for name, hosts := range want {
		var got []string
		for _, sidecar := range sidecars {
			if labels.SelectorFromSet(sidecar.Spec.GetWorkloadSelector().GetLabels()).Matches(labels.Set(everybody()[name].labels)) {
				if sidecar.Spec.OutboundTrafficPolicy.Mode.String() != "REGISTRY_ONLY" {
					t.Errorf("%s may dial anything", name)
				}
				got = append(got, sidecar.Spec.Egress[0].Hosts...)
			}
		}
		if diff := cmp.Diff(hosts, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestPlatformsInOneNamespaceShareNoChild takes names that children of the first could have, too.
func TestPlatformsInOneNamespaceShareNoChild(t *testing.T) {
	owners := map[string]string{}
	for _, name := range []string{"blog", "other", "blog-db", "blog-deny", "blog-frontend", "blog-proxies", "blog-redirect", "blog-verify"} {
		for _, child := range planOf(t, platformNamed(t, name)).Children {
			u := child.Object
			key := fmt.Sprintf("%s %s/%s", u.GetKind(), u.GetNamespace(), u.GetName())
			if owner, found := owners[key]; found {
				t.Errorf("%s belongs to %s and to %s", key, owner, name)
			}
			owners[key] = name
		}
	}
}

// TestAGatewayNamedLikeAServiceOpensNothingMore keeps apart what only the namespace does.
func TestAGatewayNamedLikeAServiceOpensNothingMore(t *testing.T) {
	in := platformNamed(t, "blog")
	want := planOf(t, in).Children
	in.Platform.Spec.Gateway.Service = "blog-frontend"
	got := planOf(t, in).Children
	for _, kind := range []string{"AuthorizationPolicy", "NetworkPolicy"} {
		if diff := cmp.Diff(childrenOf[map[string]any](t, want, kind), childrenOf[map[string]any](t, got, kind)); diff != "" {
			t.Error(diff)
		}
	}
}

// pairs are any two of everybody, each with itself, too, by "who -> whom".
func pairs(wanted func(client, server somebody) bool) map[string][2]somebody {
	all := map[string][2]somebody{}
	for from, client := range everybody() {
		for to, server := range everybody() {
			if wanted(client, server) {
				all[from+" -> "+to] = [2]somebody{client, server}
			}
		}
	}
	return all
}

// twoPlatforms are the children of g11-prod/blog and of its neighbour.
func twoPlatforms(t *testing.T) []Child {
	t.Helper()
	return append(planOf(t, platformNamed(t, "blog")).Children, planOf(t, platformNamed(t, "other")).Children...)
}

func platformNamed(t *testing.T, name string) Input {
	t.Helper()
	in := stories(t)["production"]
	in.Platform.Namespace, in.Platform.Name = "g11-prod", name
	return in
}

// childrenOf are the children of a kind, as their peer reads them.
func childrenOf[T any](t *testing.T, children []Child, kind string) []*T {
	t.Helper()
	var found []*T
	for _, child := range children {
		if child.Object.GetKind() != kind {
			continue
		}
		raw, err := json.Marshal(child.Object.Object)
		if err != nil {
			t.Fatal(err)
		}
		typed := new(T)
		if err := json.Unmarshal(raw, typed); err != nil {
			t.Fatal(err)
		}
		found = append(found, typed)
	}
	if len(found) == 0 {
		t.Fatalf("the plan has no %s", kind)
	}
	return found
}
