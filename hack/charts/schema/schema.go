package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// draft of JSON Schema that the chart's values are checked by.
const draft = "https://json-schema.org/draft/2020-12/schema"

// object is a part of a JSON schema.
type object = map[string]any

// ofValues answers the JSON schema of the chart's values: spec is that of the
// only version of the CustomResourceDefinition, which is in YAML.
func ofValues(definition []byte) ([]byte, error) {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(definition, &crd); err != nil {
		return nil, fmt.Errorf("reading the CustomResourceDefinition: %w", err)
	}
	if len(crd.Spec.Versions) != 1 {
		return nil, fmt.Errorf("%s has %d versions, and the chart renders one; say which in hack/charts/schema", crd.Name, len(crd.Spec.Versions))
	}
	platform := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	spec, err := strict(platform)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", crd.Name, err)
	}
	spec["if"] = object{"required": []string{"environment"}, "properties": object{"environment": object{"const": "Production"}}}
	spec["then"] = object{"properties": object{"release": object{"properties": object{"images": byDigest(platform)}}}}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(object{
		"$schema": draft, "title": "Values of blogplatform",
		"type": "object", "additionalProperties": false, "required": []string{"spec"},
		"properties": object{
			"spec": spec, "keepOnUninstall": object{"type": "boolean"}, "test": test(), "global": object{"type": "object"},
		},
	})
	return out.Bytes(), err
}

// test is what `helm test` can be given.
func test() object {
	port := object{"type": "integer", "minimum": 1, "maximum": 65535}
	return object{"type": "object", "additionalProperties": false, "properties": object{
		"image":          object{"type": "string", "pattern": "[:@]"},
		"timeoutSeconds": object{"type": "integer", "minimum": 1, "maximum": 86400},
		"apiPorts":       object{"type": "array", "minItems": 1, "items": port},
	}}
}

// byDigest is the rule for the images of Production, which the API server has in CEL.
func byDigest(spec apiextensionsv1.JSONSchemaProps) object {
	properties := object{}
	for image := range spec.Properties["release"].Properties["images"].Properties {
		properties[image] = object{"pattern": "@sha256:[0-9a-f]{64}$"}
	}
	return object{"properties": properties}
}

// strict answers a part of an OpenAPI schema as one of JSON Schema that refuses
// unknown fields, as `kubectl apply` does.
func strict(part apiextensionsv1.JSONSchemaProps) (object, error) {
	closed := part.DeepCopy()
	shut(closed)
	text, err := json.Marshal(closed)
	if err != nil {
		return nil, err
	}
	schema := object{}
	return schema, json.Unmarshal(text, &schema)
}

// shut removes what JSON Schema does not have, and closes every object.
func shut(part *apiextensionsv1.JSONSchemaProps) {
	part.UniqueItems = part.XListType != nil && *part.XListType == "set"
	part.Format, part.XValidations, part.XListType, part.XListMapKeys, part.XMapType, part.XIntOrString = "", nil, nil, nil, nil, false
	if len(part.Properties) > 0 && part.AdditionalProperties == nil {
		part.AdditionalProperties = &apiextensionsv1.JSONSchemaPropsOrBool{Allows: false}
	}
	for name, property := range part.Properties {
		shut(&property)
		part.Properties[name] = property
	}
	if part.Items != nil {
		shut(part.Items.Schema)
	}
	if part.AdditionalProperties != nil && part.AdditionalProperties.Schema != nil {
		shut(part.AdditionalProperties.Schema)
	}
}
