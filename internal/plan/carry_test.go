package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/internal/naming"
)

const desiredRoutes = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {namespace: ns, name: blog-user}
spec:
  hosts: [blog-user]
  http:
  - name: primary
    timeout: 10s
    route:
    - {destination: {host: blog-user, subset: stable}, weight: 100}
    - {destination: {host: blog-user, subset: canary}}
`

const desiredSubsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {namespace: ns, name: blog-user}
spec:
  host: blog-user
  subsets:
  - {name: stable}
  - {name: canary}
`

// as is a live object of ours with the given spec.
func as(t *testing.T, desired, resourceVersion, spec string) *unstructured.Unstructured {
	t.Helper()
	u := object(t, desired)
	u.SetLabels(naming.Platform{Namespace: "ns", Name: "blog"}.Labels())
	u.SetResourceVersion(resourceVersion)
	u.Object["spec"] = object(t, spec).Object
	return u
}

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	// Unlike encoding/json this leaves whole numbers whole, as in an object of a real API server.
	if err := json.Unmarshal(raw, &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

// carried is what becomes of a desired object beside the observed ones.
func carried(t *testing.T, desired string, observed ...*unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	b := &builder{
		Input: Input{Observed: observed}, names: naming.Platform{Namespace: "ns", Name: "blog"},
		children: []Child{{Object: object(t, desired)}},
	}
	b.carry()
	return b.children[0].Object
}

const (
	restingSpec = `{hosts: [blog-user], http: [{name: primary, route: [
		{destination: {host: blog-user, subset: stable}, weight: 100}, {destination: {host: blog-user, subset: canary}, weight: 0}]}]}`
	splitSpec = `{hosts: [blog-user], http: [{name: older}, {name: primary, route: [
		{destination: {host: blog-user, subset: stable}, weight: 80}, {destination: {host: blog-user, subset: canary}, weight: 20}]}]}`
	hashedSpec = `{host: blog-user, subsets: [{name: stable, labels: {rollouts-pod-template-hash: aaa}},
		{name: canary, labels: {rollouts-pod-template-hash: bbb}}, {name: older}]}`
)

func TestWithoutALiveObjectThePlanStands(t *testing.T) {
	if diff := cmp.Diff(object(t, desiredRoutes), carried(t, desiredRoutes)); diff != "" {
		t.Error(diff)
	}
}

func TestAnObjectOfSomebodyElseSaysNothing(t *testing.T) {
	stranger := as(t, desiredRoutes, "7", splitSpec)
	stranger.SetLabels(nil)
	if diff := cmp.Diff(object(t, desiredRoutes), carried(t, desiredRoutes, stranger)); diff != "" {
		t.Error(diff)
	}
}

func TestAtRestThePlanDecidesButForWhatRolloutsWrites(t *testing.T) {
	got := carried(t, desiredRoutes, as(t, desiredRoutes, "7", restingSpec))
	want := object(t, desiredRoutes)
	want.SetResourceVersion("7")
	objects(objects(want.Object, "spec", "http")[0], "route")[1]["weight"] = int64(0)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes: %s", diff)
	}

	got = carried(t, desiredSubsets, as(t, desiredRoutes, "7", restingSpec), as(t, desiredSubsets, "8", hashedSpec))
	want = object(t, desiredSubsets)
	want.SetResourceVersion("8")
	for i, hash := range []string{"aaa", "bbb"} {
		objects(want.Object, "spec", "subsets")[i]["labels"] = map[string]any{labelTemplateHash: hash}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subsets: %s", diff)
	}
}

func TestWhileACanaryHasTrafficItsRoutesAreLeftAlone(t *testing.T) {
	got := carried(t, desiredRoutes, as(t, desiredRoutes, "7", splitSpec))
	want := object(t, desiredRoutes)
	want.SetResourceVersion("7")
	want.Object["spec"].(map[string]any)["http"] = object(t, splitSpec).Object["http"]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes: %s", diff)
	}

	got = carried(t, desiredSubsets, as(t, desiredRoutes, "7", splitSpec), as(t, desiredSubsets, "8", hashedSpec))
	want = object(t, desiredSubsets)
	want.SetResourceVersion("8")
	want.Object["spec"].(map[string]any)["subsets"] = object(t, hashedSpec).Object["subsets"]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subsets: %s", diff)
	}
}

func TestTheRolloutOfOneServiceHoldsBackNoOther(t *testing.T) {
	other := as(t, desiredRoutes, "7", splitSpec)
	other.SetName("blog-content")
	got := carried(t, desiredSubsets, other, as(t, desiredSubsets, "8", hashedSpec))
	if subsets := objects(got.Object, "spec", "subsets"); len(subsets) != 2 {
		t.Errorf("got %v", subsets)
	}
}

