package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/config/crd"
)

// definition is a CustomResourceDefinition with one of everything that is changed.
const definition = `
metadata: {name: blogs.example.com}
spec:
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        properties:
          spec:
            type: object
            description: A blog.
            x-kubernetes-validations: [{rule: self.count > 0}]
            required: [release]
            properties:
              count: {type: integer, format: int32, minimum: 1}
              size: {anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true, pattern: "^[0-9]+"}
              labels: {type: object, additionalProperties: {type: string, format: byte}}
              hosts: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              steps: {type: array, x-kubernetes-list-type: atomic, items: {type: object, properties: {weight: {type: integer}}}}
              release:
                type: object
                properties: {images: {type: object, properties: {web: {type: string}}}}
`

// specOf is the schema of spec in that of the values.
func specOf(t *testing.T, definition []byte) map[string]any {
	t.Helper()
	text, err := ofValues(definition)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		AdditionalProperties *bool
		Properties           map[string]map[string]any
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if schema.AdditionalProperties == nil || *schema.AdditionalProperties {
		t.Error("values that nobody knows are accepted")
	}
	return schema.Properties["spec"]
}

func TestTheSchemaSaysWhatTheAPIServerSays(t *testing.T) {
	digest := map[string]any{"pattern": "@sha256:[0-9a-f]{64}$"}
	want := map[string]any{
		"type": "object", "description": "A blog.", "additionalProperties": false, "required": []any{"release"},
		"properties": map[string]any{
			"count":  map[string]any{"type": "integer", "minimum": 1.0},
			"size":   map[string]any{"anyOf": []any{map[string]any{"type": "integer"}, map[string]any{"type": "string"}}, "pattern": "^[0-9]+"},
			"labels": map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}},
			"hosts":  map[string]any{"type": "array", "uniqueItems": true, "items": map[string]any{"type": "string"}},
			"steps": map[string]any{"type": "array", "items": map[string]any{
				"type": "object", "additionalProperties": false, "properties": map[string]any{"weight": map[string]any{"type": "integer"}}}},
			"release": map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{
				"images": map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{"web": map[string]any{"type": "string"}}}}},
		},
		"if":   map[string]any{"required": []any{"environment"}, "properties": map[string]any{"environment": map[string]any{"const": "Production"}}},
		"then": map[string]any{"properties": map[string]any{"release": map[string]any{"properties": map[string]any{"images": map[string]any{"properties": map[string]any{"web": digest}}}}}},
	}
	if diff := cmp.Diff(want, specOf(t, []byte(definition))); diff != "" {
		t.Errorf("the schema of spec (-want +got):\n%s", diff)
	}
}

func TestEveryImageOfProductionIsNamedByDigest(t *testing.T) {
	then, err := json.Marshal(specOf(t, crd.BlogPlatforms)["then"])
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"frontend", "user", "content", "comment"} {
		if !strings.Contains(string(then), `"`+image+`":{"pattern"`) {
			t.Errorf("%s needs no digest: %s", image, then)
		}
	}
}

func TestTheChartHasTheSchemaOfTheCRD(t *testing.T) {
	want, err := ofValues(crd.BlogPlatforms)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../charts/blogplatform/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run make manifests and commit (-want +got):\n%s", diff)
	}
}

func TestADefinitionThatTheChartCannotRenderIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ definition, want string }{
		"no YAML":       {"{", "reading the CustomResourceDefinition"},
		"several":       {"metadata: {name: blogs.example.com}\nspec: {versions: [{name: v1}, {name: v2}]}", "blogs.example.com has 2 versions"},
		"unknown field": {"metadata: {name: blogs.example.com}\nspec: {shape: round}", "reading the CustomResourceDefinition"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ofValues([]byte(test.definition)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the answer is %v", err)
			}
		})
	}
}
