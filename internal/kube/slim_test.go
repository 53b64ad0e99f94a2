package kube

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

const thing = `
apiVersion: example.com/v1
kind: Thing
metadata:
  name: child
  uid: uid
  resourceVersion: "1"
  labels: {a: b}
  annotations: {a: b}
  finalizers: [example.com/a]
  ownerReferences: [{uid: owner}]
  managedFields: [{manager: blogplatform}]
spec: {list: [{name: a, number: 1}], text: a}
status: {phase: Healthy}
`

func TestADigestCoversAllThatAPersonMayEdit(t *testing.T) {
	before := Digest(parse(t, thing))
	for _, field := range []string{"metadata.resourceVersion", "metadata.managedFields", "status", "status.phase"} {
		u := parse(t, thing)
		unstructured.RemoveNestedField(u.Object, strings.Split(field, ".")...)
		if Digest(u) != before {
			t.Errorf("%s counts", field)
		}
	}
	for _, field := range []string{"metadata.uid", "metadata.labels.a", "metadata.annotations.a", "metadata.finalizers", "metadata.ownerReferences", "spec.list", "spec.text"} {
		u := parse(t, thing)
		unstructured.RemoveNestedField(u.Object, strings.Split(field, ".")...)
		if Digest(u) == before {
			t.Errorf("%s does not count", field)
		}
	}
	u := parse(t, thing)
	Digest(u)
	if diff := cmp.Diff(parse(t, thing).Object, u.Object); diff != "" {
		t.Errorf("the object was modified:\n%s", diff)
	}
}

func TestTheCacheKnowsWhatItDoesNotKeep(t *testing.T) {
	for name, c := range map[string]struct{ text, kept string }{
		"what is written by us alone": {`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, labels: {a: b}, managedFields: [{manager: blogplatform}]}
spec: {podSelector: {}, policyTypes: [Ingress]}
`, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, labels: {a: b}}
`},
		"a Rollout, whose steps are read": {`
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: a}
spec: {replicas: 2, template: {spec: {containers: [{name: a}]}}}
status: {phase: Healthy}
`, `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: a}
spec: {replicas: 2}
status: {phase: Healthy}
`},
		"a kind that is read whole": {thing, strings.Replace(thing, "  managedFields: [{manager: blogplatform}]\n", "", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			whole := parse(t, c.text)
			slim, err := slimChild(whole.DeepCopy())
			if err != nil {
				t.Fatal(err)
			}
			u := slim.(*unstructured.Unstructured)
			if Digest(u) != Digest(whole) {
				t.Error("its digest is another")
			}
			delete(u.Object, fieldDigest)
			if diff := cmp.Diff(parse(t, c.kept).Object, u.Object); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}