// TestAnAutoscalerOwnsTheNumberOfPods but does nothing for a workload that has none.
func TestAnAutoscalerOwnsTheNumberOfPods(t *testing.T) {
	cases := map[string]struct {
		service naming.Service
		live    int64
		want    int64
		guarded bool
	}{
		"scaled out":                          {naming.Comment, 7, 7, true},
		"beyond what the spec now allows":     {naming.Comment, 12, 12, true},
		"fewer than the least":                {naming.Comment, 1, 3, true},
		"none, which no autoscaler can mend":  {naming.Comment, 0, 3, true},
		"a fixed number that somebody edited": {naming.Frontend, 9, 4, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := stories(t)["everything"]
			rollout := func(of Plan) *unstructured.Unstructured {
				for _, child := range of.Children {
					if child.Object.GetKind() == "Rollout" && child.Object.GetName() == "blog-"+string(c.service) {
						return child.Object
					}
				}
				t.Fatalf("no Rollout of %s is planned", c.service)
				return nil
			}
			live := rollout(planOf(t, in)).DeepCopy()
			live.SetResourceVersion("42")
			if err := unstructured.SetNestedField(live.Object, c.live, "spec", "replicas"); err != nil {
				t.Fatal(err)
			}
			in.Observed = append(in.Observed, live)
			got := rollout(planOf(t, in))
			if replicas, _, _ := unstructured.NestedInt64(got.Object, "spec", "replicas"); replicas != c.want {
				t.Errorf("%d replicas are planned, want %d", replicas, c.want)
			}
			if guarded := got.GetResourceVersion() == "42"; guarded != c.guarded {
				t.Errorf("the write names resourceVersion %q", got.GetResourceVersion())
			}
		})
	}
}

// TestTheCanaryServiceKeepsThePodsThatArgoRolloutsSelects, and the Service of all pods selects no others.
func TestTheCanaryServiceKeepsThePodsThatArgoRolloutsSelects(t *testing.T) {
	const service = "{apiVersion: v1, kind: Service, metadata: {namespace: ns, name: NAME}}"
	selected := "{selector: {app.kubernetes.io/name: user, rollouts-pod-template-hash: abc}}"
	in := stories(t)["staging"]
	in.Platform.Namespace, in.Platform.Name = "ns", "blog"
	for _, name := range []string{"blog-user", "blog-user-canary"} {
		in.Observed = append(in.Observed, as(t, strings.Replace(service, "NAME", name, 1), "7", selected))
	}
	for _, child := range planOf(t, in).Children {
		if child.Object.GetKind() != "Service" || !strings.HasPrefix(child.Object.GetName(), "blog-user") {
			continue
		}
		hash, _, _ := unstructured.NestedString(child.Object.Object, "spec", "selector", labelTemplateHash)
		want, version := "", ""
		if child.Object.GetName() == "blog-user-canary" {
			want, version = "abc", "7"
		}
		if hash != want || child.Object.GetResourceVersion() != version {
			t.Errorf("%s selects %q at version %q", child.Object.GetName(), hash, child.Object.GetResourceVersion())
		}
	}
}

// TestARolloutOnItsWayKeepsItsSteps: with others Argo Rollouts would begin anew.
func TestARolloutOnItsWayKeepsItsSteps(t *testing.T) {
	const text = `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {namespace: ns, name: blog-user, generation: 4, annotations: {blogplatform.io/set: SET}}
spec: {strategy: {canary: {steps: [{setWeight: 20}]}}}
status: {observedGeneration: "4", stableRS: old, currentPodHash: new}
`
	for name, c := range map[string]struct {
		live []string
		kept bool
	}{
		"on its way":                {nil, true},
		"that was not observed yet": {[]string{"currentPodHash: new", "currentPodHash: old", `"4"`, `"3"`}, true},
		"that stands":               {[]string{"currentPodHash: new", "currentPodHash: old"}, false},
		"of another set":            {[]string{"SET", "other"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			desired := object(t, strings.Replace(text, "setWeight: 20", "setWeight: 50", 1))
			live := object(t, strings.NewReplacer(append(c.live, "", "")...).Replace(text))
			carrySteps(desired, live)
			steps, _, _ := unstructured.NestedSlice(desired.Object, "spec", "strategy", "canary", "steps")
			if got := steps[0].(map[string]any)["setWeight"]; (got == int64(20)) != c.kept {
				t.Errorf("it goes on with weight %v", got)
			}
		})
	}
	desired, live := object(t, text), object(t, strings.Replace(text, "{steps: [{setWeight: 20}]}", "{}", 1))
	if carrySteps(desired, live); cmp.Diff(live.Object, desired.Object) != "" {
		t.Errorf("one that takes no steps gets some: %v", desired.Object)
	}
}
