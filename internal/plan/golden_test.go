package plan

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
)

var update = flag.Bool("update", false, "write testdata/*.out.yaml anew")

// story is what a testdata/*.in.yaml holds.
type story struct {
	Platform v1alpha1.BlogPlatform `json:"platform"`
	// Runs is what the services still run; left out, the release of the spec.
	Runs     *v1alpha1.Release `json:"runs,omitempty"`
	Observed []map[string]any  `json:"observed,omitempty"`
}

// stories reads all inputs by name.
func stories(t *testing.T) map[string]Input {
	t.Helper()
	files, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	inputs := map[string]Input{}
	for _, file := range files {
		inputs[strings.TrimSuffix(filepath.Base(file), ".in.yaml")] = readStory(t, file)
	}
	return inputs
}

func readStory(t *testing.T, file string) Input {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s story
	if err := yaml.UnmarshalStrict(content, &s); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	in := Input{Platform: &s.Platform, Release: s.Platform.Spec.Release}
	if s.Runs != nil {
		set, err := SetOf(&s.Platform, *s.Runs)
		if err != nil {
			t.Fatal(err)
		}
		in.Run = Run{Data: &set, Frontend: &set, Contract: s.Runs, Attempt: 7, WithoutVerify: true}
	}
	for _, object := range s.Observed {
		raw, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		live := &unstructured.Unstructured{}
		// Numbers become what they are in an object of a real API server: whole.
		if err := yaml.Unmarshal(raw, live); err != nil {
			t.Fatal(err)
		}
		in.Observed = append(in.Observed, live)
	}
	return in
}

func planOf(t *testing.T, in Input) Plan {
	t.Helper()
	plan, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestPlansAreWhatTheirGoldenFilesSay(t *testing.T) {
	for name, in := range stories(t) {
		t.Run(name, func(t *testing.T) {
			got := render(t, planOf(t, in))
			golden := filepath.Join("testdata", name+".out.yaml")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v; run go test ./internal/plan -update and read the diff", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("the plan has changed (-golden +plan); if that is meant, run go test ./internal/plan -update and read the diff:\n%s", diff)
			}
		})
	}
}

// render writes a plan for people: first what is said about the whole of it,
// then the children in the order of their application.
func render(t *testing.T, plan Plan) []byte {
	t.Helper()
	var out bytes.Buffer
	write := func(comment string, value any) {
		raw, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "---\n# %s\n%s", comment, raw)
	}
	write("The plan", map[string]any{"digest": plan.Digest, "secrets": plan.Secrets, "effective": plan.Effective})
	for _, child := range plan.Children {
		write(describe(child), child.Object.Object)
	}
	return out.Bytes()
}

func describe(child Child) string {
	words := []string{"stage " + string(child.Stage)}
	if !child.Gates {
		words = append(words, "gates nothing")
	}
	if child.Retain {
		words = append(words, "retained")
	}
	if len(child.SecretKeys) > 0 {
		words = append(words, "its Secret has "+strings.Join(child.SecretKeys, ", "))
	}
	return strings.Join(words, "; ")
}
