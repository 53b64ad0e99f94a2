// Command render reads an IstioOperator from standard input and writes the
// objects that istioctl manifest generate would install, without their custom
// resource definitions. It holds only the part of istioctl that renders.
package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"

	"istio.io/istio/operator/pkg/manifest"
	"istio.io/istio/operator/pkg/render"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rendering Istio's charts:", err)
		os.Exit(1)
	}
}

// write renders standard input, which GenerateManifest knows by the name "-".
func write(output io.Writer) error {
	sets, _, err := render.GenerateManifest([]string{"-"}, nil, false, nil, nil)
	if err != nil {
		return err
	}
	var objects []manifest.Manifest
	for _, set := range sets {
		objects = append(objects, set.Manifests...)
	}
	for _, object := range arrange(objects) {
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			return fmt.Errorf("writing %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if _, err := fmt.Fprintf(output, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}

// first are the kinds that others refer to, in the order in which they are written.
var first = []string{"ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding", "ConfigMap"}

// arrange leaves out custom resource definitions, and sorts the rest, so that
// equal values give equal text.
func arrange(objects []manifest.Manifest) []manifest.Manifest {
	arranged := slices.DeleteFunc(slices.Clone(objects), func(m manifest.Manifest) bool { return m.GetKind() == "CustomResourceDefinition" })
	slices.SortStableFunc(arranged, func(a, b manifest.Manifest) int {
		return cmp.Or(
			cmp.Compare(rank(a.GetKind()), rank(b.GetKind())), cmp.Compare(a.GetKind(), b.GetKind()),
			cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()),
		)
	})
	return arranged
}

// rank answers a kind's place: those in first by their order, all others after them.
func rank(kind string) int {
	if i := slices.Index(first, kind); i >= 0 {
		return i
	}
	return len(first)
}
