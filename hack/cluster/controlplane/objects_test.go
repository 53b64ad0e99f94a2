package controlplane_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

func TestObjectsAreReadInOrderWithoutEmptyDocuments(t *testing.T) {
	objects, err := controlplane.ParseObjects([]byte(`apiVersion: v1
kind: Namespace
metadata: {name: one}
---
# nothing here
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two}
data:
  template: |
    {{ not ours to read }}
`))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, object := range objects {
		names = append(names, object.GetKind()+"/"+object.GetName())
	}
	if diff := cmp.Diff([]string{"Namespace/one", "ConfigMap/two"}, names); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

func TestAFileThatIsNoYAMLIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(file, []byte("a: b: c\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := controlplane.ReadObjects(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("the error is %v", err)
	}
}
