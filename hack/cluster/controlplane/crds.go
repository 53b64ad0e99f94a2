package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/timefactor"
)

// peerCRDs says in which files of which module the CRDs of each peer are.
var peerCRDs = []struct {
	module build.Module
	files  string
}{
	{build.Module{Dir: ".", Path: "github.com/cert-manager/cert-manager"}, "deploy/crds/*.yaml"},
	{build.Module{Dir: ".", Path: "github.com/argoproj/argo-rollouts"}, "manifests/crds/*-crd.yaml"},
	{build.Module{Dir: ".", Path: "github.com/bitnami-labs/sealed-secrets"}, "helm/sealed-secrets/crds/*.yaml"},
	{build.Module{Dir: "hack/cluster/istio", Path: "istio.io/istio"}, "manifests/charts/base/files/crd-all.gen.yaml"},
	{
		build.Module{Dir: "hack/cluster/postgres", Path: "github.com/percona/percona-postgresql-operator"},
		"config/crd/bases/postgres-operator.crunchydata.com_postgresclusters.yaml",
	},
}

// CRDModules are the sources of the peers' CRDs.
func CRDModules() []build.Artifact {
	var modules []build.Artifact
	for _, peer := range peerCRDs {
		modules = append(modules, peer.module)
	}
	return modules
}

// CRDs answers our own CRD and those of all peers.
func CRDs(ctx context.Context, c *build.Cache) ([]*unstructured.Unstructured, error) {
	patterns := []string{filepath.Join(c.Root, "config/crd/bases/*.yaml")}
	for _, peer := range peerCRDs {
		dir, err := peer.module.Build(ctx, c)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, filepath.Join(dir, peer.files))
	}
	var crds []*unstructured.Unstructured
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("no CRD at %s: %w", pattern, err)
		}
		for _, file := range files {
			objects, err := ReadObjects(file)
			if err != nil {
				return nil, err
			}
			crds = append(crds, objects...)
		}
	}
	return onlyCRDs(crds), nil
}

func onlyCRDs(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	var crds []*unstructured.Unstructured
	for _, object := range objects {
		if object.GetKind() == "CustomResourceDefinition" {
			crds = append(crds, object)
		}
	}
	return crds
}

// ReadObjects reads all objects of a YAML file.
func ReadObjects(file string) ([]*unstructured.Unstructured, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	objects, err := ParseObjects(content)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return objects, nil
}

// ParseObjects reads all objects of a YAML text.
func ParseObjects(content []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// InstallCRDs applies CRDs and waits until the API server serves them.
func InstallCRDs(ctx context.Context, c client.Client, crds []*unstructured.Unstructured) error {
	for _, crd := range crds {
		if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(crd.DeepCopy()), client.FieldOwner("local-cluster"), client.ForceOwnership); err != nil {
			return fmt.Errorf("applying CRD %s: %w", crd.GetName(), err)
		}
	}
	for _, crd := range crds {
		if err := waitServed(ctx, c, crd); err != nil {
			return fmt.Errorf("waiting for CRD %s: %w", crd.GetName(), err)
		}
	}
	return nil
}

// waitServed waits until a CRD is established, and then until discovery names
// its kind: the API server updates the two one after the other.
func waitServed(ctx context.Context, c client.Client, crd *unstructured.Unstructured) error {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, timefactor.Scale(time.Minute), true, func(ctx context.Context) (bool, error) {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(crd.GroupVersionKind())
		if err := c.Get(ctx, client.ObjectKeyFromObject(crd), live); err != nil {
			return false, err
		}
		conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
		for _, condition := range conditions {
			fields, _ := condition.(map[string]any)
			if fields["type"] == "Established" && fields["status"] == "True" {
				_, err := c.RESTMapper().RESTMapping(schema.GroupKind{Group: group, Kind: kind})
				if meta.IsNoMatchError(err) {
					return false, nil
				}
				return err == nil, err
			}
		}
		return false, nil
	})
}
