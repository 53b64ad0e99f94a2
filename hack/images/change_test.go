package images

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
)

func reference(name string) string {
	return "registry.example.com:5000/blog/" + name + "@sha256:" + strings.Repeat("1", 64)
}

func references(names ...string) string {
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString(reference(name) + "\n")
	}
	return lines.String()
}

func TestAReleaseReachesStagingByItsDigests(t *testing.T) {
	raw, err := Change(references(Names...), "g11-stg", "blog", "v1.10")
	if err != nil {
		t.Fatal(err)
	}
	var platform v1alpha1.BlogPlatform
	if err := yaml.UnmarshalStrict(raw, &platform); err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.Release{Version: "v1.10", Images: v1alpha1.Images{
		Frontend: reference("frontend"), User: reference("user"), Content: reference("content"), Comment: reference("comment"),
	}}
	if diff := cmp.Diff(want, platform.Spec.Release); diff != "" {
		t.Errorf("release (-want +got):\n%s", diff)
	}
	if platform.Namespace != "g11-stg" || platform.Name != "blog" || platform.Kind != "BlogPlatform" || platform.APIVersion != "blogplatform.io/v1alpha1" {
		t.Errorf("it is for %s %s %s/%s", platform.APIVersion, platform.Kind, platform.Namespace, platform.Name)
	}
}

func TestAChangeLeavesEverythingButTheReleaseAlone(t *testing.T) {
	raw, err := Change(references(Names...), "g11-stg", "blog", "v2")
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := yaml.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	spec, _ := object["spec"].(map[string]any)
	if len(object) != 4 || len(spec) != 1 || spec["release"] == nil {
		t.Errorf("it changes more than the release:\n%s", raw)
	}
}

func TestAReleaseThatIsNotWholeIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ references, namespace, version, want string }{
		"a service is missing":   {references("frontend", "user", "content"), "g11-stg", "v2", "service comment"},
		"an image by tag":        {references("frontend", "user", "content") + "registry.example.com/comment:v2\n", "g11-stg", "v2", "names no digest"},
		"nothing was pushed":     {"", "g11-stg", "v2", "service frontend"},
		"no version":             {references(Names...), "g11-stg", "", "version"},
		"no namespace":           {references(Names...), "", "v2", "namespace"},
		"the operator's instead": {references("operator"), "g11-stg", "v2", "service frontend"},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := Change(test.references, test.namespace, "blog", test.version)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("it is %q, %v", raw, err)
			}
		})
	}
}

func TestTheServicesAreThoseOfTheSamples(t *testing.T) {
	var platform v1alpha1.BlogPlatform
	raw, err := os.ReadFile("../../config/samples/blogplatform_staging.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(raw, &platform); err != nil {
		t.Fatal(err)
	}
	images := platform.Spec.Release.Images
	for i, image := range []string{images.Frontend, images.User, images.Content, images.Comment} {
		if !strings.Contains(image, "/"+Services[i]+":") {
			t.Errorf("image %d of the sample is %s, want one of %s", i, image, Services[i])
		}
	}
}
