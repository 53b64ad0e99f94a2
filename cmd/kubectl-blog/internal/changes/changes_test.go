package changes

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/golden"
	"blogplatform.io/operator/internal/apply"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

// kept is a set of a release, with the ciphertext that goes with it.
const kept = `
apiVersion: apps/v1
kind: ControllerRevision
metadata: {namespace: g11, name: blog-set}
data:
  release: {version: v1}
  sealed: {blog-cookies: {key: AgTOPSECRET8}}
`

const sealed = `
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata:
  namespace: g11
  name: blog-cookies
  uid: 1-2
  resourceVersion: "7"
  annotations: {kubectl.kubernetes.io/last-applied-configuration: 'AgTOPSECRET0'}
spec:
  encryptedData: {same: AgTOPSECRET1, changed: AgTOPSECRET2, gone: AgTOPSECRET3}
  template: {data: {note: TOPSECRET4}}
status: {observedGeneration: 1}
`

func TestSecretsAreMaskedAndTheirChangeIsShown(t *testing.T) {
	before, after := parse(t, sealed), parse(t, strings.NewReplacer("AgTOPSECRET2", "AgTOPSECRET5", "gone: AgTOPSECRET3", "new: '***TOPSECRET6'").Replace(sealed))
	core := strings.NewReplacer("bitnami.com/v1alpha1", "v1", "SealedSecret", "Secret", "spec:", "stringData: {a: TOPSECRET7}", "  encryptedData", "data", "  template: {data: {note: TOPSECRET4}}", "").Replace
	var all strings.Builder
	for _, change := range []apply.Change{
		{Action: apply.Configured, Before: before, After: after},
		{Action: apply.Created, After: after},
		{Action: apply.Deleted, Before: before},
		{Action: apply.Created, After: parse(t, core(sealed))},
		{Action: apply.Created, After: parse(t, kept)},
		{Action: apply.Created, After: after, Err: errors.New("the API server is away")},
	} {
		all.WriteString(Text(change))
	}
	if strings.Contains(all.String(), "TOPSECRET") {
		t.Errorf("a value is shown:\n%s", all.String())
	}
	golden.Equal(t, "secrets.txt", all.String())
	if before.Object["status"] == nil || !strings.Contains(Manifest(after), "AgTOPSECRET5") {
		t.Error("the objects themselves were changed")
	}
}

func TestOtherObjectsAreShownAsTheyAre(t *testing.T) {
	route := `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {namespace: g11, name: blog-user, generation: 1}, spec: {hosts: [a, b, c, d, e], http: [{name: primary, weight: 1}]}}`
	golden.Equal(t, "route.txt", Text(apply.Change{Action: apply.Configured, Before: parse(t, route), After: parse(t, strings.Replace(route, "weight: 1", "weight: 2", 1))}))
}
