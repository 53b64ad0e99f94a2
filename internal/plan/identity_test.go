package plan

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	istio "istio.io/api/networking/v1"
	istionet "istio.io/client-go/pkg/apis/networking/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// operationsIn are those of a document that servers and clients are made of.
func operationsIn(t *testing.T, file string) map[operation]bool {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Paths map[string]map[string]any }
	if err := yaml.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	operations := map[operation]bool{}
	for path, item := range document.Paths {
		for method := range item {
			if method = strings.ToUpper(method); slices.Contains(methods, method) {
				operations[operation{method, parameter.ReplaceAllString(path, "{*}")}] = true
			}
		}
	}
	return operations
}

// TestTheMeshKnowsEveryOperationOfTheServices, of the last release as well: it runs on
// under a new operator, and is what a release may go back to.
func TestTheMeshKnowsEveryOperationOfTheServices(t *testing.T) {
	for _, service := range naming.DataServices {
		folder := "../../services/" + string(service)
		want := operationsIn(t, folder+"/openapi.yaml")
		maps.Copy(want, operationsIn(t, folder+"/openapi.released.yaml"))
		got := map[operation]bool{}
		for _, o := range frontendOperations[service] {
			got[o] = true
		}
		if service == naming.User {
			got[fetchKeys] = true
		} else {
			got[erase] = true
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(operation{})); diff != "" {
			t.Errorf("%s (-documents +mesh): %s", service, diff)
		}
	}
}

// withIdentity is production with a provider.
func withIdentity(t *testing.T, issuer, scim string) Input {
	t.Helper()
	in := platformNamed(t, "blog")
	in.Platform.Spec.Identity = &v1alpha1.Identity{Issuer: issuer, ClientID: "blog"}
	in.Platform.Spec.Secrets.OIDC = &v1alpha1.OIDCSecret{Sealed: &v1alpha1.SealedOIDC{ClientSecret: "AgByOIDC"}}
	if scim != "" {
		in.Platform.Spec.Identity.SCIM = &v1alpha1.SCIM{BaseURL: scim, ClientID: "scim"}
		in.Platform.Spec.Secrets.SCIM = &v1alpha1.SCIMSecret{Sealed: &v1alpha1.SealedSCIM{ClientSecret: "AgBySCIM"}}
	}
	return in
}

func TestOnlyTheUserServiceLeavesForTheProvider(t *testing.T) {
	children := planOf(t, withIdentity(t, "https://login.example.com/t/acme/oauth2/token", "https://scim.example.com:9443/scim2")).Children
	entry := childrenOf[istionet.ServiceEntry](t, children, "ServiceEntry")[0]
	if diff := cmp.Diff([]string{"login.example.com", "scim.example.com"}, entry.Spec.Hosts); diff != "" {
		t.Error(diff)
	}
	var ports []uint32
	for _, port := range entry.Spec.Ports {
		ports = append(ports, port.Number)
	}
	if diff := cmp.Diff([]uint32{443, 9443}, ports); diff != "" || entry.Spec.Location != istio.ServiceEntry_MESH_EXTERNAL || !slices.Equal(entry.Spec.ExportTo, []string{"."}) {
		t.Errorf("%v %s", &entry.Spec, diff)
	}
	if diff := cmp.Diff([]string{"blog-user", "blog-db"}, scopesWith(t, children, "./*")); diff != "" {
		t.Errorf("the proxies that know the hosts outside: %s", diff)
	}
	policies := childrenOf[networkingv1.NetworkPolicy](t, children, "NetworkPolicy")
	for name, who := range everybody() {
		for _, port := range []int32{443, 9443, 8443, 80} {
			wanted := name == "user" && (port == 443 || port == 9443) || reachesTheAPI(who, everybody()["internet"], connection{corev1.ProtocolTCP, port})
			if who.namespace == "g11-prod" && !strings.HasSuffix(name, " of the other") && connected(policies, who, everybody()["internet"], connection{corev1.ProtocolTCP, port}) != wanted {
				t.Errorf("%s leaves by port %d: %v, want %v", name, port, !wanted, wanted)
			}
		}
	}
}

