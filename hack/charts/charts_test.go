package charts_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	containers "github.com/google/go-containerregistry/pkg/registry"
	"helm.sh/helm/v4/pkg/registry"

	"blogplatform.io/operator/hack/charts"
	"blogplatform.io/operator/test/helm"
)

const root = "../.."

// release is one of a registry that is not that of the checkout.
var release = charts.Release{Version: "v1.2.3", Image: "ghcr.io/owner/blog/operator@sha256:" + strings.Repeat("1", 64)}

func packed(t *testing.T) []string {
	t.Helper()
	archives, err := charts.Package(root, release, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return archives
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestAReleasedOperatorNeedsNoValues: its chart names its image by digest, and
// what it renders has its version.
func TestAReleasedOperatorNeedsNoValues(t *testing.T) {
	chart, err := helm.Load(packed(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	if m := chart.Metadata; m.Name != charts.Operator || m.Version != "1.2.3" || m.AppVersion != "v1.2.3" {
		t.Errorf("the chart is %s %s of %s", m.Name, m.Version, m.AppVersion)
	}
	rendered, err := helm.Render(chart, helm.Named{Name: "operator", Namespace: "blogplatform-system"}, helm.Values{})
	if err != nil {
		t.Fatal(err)
	}
	crd := false
	for _, object := range rendered.Objects {
		crd = crd || object.GetKind() == "CustomResourceDefinition"
		if text, _ := json.Marshal(object); object.GetKind() == "Deployment" && !strings.Contains(string(text), `"image":"`+release.Image+`"`) {
			t.Errorf("the operator is %s", text)
		}
	}
	if !crd {
		t.Error("the archive lacks what is linked from config/")
	}
}

// TestAMirrorOfTheImagesNeedsTheRegistryOnly: the digest stays that of the release.
func TestAMirrorOfTheImagesNeedsTheRegistryOnly(t *testing.T) {
	chart, err := helm.Load(packed(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := helm.Render(chart, helm.Named{Name: "operator", Namespace: "ns"}, helm.Values{"image": helm.Values{"registry": "mirror.example.com:5000"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range rendered.Objects {
		want := "mirror.example.com:5000/owner/blog/operator@sha256:" + strings.Repeat("1", 64)
		if text, _ := json.Marshal(object); object.GetKind() == "Deployment" && !strings.Contains(string(text), want) {
			t.Errorf("the operator is %s, want %s", text, want)
		}
	}
}

func TestEqualSourcesGiveEqualArchives(t *testing.T) {
	first, second := packed(t), packed(t)
	if len(first) != len(charts.Names) {
		t.Fatalf("archives are %q", first)
	}
	for i := range first {
		if !bytes.Equal(content(t, first[i]), content(t, second[i])) {
			t.Errorf("%s differs from one run to the next", filepath.Base(first[i]))
		}
	}
}

func TestAChartIsPulledAsItWasPushed(t *testing.T) {
	server := httptest.NewServer(containers.New(containers.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	t.Setenv("HOME", t.TempDir()) // whoever runs the test may have logged in somewhere
	where := strings.TrimPrefix(server.URL, "http://") + "/owner/blog"
	client, err := registry.NewClient(registry.ClientOptPlainHTTP())
	if err != nil {
		t.Fatal(err)
	}
	for i, archive := range packed(t) {
		reference, err := charts.Push(archive, where, true)
		if err != nil {
			t.Fatal(err)
		}
		again, err := charts.Push(archive, where, true)
		if err != nil || again != reference {
			t.Errorf("pushed again it is %s, %v; it was %s", again, err, reference)
		}
		pulled, err := client.Pull(where + "/charts/" + charts.Names[i] + ":1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(pulled.Chart.Data, content(t, archive)) || !strings.HasSuffix(reference, "@"+pulled.Manifest.Digest) {
			t.Errorf("%s was pulled as %s with %d bytes", reference, pulled.Manifest.Digest, len(pulled.Chart.Data))
		}
	}
}

func TestARegistryThatDoesNotAnswerIsNamed(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	where := strings.TrimPrefix(server.URL, "http://")
	if _, err := charts.Push(packed(t)[1], where, true); err == nil || !strings.Contains(err.Error(), "push blogplatform-1.2.3.tgz to "+where+"/charts/blogplatform; make login logs in") {
		t.Errorf("the answer is %v", err)
	}
}

func TestWhatIsNoReleaseIsRefused(t *testing.T) {
	for want, r := range map[string]charts.Release{
		"write it as v1.2.3":     {Version: "dev", Image: release.Image},
		"is not named by digest": {Version: "v1.2.3", Image: "ghcr.io/owner/blog/operator:v1.2.3"},
	} {
		if _, err := charts.Package(root, r, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: the answer is %v", r, err)
		}
	}
	for _, archive := range []string{"blogplatform-1.2.3.zip", "other-1.2.3.tgz", "blogplatform-latest.tgz"} {
		if _, err := charts.Push(archive, "registry.example.com", false); err == nil || !strings.Contains(err.Error(), archive+" is no archive of a chart of this project") {
			t.Errorf("%s: the answer is %v", archive, err)
		}
	}
}

// TestValuesThatMovedAreNotMissed: an archive without the digest would only be refused by whoever installs it.
func TestValuesThatMovedAreNotMissed(t *testing.T) {
	checkout := t.TempDir()
	chart := filepath.Join(checkout, "charts", charts.Operator)
	if err := os.MkdirAll(chart, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"Chart.yaml": "apiVersion: v2\nname: " + charts.Operator + "\nversion: 0.0.0\n", "values.yaml": "image:\n  registry: blogplatform.local\n  repository: operator\n"} {
		if err := os.WriteFile(filepath.Join(chart, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := charts.Package(checkout, release, t.TempDir()); err == nil || !strings.Contains(err.Error(), `values.yaml has the line "digest: \"\"" 0 times`) {
		t.Errorf("the answer is %v", err)
	}
}
