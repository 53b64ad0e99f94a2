package peers

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

// charts is what Istio's charts come to, shortened.
const charts = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gateways.networking.istio.io}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: istio-ingress-service-account, namespace: istio-ingress}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system}
spec:
  selector: {matchLabels: {app: istiod}}
  template:
    metadata: {labels: {app: istiod}}
    spec: {containers: [{name: discovery, image: "blogplatform.local/pilot:dev"}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: istio-cni-node, namespace: istio-system}
spec:
  selector: {matchLabels: {app: istio-cni-node}}
  template:
    metadata: {labels: {app: istio-cni-node}}
    spec: {containers: [{name: install-cni, image: "blogplatform.local/install-cni:dev"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingress, namespace: istio-ingress}
spec:
  selector: {matchLabels: {app: istio-ingress}}
  template:
    metadata: {labels: {app: istio-ingress}}
    spec: {serviceAccountName: istio-ingress-service-account, containers: [{name: istio-proxy, image: "blogplatform.local/proxyv2:dev"}]}
`

// renders is a program that answers a text, and keeps its arguments and its standard input in the files args and stdin beside it.
func renders(t *testing.T, text string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	script := "#!/bin/sh\ncat >\"$(dirname \"$0\")/stdin\"\necho \"$@\" >\"$(dirname \"$0\")/args\"\ncat <<'END'\n" + text + "END\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

func TestIstioIsRenderedFromTheSameValuesByEitherProgram(t *testing.T) {
	var names, values []string
	for name, args := range map[string]string{"render": "\n", "istioctl": "manifest generate --filename -\n"} {
		program := renders(t, charts)
		c, applied := started(t, Istio, map[string]string{name: program})
		if got, err := os.ReadFile(filepath.Join(filepath.Dir(program), "args")); string(got) != args {
			t.Errorf("%s is called with %q, %v", name, got, err)
		}
		stdin, err := os.ReadFile(filepath.Join(filepath.Dir(program), "stdin"))
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, strings.ReplaceAll(string(stdin), c.State, "STATE"))
		var got []string
		for _, object := range applied {
			got = append(got, object.GetKind()+" "+object.GetName())
		}
		if names == nil {
			names = got
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("objects (-one program +the other):\n%s", diff)
		}
	}
	want := []string{
		"Namespace istio-system", "Namespace istio-ingress", "ServiceAccount istio-ingress", "Deployment istiod", "DaemonSet istio-cni-node", "Deployment istio-ingress",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if values[0] != values[1] || !strings.Contains(values[0], "port: 8443") || !strings.Contains(values[0], "cniBinDir: STATE/cni/bin") {
		t.Errorf("the values are\n%s\nand\n%s", values[0], values[1])
	}
}

func TestIstioAsksForTheImagesOfThisCluster(t *testing.T) {
	program := renders(t, charts)
	started(t, Istio, map[string]string{"render": program})
	stdin, err := os.ReadFile(filepath.Join(filepath.Dir(program), "stdin"))
	if err != nil {
		t.Fatal(err)
	}
	var values struct {
		Spec struct {
			Hub, Tag string
			Values   struct {
				Global struct{ ImagePullPolicy string }
			}
		}
	}
	if err := yaml.Unmarshal(stdin, &values); err != nil {
		t.Fatal(err)
	}
	if values.Spec.Tag != build.Tag || values.Spec.Values.Global.ImagePullPolicy != "Never" {
		t.Errorf("tag is %s, pull policy is %s", values.Spec.Tag, values.Spec.Values.Global.ImagePullPolicy)
	}
	// The charts add these names to the hub.
	want := []string{values.Spec.Hub + "/install-cni", values.Spec.Hub + "/pilot", values.Spec.Hub + "/proxyv2"}
	if diff := cmp.Diff(want, made(Istio)); diff != "" {
		t.Errorf("images (-the charts ask for +made):\n%s", diff)
	}
}

func TestIstioThatCannotBeRenderedSaysWhy(t *testing.T) {
	program := filepath.Join(t.TempDir(), "render")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho 'unknown field hub' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c, _ := started(t, CoreDNS, nil) // a cluster to start in
	built, err := component.Component{Programs: func(component.Built) map[string]string { return map[string]string{"render": program} }}.Build(t.Context(), c.Cache)
	if err != nil {
		t.Fatal(err)
	}
	if err := Istio.Start(t.Context(), c, built); err == nil || !strings.Contains(err.Error(), "unknown field hub") {
		t.Errorf("the error is %v", err)
	}
}

func TestDefinitionsAreLeftOut(t *testing.T) {
	objects, err := controlplane.ParseObjects([]byte(charts))
	if err != nil {
		t.Fatal(err)
	}
	kept := withoutCRDs(objects)
	if len(kept) != len(objects)-1 || !slices.Equal(kept, objects[1:]) {
		t.Errorf("%d of %d objects are kept", len(kept), len(objects))
	}
}
