package plan

import (
	"os"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

// TestEveryPeerAcceptsItsChildren checks what an API server would: fields that
// the schema does not know, types, bounds, list keys and CEL rules. The inputs
// are checked, too, so that no golden file shows what nobody can ask for.
func TestEveryPeerAcceptsItsChildren(t *testing.T) {
	schemas := schemasOf(t, peerCRDs(t)...)
	everyChild(t, func(t *testing.T, _ Input, child Child) {
		if child.Object.GetKind() == "PostgresCluster" {
			// The pinned line of the Crunchy operator ends there.
			_ = unstructured.SetNestedField(child.Object.Object, int64(16), "spec", "postgresVersion")
		}
		schemas.check(t, child.Object)
	})
	for name, in := range stories(t) {
		t.Run(name+" asked for", func(t *testing.T) {
			fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&v1alpha1.BlogPlatform{TypeMeta: in.Platform.TypeMeta, ObjectMeta: in.Platform.ObjectMeta, Spec: in.Platform.Spec})
			if err != nil {
				t.Fatal(err)
			}
			schemas.check(t, &unstructured.Unstructured{Object: fields})
		})
	}
}

// TestTheOtherCrunchyOperatorAcceptsItsClusters uses a CRD that only some machines have.
func TestTheOtherCrunchyOperatorAcceptsItsClusters(t *testing.T) {
	file := os.Getenv(controlplane.PGOCRDVariable)
	if file == "" {
		return
	}
	crds, err := controlplane.ReadObjects(file)
	if err != nil {
		t.Fatal(err)
	}
	schemas := schemasOf(t, crds...)
	everyChild(t, func(t *testing.T, _ Input, child Child) {
		if child.Object.GetKind() == "PostgresCluster" {
			schemas.check(t, child.Object)
		}
	})
}

func peerCRDs(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	root, err := build.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := build.NewCache(root, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	crds, err := controlplane.CRDs(t.Context(), cache)
	if err != nil {
		t.Fatal(err)
	}
	return crds
}

// checker is one version of one kind of a CRD.
type checker struct {
	structural *structuralschema.Structural
	openAPI    validation.SchemaValidator
	rules      *cel.Validator
}

type checkers struct {
	versions map[schema.GroupVersionKind]func() checker
	builtin  *runtime.Scheme
}

func schemasOf(t *testing.T, crds ...*unstructured.Unstructured) checkers {
	t.Helper()
	c := checkers{versions: map[schema.GroupVersionKind]func() checker{}, builtin: runtime.NewScheme()}
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(c.builtin); err != nil {
			t.Fatal(err)
		}
	}
	for _, object := range crds {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &crd); err != nil {
			t.Fatal(err)
		}
		for _, version := range crd.Spec.Versions {
			kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind}
			// A schema takes a while to compile, and only some are needed.
			c.versions[kind] = sync.OnceValue(func() checker { return compile(t, version.Schema.OpenAPIV3Schema) })
		}
	}
	return c
}

func compile(t *testing.T, v1 *apiextensionsv1.JSONSchemaProps) checker {
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v1, &internal, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := structuralschema.NewStructural(&internal)
	if err != nil {
		t.Fatal(err)
	}
	openAPI, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		t.Fatal(err)
	}
	const perCallLimit = 1000000 // k8s.io/apiserver/pkg/apis/cel.PerCallLimit
	return checker{structural, openAPI, cel.NewValidator(structural, true, perCallLimit)}
}

func (c checkers) check(t *testing.T, u *unstructured.Unstructured) {
	t.Helper()
	kind := u.GroupVersionKind()
	if typed, err := c.builtin.New(kind); err == nil {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, typed, true); err != nil {
			t.Error(err)
		}
		return
	}
	compiled, found := c.versions[kind]
	if !found {
		t.Fatalf("nobody serves %s", kind)
	}
	compiled().check(t, u.DeepCopy())
}

func (c checker) check(t *testing.T, u *unstructured.Unstructured) {
	t.Helper()
	unknown := pruning.PruneWithOptions(u.Object, c.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	if len(unknown) > 0 {
		t.Errorf("unknown fields: %s", strings.Join(unknown, ", "))
	}
	defaulting.Default(u.Object, c.structural)
	errs := validation.ValidateCustomResource(nil, u.Object, c.openAPI)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, c.structural, u.Object)...)
	if c.rules != nil {
		const budget = 100000000
		ruled, _ := c.rules.Validate(t.Context(), nil, c.structural, u.Object, nil, budget)
		errs = append(errs, ruled...)
	}
	if err := field.ErrorList(errs).ToAggregate(); err != nil {
		t.Error(err)
	}
}
