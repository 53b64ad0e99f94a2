package tofu

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/build"
)

// write puts files, by their path with slashes, into a folder.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheTypesOfResourcesAndDataSourcesAreFound(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"modules/a/main.tf": `resource "aws_vpc" "this" {}
data "aws_region" "current" {}
  # resource "aws_commented" "out" {}
output "x" { value = "aws_no_type" }`,
		"modules/a/tests/a.tftest.hcl": `mock_provider "aws" {
  mock_resource "aws_lb" {
  }
  mock_data "aws_ami" {
  }
}`,
		"README.md": `resource "aws_documented" "x" {}`,
	})
	used, err := UsedTypes(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"aws_ami", "aws_lb", "aws_region", "aws_vpc"}, slices.Sorted(maps.Keys(used))); diff != "" {
		t.Error(diff)
	}
}

func TestASchemaIsReducedToWhatIsUsed(t *testing.T) {
	schema := `{"provider_schemas": {"registry.terraform.io/hashicorp/aws": {
		"provider": {"version": 0},
		"resource_schemas": {"aws_vpc": {"version": 1}, "aws_lb": {"version": 2}},
		"data_source_schemas": {"aws_region": {"version": 0}, "aws_ami": {"version": 0}}}}}`
	reduced, err := Reduce([]byte(schema), map[string]bool{"aws_vpc": true, "aws_region": true, "aws_unknown": true})
	if err != nil {
		t.Fatal(err)
	}
	var got providerSchema
	if err := json.Unmarshal(reduced, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"aws_vpc"}, slices.Sorted(maps.Keys(got.Resources))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"aws_region"}, slices.Sorted(maps.Keys(got.DataSources))); diff != "" {
		t.Error(diff)
	}
	if string(got.Resources["aws_vpc"]) != `{"version":1}` || string(got.Provider) != `{"version":0}` {
		t.Errorf("what was kept changed: %s", reduced)
	}
}

func TestAFileThatIsNoSchemaIsRefused(t *testing.T) {
	for want, text := range map[string]string{"reading the schema": `{`, "does not name": `{"provider_schemas": {"registry.terraform.io/hashicorp/google": {}}}`} {
		if _, err := Reduce([]byte(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
}

func TestTheMirrorIsLaidDownAsOpenTofuLooksForIt(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"built": "program"})
	if err := layMirror(dir, filepath.Join(dir, "built"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "mirror/registry.opentofu.org/hashicorp/aws", ProviderVersion, runtime.GOOS+"_"+runtime.GOARCH)
	program := filepath.Join(folder, "terraform-provider-aws_v"+ProviderVersion)
	info, err := os.Stat(program)
	if err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("the provider cannot be run: %v, %v", info, err)
	}
	if schema, err := os.ReadFile(filepath.Join(folder, "schema.json")); err != nil || string(schema) != "{}" {
		t.Errorf("the schema beside it is %q, %v", schema, err)
	}
	config, err := os.ReadFile(filepath.Join(dir, "tofurc"))
	if err != nil || !strings.Contains(string(config), filepath.Join(dir, "mirror")) || strings.Contains(string(config), "direct") {
		t.Errorf("OpenTofu may install from elsewhere: %s, %v", config, err)
	}
}

func TestAProviderThatWasNotBuiltIsAnError(t *testing.T) {
	if err := layMirror(t.TempDir(), filepath.Join(t.TempDir(), "none"), nil); err == nil {
		t.Error("a mirror without a provider was laid down")
	}
}

// A module that requires another version of the provider than the schema is of could not be initialized.
func TestEveryModuleRequiresTheProviderThatTheSchemaIsOf(t *testing.T) {
	root, err := build.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	minor := strings.Join(strings.Split(ProviderVersion, ".")[:2], ".")
	for _, pattern := range []string{"terraform/modules/*/versions.tf", "terraform/environments/*/versions.tf"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(text), `version = "~> `+minor+`"`) {
				t.Errorf("%s does not pin the provider to ~> %s (%v)", file, minor, err)
			}
		}
	}
}
