package manifest

import (
	"context"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/config/crd"
)

// checker is the schema of BlogPlatforms with its rules.
type checker struct {
	structural *structuralschema.Structural
	openAPI    validation.SchemaValidator
	rules      *cel.Validator
}

func compile() (*checker, error) {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(crd.BlogPlatforms, &definition); err != nil {
		return nil, fmt.Errorf("read the CRD of BlogPlatforms: %w", err)
	}
	var internal apiextensions.JSONSchemaProps
	v1 := definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v1, &internal, nil); err != nil {
		return nil, fmt.Errorf("read the schema of BlogPlatforms: %w", err)
	}
	structural, err := structuralschema.NewStructural(&internal)
	if err != nil {
		return nil, fmt.Errorf("read the schema of BlogPlatforms: %w", err)
	}
	openAPI, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return nil, fmt.Errorf("read the schema of BlogPlatforms: %w", err)
	}
	return &checker{structural, openAPI, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// check answers what an API server would object to when it creates the object.
func (c *checker) check(ctx context.Context, object *unstructured.Unstructured) []string {
	var problems []string
	for _, path := range pruning.PruneWithOptions(object.Object, c.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		problems = append(problems, path+": unknown field")
	}
	errs := validation.ValidateCustomResource(nil, object.Object, c.openAPI)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, c.structural, object.Object)...)
	if len(errs) == 0 { // rules take types for granted
		ruled, _ := c.rules.Validate(ctx, nil, c.structural, object.Object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, ruled...)
	}
	for _, err := range errs {
		problems = append(problems, describe(err))
	}
	return sorted(problems)
}

// describe leaves out the value: it may be a secret that somebody forgot to seal.
func describe(err *field.Error) string {
	if err.Type == field.ErrorTypeInvalid || err.Type == field.ErrorTypeTypeInvalid {
		return err.Field + ": " + err.Detail
	}
	return err.Error()
}
