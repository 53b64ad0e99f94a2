package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// schemas are those of one provider.
type schemas struct {
	provider               *tfprotov5.Schema
	resources, dataSources map[string]*tfprotov5.Schema
}

// The form in which `tofu providers schema -json` prints one provider.
type (
	document struct {
		Provider    schema            `json:"provider"`
		Resources   map[string]schema `json:"resource_schemas"`
		DataSources map[string]schema `json:"data_source_schemas"`
	}
	schema struct {
		Version int64 `json:"version"`
		Block   block `json:"block"`
	}
	block struct {
		Attributes map[string]attribute   `json:"attributes"`
		Blocks     map[string]nestedBlock `json:"block_types"`
		Deprecated bool                   `json:"deprecated"`
	}
	attribute struct {
		Type       json.RawMessage `json:"type"`
		Required   bool            `json:"required"`
		Optional   bool            `json:"optional"`
		Computed   bool            `json:"computed"`
		Sensitive  bool            `json:"sensitive"`
		Deprecated bool            `json:"deprecated"`
	}
	nestedBlock struct {
		Nesting string `json:"nesting_mode"`
		Min     int64  `json:"min_items"`
		Max     int64  `json:"max_items"`
		Block   block  `json:"block"`
	}
)

// read reads the schemas from a file that holds one provider as `tofu providers schema -json` prints it.
func read(path string) (schemas, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return schemas{}, fmt.Errorf("reading the schema: %w", err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return schemas{}, fmt.Errorf("reading the schema in %s: %w", path, err)
	}
	return convert(d)
}

func convert(d document) (schemas, error) {
	provider, err := d.Provider.convert()
	if err != nil {
		return schemas{}, fmt.Errorf("provider: %w", err)
	}
	resources, err := convertAll(d.Resources)
	if err != nil {
		return schemas{}, err
	}
	dataSources, err := convertAll(d.DataSources)
	return schemas{provider: provider, resources: resources, dataSources: dataSources}, err
}

func convertAll(all map[string]schema) (map[string]*tfprotov5.Schema, error) {
	converted := map[string]*tfprotov5.Schema{}
	for name, s := range all {
		one, err := s.convert()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		converted[name] = one
	}
	return converted, nil
}

func (s schema) convert() (*tfprotov5.Schema, error) {
	b, err := s.Block.convert()
	return &tfprotov5.Schema{Version: s.Version, Block: b}, err
}

func (b block) convert() (*tfprotov5.SchemaBlock, error) {
	converted := &tfprotov5.SchemaBlock{Deprecated: b.Deprecated}
	for name, a := range b.Attributes {
		kind, err := tftypes.ParseJSONType(a.Type) //nolint:staticcheck // deprecated for users of the framework, which a provider without code is not
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		converted.Attributes = append(converted.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: kind, Required: a.Required, Optional: a.Optional, Computed: a.Computed, Sensitive: a.Sensitive, Deprecated: a.Deprecated,
		})
	}
	slices.SortFunc(converted.Attributes, func(a, b *tfprotov5.SchemaAttribute) int { return cmp.Compare(a.Name, b.Name) })
	for name, n := range b.Blocks {
		nested, err := n.convert(name)
		if err != nil {
			return nil, fmt.Errorf("block %s: %w", name, err)
		}
		converted.BlockTypes = append(converted.BlockTypes, nested)
	}
	slices.SortFunc(converted.BlockTypes, func(a, b *tfprotov5.SchemaNestedBlock) int { return cmp.Compare(a.TypeName, b.TypeName) })
	return converted, nil
}

// nestings are the ways of nesting by the name that JSON gives them.
var nestings = map[string]tfprotov5.SchemaNestedBlockNestingMode{
	"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
	"list":   tfprotov5.SchemaNestedBlockNestingModeList,
	"set":    tfprotov5.SchemaNestedBlockNestingModeSet,
	"map":    tfprotov5.SchemaNestedBlockNestingModeMap,
	"group":  tfprotov5.SchemaNestedBlockNestingModeGroup,
}

func (n nestedBlock) convert(name string) (*tfprotov5.SchemaNestedBlock, error) {
	nesting, known := nestings[n.Nesting]
	if !known {
		return nil, fmt.Errorf("unknown nesting mode %q", n.Nesting)
	}
	b, err := n.Block.convert()
	return &tfprotov5.SchemaNestedBlock{TypeName: name, Nesting: nesting, MinItems: n.Min, MaxItems: n.Max, Block: b}, err
}
