package gitops_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/gitops"
)

// checkout is a copy of what the check reads, to be broken.
type checkout struct {
	*testing.T
	root string
}

func newCheckout(t *testing.T) checkout {
	t.Helper()
	c := checkout{t, t.TempDir()}
	for _, folder := range []string{"config/gitops", "terraform/modules/ingress"} {
		if err := os.CopyFS(filepath.Join(c.root, folder), os.DirFS(filepath.Join("../..", folder))); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// edit replaces text in a file, which must be there.
func (c checkout) edit(file, before, after string) {
	c.Helper()
	path := filepath.Join(c.root, file)
	content, err := os.ReadFile(path)
	if err != nil {
		c.Fatal(err)
	}
	if !strings.Contains(string(content), before) {
		c.Fatalf("%s does not hold %q", file, before)
	}
	c.write(file, strings.ReplaceAll(string(content), before, after))
}

func (c checkout) write(file, text string) {
	c.Helper()
	path := filepath.Join(c.root, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.Fatal(err)
	}
}

func (c checkout) remove(file string) {
	c.Helper()
	if err := os.RemoveAll(filepath.Join(c.root, file)); err != nil {
		c.Fatal(err)
	}
}

const (
	environments = "config/gitops/environments/"
	parts        = "config/gitops/components/"
)

func TestWhatIsCommittedIsAccepted(t *testing.T) {
	if err := gitops.Check(newCheckout(t).root); err != nil {
		t.Error(err)
	}
}

// TestWhatCannotWorkIsRefusedByName before it is merged.
func TestWhatCannotWorkIsRefusedByName(t *testing.T) {
	zeros := strings.Repeat("0", 64)
	for name, test := range map[string]struct {
		spoil func(c checkout)
		want  string
	}{
		"an image of staging by tag": {
			func(c checkout) {
				c.edit(environments+"staging/release.yaml", "blog/user@sha256:"+zeros, "blog/user:v0.1.0")
			},
			`environment staging: spec.release.images.user is "ghcr.io/owner/blog/user:v0.1.0"; name it by digest`,
		},
		"an overlay without a release": {
			func(c checkout) {
				c.edit(environments+"production/kustomization.yaml", "patches:\n- path: release.yaml\n", "")
			},
			`environment production: spec.release.images.frontend is ""; name it by digest`,
		},
		"two environments with one host": {
			func(c checkout) {
				c.edit(environments+"staging/blogplatform.yaml", "staging.blog.example.com", "blog.example.com")
			},
			"environments production and staging: both have blog.example.com in spec.hosts",
		},
		"two environments in one namespace": {
			func(c checkout) {
				c.edit(environments+"staging/blogplatform.yaml", "g11-stg", "g11-prod")
				c.edit(environments+"staging/release.yaml", "g11-stg", "g11-prod")
			},
			"environments production and staging: both have metadata.namespace g11-prod",
		},
		"a field that nobody knows": {
			func(c checkout) {
				c.edit(environments+"staging/blogplatform.yaml", "  deletionPolicy:", "  keep: true\n  deletionPolicy:")
			},
			`environment staging: BlogPlatform blog: error unmarshaling JSON: while decoding JSON: json: unknown field "keep"`,
		},
		"an environment that does not render": {
			func(c checkout) { c.edit(environments+"staging/kustomization.yaml", "release.yaml", "releases.yaml") },
			"render environment staging:",
		},
		"a platform that is missing": {
			func(c checkout) {
				c.write(environments+"test/kustomization.yaml", "resources: [map.yaml]\n")
				c.write(environments+"test/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\n")
			},
			"environment test has no BlogPlatform; add one to its kustomization.yaml",
		},
		"no environments": {func(c checkout) { c.remove(environments) }, "there are no environments in config/gitops/environments"},
		"another NodePort in the cluster": {
			func(c checkout) { c.edit(parts+"istio-ingress.yaml", "nodePort: 30443", "nodePort: 30444") },
			"component istio-ingress: values.service.ports https has nodePort 30444, and node_ports of terraform/modules/ingress/variables.tf sends to 30443",
		},
		"another NodePort of the load balancer": {
			func(c checkout) { c.edit("terraform/modules/ingress/variables.tf", "http = 30080", "http = 30081") },
			"component istio-ingress: values.service.ports http2 has nodePort 30080, and node_ports of terraform/modules/ingress/variables.tf sends to 30081",
		},
		"a gateway without NodePorts": {
			func(c checkout) { c.edit(parts+"istio-ingress.yaml", "  service:", "  services:") },
			"values.service.ports http2 has nodePort 0",
		},
		"no gateway": {func(c checkout) { c.remove(parts + "istio-ingress.yaml") }, "there is no component istio-ingress"},
		"ports that cannot be read": {
			func(c checkout) {
				c.edit("terraform/modules/ingress/variables.tf", "{ http = 30080, https = 30443 }", "local.ports")
			},
			"the default of node_ports was not found",
		},
		"a value that was not generated": {
			func(c checkout) { c.edit(parts+"istiod.yaml", "autoscaleMin: 2", "autoscaleMin: 3") },
			"config/gitops/flux/components/istiod.yaml is not current; run make generate-gitops",
		},
		"a file that was edited by hand": {
			func(c checkout) {
				c.edit("config/gitops/argocd/components/pgo.yaml", "selfHeal: true", "selfHeal: false")
			},
			"config/gitops/argocd/components/pgo.yaml is not current",
		},
		"a file of no component": {
			func(c checkout) { c.write("config/gitops/argocd/components/other.yaml", "") },
			"config/gitops/argocd/components/other.yaml is of no component",
		},
		"a range of versions":  {func(c checkout) { c.edit(parts+"pgo.yaml", "version: 6.0.0", "version: 6.x") }, `component pgo: chart.version is "6.x"; name one version`},
		"a wave too many":      {func(c checkout) { c.edit(parts+"pgo.yaml", "wave: 1", "wave: 5") }, "component pgo: wave is 5; write one from 0 to 4"},
		"no namespace":         {func(c checkout) { c.edit(parts+"pgo.yaml", "namespace: postgres-operator\n", "") }, "component pgo: namespace is empty"},
		"an insecure address":  {func(c checkout) { c.edit(parts+"grafana.yaml", "https://grafana.github", "http://grafana.github") }, "component grafana: chart.repository is"},
		"an unknown field":     {func(c checkout) { c.edit(parts+"pgo.yaml", "wave: 1", "wave: 1\nwaves: 2") }, `component pgo: error unmarshaling JSON: while decoding JSON: json: unknown field "waves"`},
		"an owner of nothing":  {func(c checkout) { c.edit(parts+"istio-base.yaml", ", manager: pilot-discovery", "") }, "component istio-base: ignoreDifferences[0] ignores whole objects"},
		"no components at all": {func(c checkout) { c.remove(parts) }, "there are no components in config/gitops/components"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheckout(t)
			test.spoil(c)
			if err := gitops.Check(c.root); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the answer is %v, want %s", err, test.want)
			}
		})
	}
}

