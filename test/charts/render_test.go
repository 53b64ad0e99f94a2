package charts

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/test/helm"
)

var update = flag.Bool("update", false, "write the goldens")

const (
	root = "../.."
	// digest is what the operator's chart cannot do without.
	digest = `image: {digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}` + "\n"
)

// operator is how people install the operator.
var operator = helm.Named{Name: "blogplatform-operator", Namespace: "blogplatform-system"}

func folder(chart string) string { return filepath.Join(root, "charts", chart) }

func values(t *testing.T, texts ...string) helm.Values {
	t.Helper()
	parsed, err := helm.Parse(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// loaded are the charts by name. Helm reports each link in a folder that it loads,
// and once is enough.
var loaded = map[string]*chart.Chart{}

func load(t *testing.T, name string) *chart.Chart {
	t.Helper()
	if loaded[name] == nil {
		read, err := helm.Load(folder(name))
		if err != nil {
			t.Fatal(err)
		}
		loaded[name] = read
	}
	return loaded[name]
}

// render renders a chart with values in YAML.
func render(t *testing.T, chart string, as helm.Named, texts ...string) helm.Rendered {
	t.Helper()
	rendered, err := helm.Render(load(t, chart), as, values(t, texts...))
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

// platform are the values of a BlogPlatform that is like a sample in config/samples.
func platform(t *testing.T, environment string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config/samples/blogplatform_"+environment+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var sample struct {
		Spec map[string]any `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &sample); err != nil {
		t.Fatal(err)
	}
	text, err = yaml.Marshal(sample)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// golden compares objects with a file in testdata, which -update writes.
func golden(t *testing.T, name string, objects []*unstructured.Unstructured) {
	t.Helper()
	var text bytes.Buffer
	for _, object := range objects {
		one, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString("---\n" + string(one))
	}
	file := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("%s (-want +got); if it is meant, go test ./test/charts -update:\n%s", file, diff)
	}
}

// but answers the objects that are of no such kind. What config/ holds too is
// compared with it, and would only fill the goldens.
func but(objects []*unstructured.Unstructured, kinds ...string) []*unstructured.Unstructured {
	var rest []*unstructured.Unstructured
	for _, object := range objects {
		if !slices.Contains(kinds, object.GetKind()) {
			rest = append(rest, object)
		}
	}
	return rest
}

// everything sets each value of the operator's chart to something else than its default.
const everything = `
image: {registry: "mirror.example.com:5000", repository: blog/operator, digest: "sha256:abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"}
imagePullSecrets: [{name: mirror}]
replicas: 3
watchNamespaces: [g11-stg, g11-prod]
gatewayNamespaces: [istio-ingress, g11-prod]
meshDataPlane: absent
identityProviderNetworks: [10.20.0.0/16, "fd00::/8"]
maxConcurrentReconciles: 4
log: {level: debug, format: text}
env: [{name: HTTPS_PROXY, value: "http://proxy.example.com:3128"}]
resources: {limits: {memory: 1Gi}}
priorityClassName: ""
nodeSelector: {kubernetes.io/arch: arm64}
tolerations: [{key: dedicated, operator: Exists}]
networkPolicy: {egressPorts: [3128], monitoringNamespace: observability}
metrics: {enabled: true, port: 9090}
monitoring: {enabled: true, labels: {release: prometheus}}
`

func TestTheOperatorIsRenderedByItsValues(t *testing.T) {
	for name, text := range map[string]string{
		"operator": digest, "operator-everything": everything,
		"operator-bare": digest + "podDisruptionBudget: {enabled: false}\nnetworkPolicy: {enabled: false}\nmetrics: {enabled: false}\n",
	} {
		t.Run(name, func(t *testing.T) {
			rendered := render(t, "blogplatform-operator", operator, text)
			golden(t, name, but(rendered.Objects, "CustomResourceDefinition", "ClusterRole", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ServiceMonitor", "PodMonitor", "PrometheusRule", "ConfigMap"))
		})
	}
}

func TestAPlatformIsRenderedByItsValues(t *testing.T) {
	for _, environment := range []string{"staging", "production"} {
		rendered := render(t, "blogplatform", helm.Named{Name: "blog", Namespace: "g11"}, platform(t, environment))
		golden(t, "platform-"+environment, rendered.Objects)
		if environment == "staging" {
			golden(t, "platform-test", rendered.Hooks)
		}
	}
}

func TestPeopleAreToldWhatToDoNext(t *testing.T) {
	for want, notes := range map[string]string{
		"looks after BlogPlatforms in all namespaces.":                render(t, "blogplatform-operator", operator, digest).Notes,
		"looks after BlogPlatforms in g11-stg, g11-prod.":             render(t, "blogplatform-operator", operator, digest, "watchNamespaces: [g11-stg, g11-prod]").Notes,
		"BlogPlatform g11/blog asks for release v0.1.0.":              render(t, "blogplatform", helm.Named{Name: "blog", Namespace: "g11"}, platform(t, "staging")).Notes,
		"kubectl rollout status -n blogplatform-system deployment/bl": render(t, "blogplatform-operator", operator, digest).Notes,
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not say %q:\n%s", want, notes)
		}
	}
}

func TestHelmFindsNothingToComplainOf(t *testing.T) {
	for chart, text := range map[string]string{"blogplatform-operator": everything, "blogplatform": platform(t, "production")} {
		if err := helm.Lint(folder(chart), values(t, text)); err != nil {
			t.Error(err)
		}
	}
}
