package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

const small = `{
  "provider": {"version": 0, "block": {"attributes": {"region": {"type": "string", "optional": true}}}},
  "resource_schemas": {"aws_thing": {"version": 2, "block": {
    "attributes": {
      "tags": {"type": ["map", "string"], "optional": true},
      "name": {"type": "string", "required": true},
      "secret": {"type": "string", "computed": true, "sensitive": true},
      "list": {"type": ["list", ["object", {"cidr": "string", "port": "number"}]], "optional": true, "computed": true, "deprecated": true}
    },
    "block_types": {
      "timeouts": {"nesting_mode": "single", "block": {"attributes": {"create": {"type": "string", "optional": true}}}},
      "rule": {"nesting_mode": "list", "min_items": 1, "max_items": 3, "block": {"block_types": {
        "match": {"nesting_mode": "set", "block": {"attributes": {"key": {"type": "string", "required": true}}}}}}}
    }}}},
  "data_source_schemas": {"aws_zone": {"version": 0, "block": {"attributes": {"id": {"type": "string", "computed": true}}}}}
}`

// serve answers a server of the schemas in text.
func serve(t *testing.T, text string) (server, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := read(path)
	return server{schemas: read}, err
}

func TestEverythingThatASchemaSaysIsServed(t *testing.T) {
	s, err := serve(t, small)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.GetProviderSchema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.Provider.Block.Attributes; len(got) != 1 || got[0].Name != "region" {
		t.Errorf("the provider has the attributes %v", got)
	}
	if _, found := answer.DataSourceSchemas["aws_zone"]; !found {
		t.Error("the data source is missing")
	}
	thing := answer.ResourceSchemas["aws_thing"]
	if thing.Version != 2 {
		t.Errorf("the version is %d, want 2", thing.Version)
	}
	byName := map[string]*tfprotov5.SchemaAttribute{}
	for _, a := range thing.Block.Attributes {
		byName[a.Name] = a
	}
	if !byName["name"].Required || !byName["secret"].Sensitive || !byName["secret"].Computed || !byName["list"].Deprecated {
		t.Errorf("attributes lost what they are: %v", byName)
	}
	want := tftypes.List{ElementType: tftypes.Object{AttributeTypes: map[string]tftypes.Type{"cidr": tftypes.String, "port": tftypes.Number}}}
	if !byName["list"].Type.Equal(want) {
		t.Errorf("the list is %s, want %s", byName["list"].Type, want)
	}
	rule, timeouts := thing.Block.BlockTypes[0], thing.Block.BlockTypes[1]
	if rule.Nesting != tfprotov5.SchemaNestedBlockNestingModeList || rule.MinItems != 1 || rule.MaxItems != 3 {
		t.Errorf("the rule is %v", rule)
	}
	if rule.Block.BlockTypes[0].Nesting != tfprotov5.SchemaNestedBlockNestingModeSet {
		t.Errorf("the block in the block is %v", rule.Block.BlockTypes[0])
	}
	if timeouts.Nesting != tfprotov5.SchemaNestedBlockNestingModeSingle {
		t.Errorf("the timeouts are %v", timeouts)
	}
}

