package cel

import (
	"context"
	"errors"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

// server is a client of the real API server, for a user that may do everything.
var server client.Client

// serverConfig is how that user reaches it.
var serverConfig *rest.Config

func TestMain(m *testing.M) {
	controlplane.Main(m, controlplane.Options{WithoutCRDs: true, ControllerManager: true}, func(cp *controlplane.ControlPlane) {
		if err := install(cp); err != nil {
			cp.Stop()
			log.Fatal(err)
		}
	})
}

func install(cp *controlplane.ControlPlane) error {
	var err error
	serverConfig = cp.Config
	if server, err = client.New(cp.Config, client.Options{}); err != nil {
		return err
	}
	server = client.WithFieldValidation(server, metav1.FieldValidationStrict)
	crds, err := controlplane.ReadObjects(filepath.Join(cp.Cache.Root, "config/crd/bases/blogplatform.io_blogplatforms.yaml"))
	if err != nil {
		return err
	}
	if err := controlplane.InstallCRDs(context.Background(), server, crds); err != nil {
		return err
	}
	return installPolicies(context.Background(), cp.Cache.Root)
}

// digest is a valid digest of an image.
const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// platform answers the smallest valid object of an environment ("staging" or
// "production"), changed by a merge patch in YAML (RFC 7386: null removes a
// field, lists are replaced). DIGEST in the patch stands for a valid digest.
func platform(t *testing.T, environment, patch string) *unstructured.Unstructured {
	t.Helper()
	object := parse(t, readFile(t, filepath.Join("testdata", environment+".yaml")))
	merge(object, parse(t, patch))
	return &unstructured.Unstructured{Object: object}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	content, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "DIGEST", digest)))
	if err != nil {
		t.Fatalf("the test's YAML: %v\n%s", err, text)
	}
	object := &unstructured.Unstructured{Object: map[string]any{}}
	if string(content) == "null" {
		return object.Object
	}
	if err := yaml.Unmarshal(content, &object.Object); err != nil {
		t.Fatalf("the test's YAML: %v\n%s", err, text)
	}
	return object.Object
}

// merge applies a merge patch (RFC 7386) in place.
func merge(target, patch map[string]any) {
	for key, value := range patch {
		inner, isMap := value.(map[string]any)
		switch {
		case value == nil:
			delete(target, key)
		case isMap:
			into, ok := target[key].(map[string]any)
			if !ok {
				into = map[string]any{}
				target[key] = into
			}
			merge(into, inner)
		default:
			target[key] = value
		}
	}
}

// expectRefusal fails the test unless the API server refused the object
// because of this field, saying this.
func expectRefusal(t *testing.T, err error, field, says string) {
	t.Helper()
	var status *apierrors.StatusError
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) {
		t.Fatalf("the API server answered %v, want a refusal of %s that says %q", err, field, says)
	}
	for _, cause := range status.ErrStatus.Details.Causes {
		if cause.Field == field && strings.Contains(cause.Message, says) {
			return
		}
	}
	t.Errorf("want a refusal of %s that says %q, got:", field, says)
	for _, cause := range status.ErrStatus.Details.Causes {
		t.Errorf("  %s: %s", cause.Field, cause.Message)
	}
}
