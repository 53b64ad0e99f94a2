package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
)

// Read reads the BlogPlatforms of a file, or of in where the file is "-". Other
// kinds in it are passed over. A platform without a namespace is given one.
func Read(ctx context.Context, file string, in io.Reader, namespace string) ([]*platform.Platform, error) {
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read the manifest: %w", err)
		}
		defer opened.Close()
		in = opened
	}
	schema, err := compile()
	if err != nil {
		return nil, err
	}
	var platforms []*platform.Platform
	decoder := yaml.NewYAMLOrJSONDecoder(in, 4096)
	for document := 1; ; document++ {
		var raw unstructured.Unstructured
		err := decoder.Decode(&raw.Object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read document %d of %s: %w", document, file, err)
		}
		if raw.GroupVersionKind().GroupKind() != platform.Kind.GroupKind() {
			continue
		}
		if raw.GetNamespace() == "" {
			raw.SetNamespace(namespace)
		}
		p, err := accept(ctx, schema, &raw)
		if err != nil {
			return nil, fmt.Errorf("%s: BlogPlatform %s/%s: %w", file, raw.GetNamespace(), raw.GetName(), err)
		}
		platforms = append(platforms, p)
	}
	if len(platforms) == 0 {
		return nil, fmt.Errorf("%s holds no BlogPlatform", file)
	}
	return platforms, nil
}

func accept(ctx context.Context, schema *checker, raw *unstructured.Unstructured) (*platform.Platform, error) {
	if version := raw.GroupVersionKind().Version; version != platform.Kind.Version {
		return nil, fmt.Errorf("apiVersion %s is not known; write %s", raw.GetAPIVersion(), platform.Kind.GroupVersion())
	}
	unstructured.RemoveNestedField(raw.Object, "status")
	if problems := schema.check(ctx, whole(raw)); len(problems) > 0 {
		return nil, errors.New(strings.Join(problems, "; "))
	}
	return platform.From(raw)
}

// whole has numbers as an API server sends them: JSON that was decoded by apimachinery.
func whole(raw *unstructured.Unstructured) *unstructured.Unstructured {
	text, err := raw.MarshalJSON()
	again := &unstructured.Unstructured{}
	if err == nil {
		err = again.UnmarshalJSON(bytes.TrimSpace(text))
	}
	if err != nil {
		return raw
	}
	raw.Object = again.Object
	return raw.DeepCopy()
}

// sorted is for messages, which do not depend on the order in which rules run.
func sorted(problems []string) []string {
	slices.Sort(problems)
	return slices.Compact(problems)
}