func TestASchemaThatCannotBeReadNamesThePlace(t *testing.T) {
	for want, text := range map[string]string{
		"reading the schema in":    `{`,
		"provider: attribute":      `{"provider": {"block": {"attributes": {"region": {"type": "letters"}}}}}`,
		"aws_thing: attribute tag": `{"resource_schemas": {"aws_thing": {"block": {"attributes": {"tag": {"type": ["pair", "string"]}}}}}}`,
		"aws_zone: block rule":     `{"data_source_schemas": {"aws_zone": {"block": {"block_types": {"rule": {"nesting_mode": "tree"}}}}}}`,
		`unknown nesting mode "x"`: `{"resource_schemas": {"aws_thing": {"block": {"block_types": {"rule": {"nesting_mode": "x"}}}}}}`,
	} {
		if _, err := serve(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
	if _, err := read(filepath.Join(t.TempDir(), "none.json")); err == nil {
		t.Error("a file that does not exist was read")
	}
}

func TestTheMetadataNamesEveryType(t *testing.T) {
	s, err := serve(t, small)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.GetMetadata(t.Context(), nil)
	if err != nil || len(answer.Resources) != 1 || answer.Resources[0].TypeName != "aws_thing" || len(answer.DataSources) != 1 {
		t.Errorf("the metadata is %v, %v", answer, err)
	}
}

func TestWhatNeedsAnAccountIsRefused(t *testing.T) {
	s := server{}
	ctx := t.Context()
	calls := map[string]func() ([]*tfprotov5.Diagnostic, error){
		"read": func() ([]*tfprotov5.Diagnostic, error) {
			a, err := s.ReadResource(ctx, &tfprotov5.ReadResourceRequest{TypeName: "aws_thing"})
			return a.Diagnostics, err
		},
		"plan": func() ([]*tfprotov5.Diagnostic, error) {
			a, err := s.PlanResourceChange(ctx, &tfprotov5.PlanResourceChangeRequest{TypeName: "aws_thing"})
			return a.Diagnostics, err
		},
		"apply": func() ([]*tfprotov5.Diagnostic, error) {
			a, err := s.ApplyResourceChange(ctx, &tfprotov5.ApplyResourceChangeRequest{TypeName: "aws_thing"})
			return a.Diagnostics, err
		},
		"import": func() ([]*tfprotov5.Diagnostic, error) {
			a, err := s.ImportResourceState(ctx, &tfprotov5.ImportResourceStateRequest{TypeName: "aws_thing"})
			return a.Diagnostics, err
		},
		"data source": func() ([]*tfprotov5.Diagnostic, error) {
			a, err := s.ReadDataSource(ctx, &tfprotov5.ReadDataSourceRequest{TypeName: "aws_thing"})
			return a.Diagnostics, err
		},
	}
	for name, call := range calls {
		said, err := call()
		if err != nil || len(said) != 1 || said[0].Severity != tfprotov5.DiagnosticSeverityError || !strings.Contains(said[0].Detail, "aws_thing") {
			t.Errorf("%s: %v, %v", name, said, err)
		}
	}
}

func TestEveryConfigurationIsAccepted(t *testing.T) {
	s := server{}
	config := &tfprotov5.DynamicValue{MsgPack: []byte{0x80}}
	prepared, err := s.PrepareProviderConfig(t.Context(), &tfprotov5.PrepareProviderConfigRequest{Config: config})
	if err != nil || prepared.PreparedConfig != config {
		t.Errorf("the configuration became %v, %v", prepared, err)
	}
	if answer, err := s.ConfigureProvider(t.Context(), nil); err != nil || len(answer.Diagnostics) != 0 {
		t.Errorf("it was refused: %v, %v", answer, err)
	}
	if answer, err := s.ValidateResourceTypeConfig(t.Context(), nil); err != nil || len(answer.Diagnostics) != 0 {
		t.Errorf("a resource was refused: %v, %v", answer, err)
	}
	if answer, err := s.ValidateDataSourceConfig(t.Context(), nil); err != nil || len(answer.Diagnostics) != 0 {
		t.Errorf("a data source was refused: %v, %v", answer, err)
	}
}

func TestAStateIsAnsweredAsItIs(t *testing.T) {
	s, err := serve(t, small)
	if err != nil {
		t.Fatal(err)
	}
	state := `{"name": "one", "secret": null, "tags": {"a": "b"}, "list": [{"cidr": "10.0.0.0/8", "port": 443}], "timeouts": null, "rule": [{"match": [{"key": "k"}]}]}`
	answer, err := s.UpgradeResourceState(t.Context(), &tfprotov5.UpgradeResourceStateRequest{
		TypeName: "aws_thing", Version: 2, RawState: &tfprotov5.RawState{JSON: []byte(state)},
	})
	if err != nil {
		t.Fatal(err)
	}
	value, err := answer.UpgradedState.Unmarshal(s.schemas.resources["aws_thing"].ValueType())
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]tftypes.Value{}
	if err := value.As(&attributes); err != nil {
		t.Fatal(err)
	}
	var name string
	if err := attributes["name"].As(&name); err != nil || name != "one" {
		t.Errorf("the name is %q, %v", name, err)
	}
}

func TestAStateThatDoesNotFitItsTypeIsRefused(t *testing.T) {
	s, err := serve(t, small)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.UpgradeResourceState(t.Context(), &tfprotov5.UpgradeResourceStateRequest{TypeName: "aws_other"})
	if err != nil || len(answer.Diagnostics) != 1 {
		t.Errorf("a type that the schema lacks: %v, %v", answer, err)
	}
	if _, err := s.UpgradeResourceState(t.Context(), &tfprotov5.UpgradeResourceStateRequest{
		TypeName: "aws_thing", RawState: &tfprotov5.RawState{JSON: []byte(`{"name": ["one"]}`)},
	}); err == nil || !strings.Contains(err.Error(), "aws_thing") {
		t.Errorf("the error is %v", err)
	}
}
