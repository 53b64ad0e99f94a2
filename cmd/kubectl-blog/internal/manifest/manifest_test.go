package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sample(t *testing.T, environment string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../../config/samples/blogplatform_" + environment + ".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAFileMayHoldSeveralPlatformsAndOtherKinds(t *testing.T) {
	text := sample(t, "staging") + "---\n{apiVersion: v1, kind: Namespace, metadata: {name: g11-prod}}\n---\n" +
		strings.Replace(sample(t, "production"), "  namespace: g11-prod\n", "", 1)
	platforms, err := Read(t.Context(), "-", strings.NewReader(text), "elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	if len(platforms) != 2 || platforms[0].Key() != "g11-stg/blog" || platforms[1].Key() != "elsewhere/blog" || *platforms[1].Spec.Database.Replicas != 2 {
		t.Errorf("%d platforms: %+v", len(platforms), platforms)
	}
}

func TestWhatTheAPIServerWouldRefuseIsRefused(t *testing.T) {
	good := sample(t, "production")
	for says, edit := range map[string][2]string{
		"spec.replicas: unknown field":                           {"spec:\n", "spec:\n  replicas: 3\n"},
		"spec.hosts: Required value":                             {"  hosts:\n  - prod.blog.localhost\n", ""},
		"release.images.user must name a digest":                 {"blogplatform.local/user@sha256:" + strings.Repeat("0", 64), "blogplatform.local/user:v1"},
		"spec.database.replicas in body must be of type integer": {"    replicas: 2\n    resources", "    replicas: two\n    resources"},
		"apiVersion blogplatform.io/v1 is not known":             {"blogplatform.io/v1alpha1", "blogplatform.io/v1"},
		"metadata.name must be at most 30 lower-case":            {"  name: blog\n", "  name: Blog\n"},
		"holds no BlogPlatform":                                  {"kind: BlogPlatform", "kind: Blog"},
		"read document 1 of -":                                   {"spec:\n", "spec: [\n"},
		"rollout.steps must not lower the weight: write":         {"- weight: 50", "- weight: 10"},
	} {
		text := strings.Replace(good, edit[0], edit[1], 1)
		if text == good {
			t.Fatalf("%s: nothing was edited", says)
		}
		if _, err := Read(t.Context(), "-", strings.NewReader(text), "g11"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the error is %v, want one that says %q", err, says)
		}
	}
	unsealed := strings.Replace(good, "key: Ag", "key: a plain text secret Ag", 1)
	if _, err := Read(t.Context(), "-", strings.NewReader(unsealed), "g11"); err == nil || strings.Contains(err.Error(), "plain text secret") {
		t.Errorf("a secret that was not sealed is accepted, or shown: %v", err)
	}
	if _, err := Read(t.Context(), "testdata/nothing.yaml", nil, "g11"); err == nil {
		t.Error("a file that is not there was read")
	}
}
