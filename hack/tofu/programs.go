package tofu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"

	"blogplatform.io/operator/hack/build"
)

// Programs are OpenTofu and a provider that knows schemas only.
var Programs = build.Go{
	Name: "tofu", Module: "hack/tofu/programs", Sources: []string{"hack/tofu/programs/provider"},
	Packages: map[string]string{"tofu": "github.com/opentofu/opentofu/cmd/tofu", providerProgram: "./provider"},
	LDFlags:  "-X github.com/opentofu/opentofu/version.dev=no", // or it calls itself a development build
}

// Schema is the module that carries the schema of the AWS provider.
var Schema = build.Module{Dir: "hack/tofu/schema", Path: "github.com/upbound/provider-aws"}

const (
	// ProviderVersion is the version of the AWS provider whose schema [Schema] carries, as its Makefile says.
	ProviderVersion = "5.82.2"
	providerProgram = "terraform-provider-aws"
	// providerKey is the name of the provider in the schema.
	providerKey = "registry.terraform.io/hashicorp/aws"
	// providerPath is where OpenTofu looks for the provider in a mirror.
	providerPath = "registry.opentofu.org/hashicorp/aws"
)

// quotedType finds the types of resources and data sources that a module declares.
var quotedType = regexp.MustCompile(`(?m)^\s*(?:resource|data|mock_resource|mock_data) "(aws_[a-z0-9_]+)"`)

// UsedTypes are the AWS types that the files below a folder declare or mock.
func UsedTypes(dir string) (map[string]bool, error) {
	used := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".tf" && filepath.Ext(path) != ".hcl" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range quotedType.FindAllSubmatch(text, -1) {
			used[string(match[1])] = true
		}
		return err
	})
	return used, err
}

// providerSchema is what the schema file says of one provider.
type providerSchema struct {
	Provider    json.RawMessage            `json:"provider"`
	Resources   map[string]json.RawMessage `json:"resource_schemas"`
	DataSources map[string]json.RawMessage `json:"data_source_schemas"`
}

// Reduce answers the schema of the AWS provider with the used types only: all
// 2,000 would take seconds in each of the many processes of a run. A used type
// that the schema lacks is left out, and OpenTofu names it.
func Reduce(schema []byte, used map[string]bool) ([]byte, error) {
	var document struct {
		Schemas map[string]providerSchema `json:"provider_schemas"`
	}
	if err := json.Unmarshal(schema, &document); err != nil {
		return nil, fmt.Errorf("reading the schema of the AWS provider: %w", err)
	}
	provider, found := document.Schemas[providerKey]
	if !found {
		return nil, errors.New("the schema does not name " + providerKey)
	}
	for name := range provider.Resources {
		if !used[name] {
			delete(provider.Resources, name)
		}
	}
	for name := range provider.DataSources {
		if !used[name] {
			delete(provider.DataSources, name)
		}
	}
	return json.Marshal(provider)
}

// prepare builds the programs and lays them down in dir: the provider as a
// mirror that `tofu init` installs from, and the configuration that says so.
// It answers the path of OpenTofu.
func prepare(ctx context.Context, c *build.Cache, dir, modules string) (string, error) {
	programs, err := Programs.Build(ctx, c)
	if err != nil {
		return "", err
	}
	source, err := Schema.Build(ctx, c)
	if err != nil {
		return "", err
	}
	schema, err := os.ReadFile(filepath.Join(source, "config", "schema.json"))
	if err != nil {
		return "", fmt.Errorf("reading the schema of the AWS provider: %w", err)
	}
	used, err := UsedTypes(modules)
	if err != nil {
		return "", err
	}
	reduced, err := Reduce(schema, used)
	if err != nil {
		return "", err
	}
	return filepath.Join(programs, "tofu"), layMirror(dir, filepath.Join(programs, providerProgram), reduced)
}

// layMirror writes the mirror and OpenTofu's configuration into dir.
func layMirror(dir, program string, schema []byte) error {
	mirror := filepath.Join(dir, "mirror")
	folder := filepath.Join(mirror, filepath.FromSlash(providerPath), ProviderVersion, runtime.GOOS+"_"+runtime.GOARCH)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		path    string
		content []byte
		mode    fs.FileMode
	}{
		{filepath.Join(folder, providerProgram+"_v"+ProviderVersion), content, 0o755},
		{filepath.Join(folder, "schema.json"), schema, 0o644},
		{filepath.Join(dir, "tofurc"), fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror), 0o644},
	} {
		if err := os.WriteFile(file.path, file.content, file.mode); err != nil {
			return err
		}
	}
	return nil
}
