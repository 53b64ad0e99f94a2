package naming

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

// namesOf are the names of all children by what they are.
func namesOf(p Platform) map[string]string {
	names := map[string]string{
		"cookies": p.CookiesSecret(), "oidc": p.OIDCSecret(), "scim": p.SCIMSecret(), "identity": p.Identity(), "database": p.Database(), "mesh of the database": p.DatabaseMesh(),
		"init of the database": p.DatabaseInit(), "certificate of the database": p.DatabaseCertificate(),
		"verify": p.Verify(), "set": p.Set(Hash("x")), "verify job": p.VerifyJob(Hash("x"), 99999), "redirect": p.Redirect(),
		"strict": p.Strict(), "deny": p.Deny(), "proxies": p.Proxies(), "migrations": p.Migrations(),
		"instance of the database": p.DatabaseInstance(), "repository of the database": p.DatabaseRepository(), "api of the database": p.DatabaseAPI(), "restore of the database": p.DatabaseRestore(),
	}
	for _, s := range Services {
		names["workload "+string(s)] = p.Workload(s)
	}
	for _, s := range DataServices {
		names["migration scope "+string(s)] = p.MigrationScope(s)
		names["migration "+string(s)] = p.Migration(s, PhaseExpand, "image", "")
		names["database secret "+string(s)] = p.DatabaseSecret(s)
	}
	return names
}

func TestNamesOfTheLongestPlatformFit(t *testing.T) {
	longest := Of(types.NamespacedName{Namespace: strings.Repeat("s", 63), Name: strings.Repeat("n", 30)})
	for what, name := range namesOf(longest) {
		for _, problem := range validation.IsDNS1123Label(name) {
			t.Errorf("%s: %s: %s", what, name, problem)
		}
	}
	for _, problem := range validation.IsDNS1123Subdomain(longest.Certificate()) {
		t.Errorf("certificate: %s", problem)
	}
	// The Crunchy operator refuses more (PostgresInstanceSetSpec.name).
	if n := len(longest.Database()) + len(DatabaseInstances); n > 46 {
		t.Errorf("cluster and instance set together have %d characters", n)
	}
	for _, host := range []string{longest.Host(Frontend), longest.DatabaseHost(), MeshHost(longest.Namespace, longest.Workload(Frontend))} {
		if problems := validation.IsDNS1123Subdomain(host); len(problems) > 0 {
			t.Errorf("%s: %v", host, problems)
		}
	}
	for _, labels := range []map[string]string{longest.Labels(), longest.UnownedLabels(), longest.Selector(Frontend), longest.MigrationSelector(Content), longest.VerifySelector()} {
		for key, value := range labels {
			if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
				t.Errorf("%s=%s: %v", key, value, problems)
			}
		}
	}
}

func TestAPlatformOwnsWhatItsLabelsSay(t *testing.T) {
	p := Platform{"ns", "blog"}
	for name, labels := range map[string]map[string]string{"controlled": p.Labels(), "without a controller": p.UnownedLabels()} {
		if !p.Owns(labels) {
			t.Errorf("%s: it does not own what has the labels %v", name, labels)
		}
		for key, value := range p.ListLabels() {
			if labels[key] != value {
				t.Errorf("%s: a list by label %s does not find it", name, key)
			}
		}
		for _, other := range []Platform{{"ns", "other"}, {"other", "blog"}} {
			if other.Owns(labels) {
				t.Errorf("%s: %v owns it, too", name, other)
			}
		}
		for key := range labels {
			less := maps.Clone(labels)
			delete(less, key)
			if _, ok := OwnerOf(less); ok {
				t.Errorf("%s: without label %s it has an owner", name, key)
			}
		}
	}
}

func TestNoTwoChildrenShareAName(t *testing.T) {
	seen := map[string]string{}
	for what, name := range namesOf(Platform{"ns", "blog"}) {
		if other, found := seen[name]; found {
			t.Errorf("%s and %s are both %s", what, other, name)
		}
		seen[name] = what
	}
}

func TestPlatformsDoNotMeetInTheNamespaceOfTheGateway(t *testing.T) {
	if a, b := (Platform{"a-b", "c"}).Certificate(), (Platform{"a", "b-c"}).Certificate(); a == b {
		t.Errorf("both are %s", a)
	}
}

func TestNoSelectorFindsThePodsOfAnother(t *testing.T) {
	p := Platform{"ns", "blog"}
	selectors := []map[string]string{p.VerifySelector()}
	for _, s := range Services {
		selectors = append(selectors, p.Selector(s))
	}
	for _, s := range DataServices {
		selectors = append(selectors, p.MigrationSelector(s))
	}
	for i, x := range selectors {
		for _, y := range selectors[:i] {
			if maps.Equal(x, y) {
				t.Errorf("%v stands for two kinds of pods", x)
			}
		}
	}
}

// A name that changes is another object: the old one is pruned, and what it
// holds with it.
func TestNamesNeverChange(t *testing.T) {
	want := map[string]string{
		"cookies": "blog-cookies", "oidc": "blog-oidc", "scim": "blog-scim", "identity": "blog-identity", "database": "blog-db", "mesh of the database": "blog-db-mesh",
		"init of the database": "blog-db-init", "certificate of the database": "blog-db-cluster-cert",
		"verify": "blog-verify", "set": "blog-set-2d711642b7", "verify job": "blog-verify-2d711642b7-99999", "redirect": "blog-redirect",
		"strict": "blog-strict", "deny": "blog-deny", "proxies": "blog-proxies", "migrations": "blog-migrations",
		"instance of the database": "blog-db-instance", "repository of the database": "blog-db-repo", "api of the database": "blog-db-api", "restore of the database": "blog-db-restore",
		"workload frontend": "blog-frontend", "workload user": "blog-user", "workload content": "blog-content", "workload comment": "blog-comment",
		"migration user":          "blog-user-expand-058e83afdc",
		"migration content":       "blog-content-expand-058e83afdc",
		"migration comment":       "blog-comment-expand-058e83afdc",
		"migration scope user":    "blog-user-migration",
		"migration scope content": "blog-content-migration",
		"migration scope comment": "blog-comment-migration",
		"database secret user":    "blog-db-pguser-blog-user",
		"database secret content": "blog-db-pguser-blog-content",
		"database secret comment": "blog-db-pguser-blog-comment",
	}
	if diff := cmp.Diff(want, namesOf(Platform{"ns", "blog"})); diff != "" {
		t.Error(diff)
	}
}

func TestAServiceIsFoundByTheNameOfItsWorkloadAndTheLabelsOfItsMigration(t *testing.T) {
	p := Of(types.NamespacedName{Namespace: "ns", Name: "blog"})
	for _, service := range Services {
		if got := p.ServiceOf(p.Workload(service)); got != service {
			t.Errorf("%s is found as %q", service, got)
		}
		if got := p.ServiceMigratedBy(p.Selector(service)); got != "" {
			t.Errorf("the pods of %s migrate %q", service, got)
		}
	}
	for _, service := range DataServices {
		if got := p.ServiceMigratedBy(p.MigrationSelector(service)); got != service {
			t.Errorf("the migration of %s is found as that of %q", service, got)
		}
	}
	if got := p.ServiceOf("blog-verify"); got != "" {
		t.Errorf("Verify is found as %q", got)
	}
}
