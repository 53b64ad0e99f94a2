package charts

import (
	"strings"
	"testing"

	"blogplatform.io/operator/test/helm"
)

// TestValuesThatCannotWorkAreRefusedByName before anything is sent to a cluster.
func TestValuesThatCannotWorkAreRefusedByName(t *testing.T) {
	staging, production := platform(t, "staging"), platform(t, "production")
	for name, test := range map[string]struct {
		chart, given, values, where, says string
	}{
		"no digest":                     {"blogplatform-operator", "", "replicas: 2", "/image/digest", "does not match pattern"},
		"a tag in place of a digest":    {"blogplatform-operator", digest, "image: {digest: v1.2.3}", "/image/digest", "does not match pattern"},
		"a folder in the registry":      {"blogplatform-operator", digest, "image: {registry: example.com/blog}", "/image/registry", "does not match pattern"},
		"a number as text":              {"blogplatform-operator", digest, `replicas: "2"`, "/replicas", "got string, want integer"},
		"no replica":                    {"blogplatform-operator", digest, "replicas: 0", "/replicas", "minimum: got 0, want 1"},
		"an unknown key":                {"blogplatform-operator", digest, "replicaCount: 2", "", "additional properties 'replicaCount' not allowed"},
		"an unknown key inside":         {"blogplatform-operator", digest, "log: {colour: true}", "/log", "additional properties 'colour' not allowed"},
		"namespaces as text":            {"blogplatform-operator", digest, "watchNamespaces: g11-stg", "/watchNamespaces", "got string, want array"},
		"a namespace twice":             {"blogplatform-operator", digest, "watchNamespaces: [a, a]", "/watchNamespaces", "are equal"},
		"no gateway":                    {"blogplatform-operator", digest, "gatewayNamespaces: []", "/gatewayNamespaces", "minItems: got 0, want 1"},
		"a mesh that is not there":      {"blogplatform-operator", digest, "meshDataPlane: maybe", "/meshDataPlane", "'required', 'absent'"},
		"an address for a network":      {"blogplatform-operator", digest, "identityProviderNetworks: [10.0.0.1]", "/identityProviderNetworks/0", "does not match pattern"},
		"metrics on the port of health": {"blogplatform-operator", digest, "metrics: {enabled: true, port: 8081}", "/metrics/port", "'not' failed"},
		"a monitor of no metrics":       {"blogplatform-operator", digest, "metrics: {enabled: false}\nmonitoring: {enabled: true}", "/metrics/enabled", "value must be true"},

		"no spec":                    {"blogplatform", "", "keepOnUninstall: true", "/spec", "missing properties 'environment', 'hosts', 'release', 'secrets', 'tls'"},
		"no version":                 {"blogplatform", staging, "spec: {release: {version: null}}", "/spec/release", "missing property 'version'"},
		"an unknown field":           {"blogplatform", staging, "spec: {replicas: 2}", "/spec", "additional properties 'replicas' not allowed"},
		"a field of the wrong type":  {"blogplatform", staging, "spec: {hosts: blog.example.com}", "/spec/hosts", "got string, want array"},
		"a number out of range":      {"blogplatform", production, "spec: {database: {replicas: 10}}", "/spec/database/replicas", "maximum: got 10, want 9"},
		"production without digests": {"blogplatform", production, "spec: {release: {images: {user: \"registry.example.com/user:v1\"}}}", "/spec/release/images/user", "does not match pattern '@sha256:[0-9a-f]{64}$'"},
		"keep as text":               {"blogplatform", staging, "keepOnUninstall: \"no\"", "/keepOnUninstall", "got string, want boolean"},
		"a test without an image":    {"blogplatform", staging, "test: {image: kubectl}", "/test/image", "does not match pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := helm.Render(load(t, test.chart), helm.Named{Name: "blog", Namespace: "g11"}, values(t, test.given, test.values))
			if want := "at '" + test.where + "': "; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the answer is %v, want %s%s", err, want, test.says)
			}
		})
	}
}
