package course

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/observed"
)

// born is a claim of a platform that was created in some year, and serves hosts.
func born(name string, year int, serves ...string) observed.Claim {
	created := metav1.NewTime(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
	return observed.Claim{Platform: types.NamespacedName{Namespace: name, Name: "blog"}, Created: created, Hosts: []string{"shop.example.com"}, Serves: serves}
}

func TestWhoServesAHostKeepsIt(t *testing.T) {
	const host = "shop.example.com"
	for name, c := range map[string]struct {
		own   observed.Claim
		other observed.Claim
		says  string
	}{
		"nobody serves it, and it is older":         {born("a", 2024), born("b", 2025), ""},
		"nobody serves it, and it is younger":       {born("a", 2025), born("b", 2024), "belongs to the older BlogPlatform b/blog"},
		"nobody serves it, and both are as old":     {born("b", 2025), born("a", 2025), "belongs to the older BlogPlatform a/blog"},
		"it serves it, and is younger":              {born("a", 2025, host), born("b", 2024), ""},
		"the other one serves it, and is younger":   {born("a", 2024), born("b", 2025, host), "is served by BlogPlatform b/blog, which keeps it"},
		"the other one serves something else":       {born("a", 2024, "a.example.com"), born("b", 2025, "b.example.com"), ""},
		"both serve it, as after a race of two new": {born("a", 2025, host), born("b", 2024, host), "belongs to the older"},
	} {
		t.Run(name, func(t *testing.T) {
			problem := hostConflict(host, c.own, []observed.Claim{c.other})
			switch {
			case c.says == "" && problem != nil:
				t.Errorf("it is refused: %s", problem.Message)
			case c.says != "" && (problem == nil || !strings.Contains(problem.Message, c.says)):
				t.Errorf("%+v does not say %q", problem, c.says)
			}
			if back := hostConflict(host, c.other, []observed.Claim{c.own}); (problem == nil) == (back == nil) {
				t.Errorf("either both or none of them may have it: %v, %v", problem, back)
			}
		})
	}
}

func TestANamespaceClaimsHostsOfItsDomainsOnly(t *testing.T) {
	for _, c := range []struct {
		host, domains string
		want          bool
	}{
		{"example.com", "example.com", true},
		{"blog.example.com", "example.org, Example.com", true},
		{"notexample.com", "example.com", false},
		{"example.com", "blog.example.com", false},
		{"blog.example.com", "", false},
		{"blog.example.com", " , ", false},
	} {
		if got := within(c.host, c.domains); got != c.want {
			t.Errorf("%s within %q: %v", c.host, c.domains, got)
		}
	}
}

// TestAClaimOnOneHostDoesNotTakeAnother, even of a platform that is older.
func TestAClaimOnOneHostDoesNotTakeAnother(t *testing.T) {
	own, other := born("a", 2025), born("b", 2024)
	if problem := hostConflict("blog.example.com", own, []observed.Claim{other}); problem != nil {
		t.Errorf("b claims shop.example.com only: %s", problem.Message)
	}
}

func TestAHostOutsideOfTheNamespacesDomainsIsAProblem(t *testing.T) {
	platform := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "blog"}}
	platform.Spec.Hosts = []string{"shop.example.com"}
	for name, c := range map[string]struct {
		hosts observed.Hosts
		want  string
	}{
		"the namespace is not limited": {observed.Hosts{}, ""},
		"it may use the domain":        {observed.Hosts{Limited: true, Domains: "example.com"}, ""},
		"it may use no domain":         {observed.Hosts{Limited: true}, ReasonHostNotAllowed},
		"somebody serves the host":     {observed.Hosts{Claims: []observed.Claim{born("b", 2025, "shop.example.com")}}, ReasonHostConflict},
		"it serves the host itself":    {observed.Hosts{Serves: []string{"shop.example.com"}, Claims: []observed.Claim{born("b", 2024)}}, ""},
	} {
		got := ""
		if problem := hostProblem(platform, c.hosts); problem != nil {
			got = problem.Reason
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
