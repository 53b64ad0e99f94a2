package kustomize_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/test/kustomize"
)

const root = "../.."

func TestAFolderIsRenderedWithWhatItRefersTo(t *testing.T) {
	objects, err := kustomize.Objects(root, "default")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]*unstructured.Unstructured{}
	for _, object := range objects {
		kinds[object.GetKind()] = object
	}
	for _, kind := range []string{"CustomResourceDefinition", "ClusterRole", "Deployment"} {
		if kinds[kind] == nil {
			t.Errorf("there is no %s", kind)
		}
	}
	if namespace := kinds["Deployment"].GetNamespace(); namespace != "blogplatform-system" {
		t.Errorf("the operator is in namespace %q", namespace)
	}
}

func TestAFolderThatIsMissingIsNamed(t *testing.T) {
	if _, err := kustomize.Objects(root, "nowhere"); err == nil || !strings.Contains(err.Error(), "config/nowhere") {
		t.Errorf("the answer is %v", err)
	}
}
