package status

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/golden"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// story is what a testdata/*.in.yaml holds.
type story struct {
	Mark     string           `json:"mark"`
	Platform map[string]any   `json:"platform"`
	Children []map[string]any `json:"children"`
	Pods     []corev1.Pod     `json:"pods"`
	Unread   []string         `json:"unread"`
}

func readStory(t *testing.T, file string) (*Seen, string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s story
	if err := yaml.UnmarshalStrict(content, &s); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	p, err := platform.From(whole(t, s.Platform))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	seen := &Seen{Platform: p, Pods: s.Pods, Children: map[string][]*unstructured.Unstructured{}, Unread: map[string]error{}}
	for _, child := range s.Children {
		u := whole(t, child)
		seen.Children[u.GetKind()] = append(seen.Children[u.GetKind()], u)
	}
	for _, kind := range s.Unread {
		seen.Unread[kind] = apierrors.NewForbidden(schema.GroupResource{Resource: kind}, "", errors.New("not for you"))
	}
	return seen, s.Mark
}

// whole makes numbers what they are in an object of a real API server.
func whole(t *testing.T, object map[string]any) *unstructured.Unstructured {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestEveryStateHasItsScreen(t *testing.T) {
	files, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".in.yaml")
		t.Run(name, func(t *testing.T) {
			seen, mark := readStory(t, file)
			report := Judge(seen, now)
			if report.Mark.String() != mark {
				t.Errorf("the platform is %s, want %s", report.Mark, mark)
			}
			golden.Equal(t, name+".out.txt", Print(report, screen.Style{}))
		})
	}
}

func TestColoursOnlyAddCodes(t *testing.T) {
	seen, _ := readStory(t, "testdata/canary.in.yaml")
	report := Judge(seen, now)
	coloured := Print(report, screen.Style{Colour: true})
	golden.Equal(t, "canary.colour.txt", coloured)
	for _, code := range []string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"} {
		coloured = strings.ReplaceAll(coloured, code, "")
	}
	if plain := Print(report, screen.Style{}); coloured != plain {
		t.Errorf("without its codes the coloured screen is\n%s\nwant\n%s", coloured, plain)
	}
}

func TestProgramsReadTheSameAsPeople(t *testing.T) {
	seen, _ := readStory(t, "testdata/canary.in.yaml")
	raw, err := json.MarshalIndent(Judge(seen, now), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "canary.json", string(raw)+"\n")
}

func TestASoakIsShownWithWhatInterruptedIt(t *testing.T) {
	since := metav1.NewTime(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	for want, record := range map[string]v1alpha1.ReleaseRecord{
		"v2 serves users without a break since 2026-03-04 12:00:00 UTC ": {HealthySince: &since},
		"v2 does not soak interrupted before: spec.suspend is true":      {SoakInterruption: "spec.suspend is true"},
	} {
		p := &v1alpha1.BlogPlatform{}
		p.Status.Release.Current = v1alpha1.ReleaseIdentity{Version: "v2", Digest: "d"}
		record.Version, record.Digest, record.Outcome = "v2", "d", v1alpha1.OutcomeSucceeded
		p.Status.History = []v1alpha1.ReleaseRecord{record}
		if line := (judge{&Seen{Platform: &platform.Platform{BlogPlatform: p}}, since.Time}).soak(); line == nil || line.Text+" "+line.Next != want {
			t.Errorf("%+v, want %q", line, want)
		}
	}
}