// TestGeneratedFilesFollowTheirComponents, and those of components that are gone go, too.
func TestGeneratedFilesFollowTheirComponents(t *testing.T) {
	c := newCheckout(t)
	c.edit(parts+"istiod.yaml", "autoscaleMin: 2", "autoscaleMin: 3")
	c.remove(parts + "grafana.yaml")
	if err := gitops.Generate(c.root); err != nil {
		t.Fatal(err)
	}
	if err := gitops.Check(c.root); err != nil {
		t.Error(err)
	}
	for _, tool := range []string{"argocd", "flux"} {
		if _, err := os.Stat(filepath.Join(c.root, "config/gitops", tool, "components/grafana.yaml")); !os.IsNotExist(err) {
			t.Errorf("the file of %s for a component that is gone: %v", tool, err)
		}
	}
}

// TestAComponentWaitsForTheWaveBeforeIt, though a wave has no components.
func TestAComponentWaitsForTheWaveBeforeIt(t *testing.T) {
	chart := gitops.Chart{Repository: "oci://registry.example.com/charts", Name: "c", Version: "1.2.3"}
	files, err := gitops.Files([]gitops.Component{
		{Name: "a", Wave: 0, Namespace: "n", Chart: chart}, {Name: "b", Wave: 0, Namespace: "n", Chart: chart},
		{Name: "c", Wave: 2, Namespace: "n", Chart: chart, IgnoreDifferences: []gitops.Ignored{{Group: "apps", Kind: "Deployment", Name: "d", Fields: []string{"/spec/replicas"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"flux/components/kustomization.yaml":   "- a.yaml\n- b.yaml\n- c.yaml\n",
		"argocd/components/kustomization.yaml": "- a.yaml\n- b.yaml\n- c.yaml\n",
		"flux/components/c.yaml":               "  dependsOn:\n  - name: a\n  - name: b\n  driftDetection:\n    ignore:\n    - paths:\n      - /spec/replicas\n      target:\n        group: apps\n        kind: Deployment\n        name: d\n    mode: enabled\n",
		"argocd/components/c.yaml":             "    repoURL: registry.example.com/charts\n",
	}
	for path, part := range want {
		if !strings.Contains(files[path], part) {
			t.Errorf("%s lacks\n%s", path, cmp.Diff(part, files[path]))
		}
	}
	if strings.Contains(files["flux/components/a.yaml"], "dependsOn") || !strings.Contains(files["flux/components/a.yaml"], "type: oci") {
		t.Errorf("the first wave is %s", files["flux/components/a.yaml"])
	}
}
