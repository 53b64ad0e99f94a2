// Package kustomize renders the folders of config for tests, by Kustomize's own library.
package kustomize

import (
	"fmt"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

// Objects are those of a folder of config, such as default, in the checkout
// at root, as `kubectl apply -k` would apply them.
func Objects(root, folder string) ([]*unstructured.Unstructured, error) {
	dir := filepath.Join(root, "config", folder)
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, fmt.Errorf("rendering %s by Kustomize: %w", dir, err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("rendering %s by Kustomize: %w", dir, err)
	}
	return controlplane.ParseObjects(text)
}