// A pod dials the address that cluster DNS gives for such a name: the gateway's.
func TestAProviderBehindOurOwnGatewayIsReachedThere(t *testing.T) {
	for _, issuer := range []string{"https://id.blog.localhost:8443/t/blog/oauth2/token", "https://blog.example.com/id"} {
		in := withIdentity(t, issuer, "")
		children := planOf(t, in).Children
		if slices.ContainsFunc(children, func(c Child) bool { return c.Object.GetKind() == "ServiceEntry" }) {
			t.Errorf("%s: there is a ServiceEntry for what our gateway serves", issuer)
		}
		who := everybody()
		if !connected(childrenOf[networkingv1.NetworkPolicy](t, children, "NetworkPolicy"), who["user"], who["gateway"], connection{corev1.ProtocolTCP, 8443}) {
			t.Errorf("%s: the network keeps the user service from the gateway", issuer)
		}
		if diff := cmp.Diff([]string{"blog-verify", "blog-user"}, scopesWith(t, children, "istio-ingress/istio-ingress.istio-ingress.svc.cluster.local")); diff != "" {
			t.Errorf("%s: the proxies that know the gateway: %s", issuer, diff)
		}
	}
}

// scopesWith are the Sidecars whose proxies know of a host.
func scopesWith(t *testing.T, children []Child, host string) []string {
	t.Helper()
	var names []string
	for _, sidecar := range childrenOf[istionet.Sidecar](t, children, "Sidecar") {
		if slices.Contains(sidecar.Spec.Egress[0].Hosts, host) {
			names = append(names, sidecar.Name)
		}
	}
	return names
}

func TestNobodySignsInWithoutAProviderAndNothingElseChanges(t *testing.T) {
	without := planOf(t, platformNamed(t, "blog")).Children
	with := planOf(t, withIdentity(t, "https://login.example.com/t/acme/oauth2/token", "")).Children
	changed := map[string]bool{}
	objects := map[string]any{}
	for _, child := range without {
		objects[child.Object.GetKind()+" "+child.Object.GetName()] = child.Object.Object
	}
	for _, child := range with {
		key := child.Object.GetKind() + " " + child.Object.GetName()
		// The set of templates and what is named after it are others.
		if !cmp.Equal(objects[key], child.Object.Object) && !slices.Contains([]string{"ControllerRevision", "Job"}, child.Object.GetKind()) {
			changed[key] = true
		}
	}
	want := []string{"NetworkPolicy blog-identity", "Rollout blog-comment", "Rollout blog-content", "Rollout blog-frontend", "Rollout blog-user", "SealedSecret blog-oidc", "ServiceEntry blog-identity"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(changed))); diff != "" {
		t.Error(diff)
	}
}

func TestTheFrontendOffersToSignInWhereThereIsAProvider(t *testing.T) {
	const issuer = "https://login.example.com/t/acme/oauth2/token"
	for want, in := range map[string]Input{"": platformNamed(t, "blog"), issuer: withIdentity(t, issuer, "")} {
		templates := templatesOf(t, in)
		for service, want := range map[naming.Service]string{naming.Frontend: want, naming.User: want, naming.Content: "", naming.Comment: ""} {
			got := ""
			for _, variable := range templates[service].Spec.Containers[0].Env {
				if variable.Name == "OIDC_ISSUER" {
					got = variable.Value
				}
			}
			if got != want {
				t.Errorf("%s hears of the provider %q instead of %q", service, got, want)
			}
		}
		for _, variable := range templates[naming.Frontend].Spec.Containers[0].Env {
			if strings.HasPrefix(variable.Name, "OIDC_CLIENT") {
				t.Errorf("the frontend is told %s", variable.Name)
			}
		}
	}
}

func TestAnotherClientSecretIsAnotherUserService(t *testing.T) {
	in := withIdentity(t, "https://login.example.com/t/acme/oauth2/token", "https://login.example.com/scim2")
	before := templatesOf(t, in)
	in.Platform.Spec.Secrets.SCIM.Sealed.ClientSecret = "AgByNext"
	after := templatesOf(t, in)
	for _, service := range naming.Services {
		if changed := !cmp.Equal(before[service], after[service]); changed != (service == naming.User) {
			t.Errorf("the pods of %s are replaced: %v", service, changed)
		}
	}
}

// TestMigrationsSeeNoClientSecret: whoever migrates has the identity of the service, not its secrets.
func TestMigrationsSeeNoClientSecret(t *testing.T) {
	for _, child := range planOf(t, withIdentity(t, "https://login.example.com/t/acme/oauth2/token", "")).Children {
		if child.Stage != StageMigrations || child.Object.GetKind() != "Job" {
			continue
		}
		raw, err := yaml.Marshal(child.Object.Object)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "oidc") {
			t.Errorf("%s mounts the client secret", child.Object.GetName())
		}
	}
}

func templatesOf(t *testing.T, in Input) map[naming.Service]corev1.PodTemplateSpec {
	t.Helper()
	set, err := SetOf(in.Platform, in.Release)
	if err != nil {
		t.Fatal(err)
	}
	return set.Templates
}
