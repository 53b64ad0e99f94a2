package command

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/golden"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/internal/plan"
)

// tookPattern is how long a release took, padded to its column.
var tookPattern = regexp.MustCompile(`\b\d+(ms|s) +`)

// written is a platform in a file.
func (w world) written(p *v1alpha1.BlogPlatform) string {
	w.Helper()
	p.APIVersion, p.Kind = "blogplatform.io/v1alpha1", "BlogPlatform"
	p = &v1alpha1.BlogPlatform{TypeMeta: p.TypeMeta, ObjectMeta: p.ObjectMeta, Spec: p.Spec}
	p.ManagedFields = nil
	raw, err := yaml.Marshal(p)
	if err != nil {
		w.Fatal(err)
	}
	file := filepath.Join(w.TempDir(), "platform.yaml")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		w.Fatal(err)
	}
	return file
}

func (w world) json(object *unstructured.Unstructured) []byte {
	w.Helper()
	raw, err := object.MarshalJSON()
	if err != nil {
		w.Fatal(err)
	}
	return raw
}

func TestRenderPrintsThePlanWithoutACluster(t *testing.T) {
	t.Parallel()
	w := world{t, "render"}
	p := w.platform("production", "v1.0.0")
	file := w.written(p)
	var calls counter
	r := w.blogWith(t.Context(), "", calls.wrap, "render", "-f", file)
	w.wants(r, 0)
	if n := calls.n.Load(); n > 0 {
		t.Errorf("render made %d API calls", n)
	}
	rendered, err := controlplane.ParseObjects([]byte(r.out))
	if err != nil {
		t.Fatal(err)
	}
	planned, err := plan.Build(plan.Input{Platform: p, Release: p.Spec.Release})
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, child := range planned.Children {
		want = append(want, string(w.json(child.Object)))
	}
	for _, object := range rendered {
		got = append(got, string(w.json(object)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("children (-plan +rendered):\n%s", diff)
	}
	first, _, _ := strings.Cut(r.out[4:], "---\n")
	golden.Equal(t, "render-first.txt", strings.ReplaceAll(first, p.Spec.Secrets.Cookies.Sealed.Key, "<ciphertext>"))

	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if piped := w.blogWith(t.Context(), string(raw), nil, "render", "-f", "-"); piped.out != r.out {
		t.Errorf("from the standard input it is not the same: %s", piped.err)
	}
	w.wants(w.blog("render"), 1, "filename")
	w.wants(w.blogWith(t.Context(), strings.Replace(string(raw), "hosts:", "host:", 1), nil, "render", "-f", "-"), 1, "spec.host: unknown field", "spec.hosts: Required value")
}

func TestDiffShowsWhatTheOperatorWouldChange(t *testing.T) {
	t.Parallel()
	w := namespaceNamed(t, "different")
	p := w.givenReady("production", "v1.0.0")
	w.wants(w.blog("diff"), 0, "✔ nothing would change")

	// A suspended operator leaves edits alone, and a manifest asks for more.
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Suspend = new(true) })
	w.untilCondition(p, v1alpha1.ConditionSuspended, "True", "Suspended")
	budget := w.object("policy/v1", "PodDisruptionBudget", "blog-user")
	if err := unstructured.SetNestedField(budget.Object, int64(2), "spec", "maxUnavailable"); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Update(t.Context(), budget); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Delete(t.Context(), w.object("v1", "Service", "blog-comment")); err != nil {
		t.Fatal(err)
	}
	version := budget.GetResourceVersion()
	r := w.blog("diff")
	w.wants(r, 1, "1 to create, 1 to change, 0 to delete")
	golden.Equal(t, "diff.txt", scrub(r.out))
	if now := w.object("policy/v1", "PodDisruptionBudget", "blog-user").GetResourceVersion(); now != version {
		t.Error("diff wrote")
	}
}

func TestDiffOfAManifestMasksSecretsAndAsksTheAPIServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.givenReady("production", "v1.0.0")
	old := p.Spec.Secrets.Cookies.Sealed.Key
	other := "Ag" + strings.Repeat("TOPSECRET012345", 26)
	wanted := p.DeepCopy()
	wanted.Spec.Secrets.Cookies.Sealed.Key = other
	wanted.Spec.Services.User.Replicas = new(int32(1))
	file := w.written(wanted)
	r := w.blog("diff", "-f", file)
	w.wants(r, 1, "key: '*** (before)'", "key: '*** (after)'", "-  replicas: 2", "+  replicas: 1", "+++ nothing") // its budget goes
	if strings.Contains(r.out+r.err, "TOPSECRET") || strings.Contains(r.out+r.err, old) {
		t.Error("diff shows ciphertext")
	}

	wanted.Spec.Environment = v1alpha1.Staging
	w.wants(w.blog("diff", "-f", w.written(wanted)), 2, "the API server refuses the manifest", "environment cannot change")
	wanted.Name = "other"
	w.wants(w.blog("diff", "-f", w.written(wanted)), 2, "there is no BlogPlatform", "kubectl blog render")
	w.wants(w.blog("diff", "blog", "--as", "nobody"), 2, "forbidden")
	w.createAll(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reads-everything}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reads-everything}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reads-everything}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: reader}]
`)
	w.until("the rights of reader", func(context.Context) error { // the API server learns of them by a watch
		if r := w.blog("history", "--as", "reader"); r.code == 0 {
			return nil
		}
		return errNotYet
	})
	w.wants(w.blog("diff", "--as", "reader"), 2, "for which you need the right to patch them")
}

func TestHistoryTellsHowReleasesEnded(t *testing.T) {
	t.Parallel()
	w := namespaceNamed(t, "historic")
	p := w.givenReady("staging", "v1.0.0")
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Release = release("v2.0.0") })
	w.untilCondition(p, v1alpha1.ConditionReady, "True", "Verified")
	r := w.blog("history")
	w.wants(r, 0)
	golden.Equal(t, "history.txt", tookPattern.ReplaceAllString(scrub(r.out), "<took>     "))
}
