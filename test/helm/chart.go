package helm

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

// kubernetes is the version that charts are rendered for where there is no cluster.
const kubernetes = "v1.37.2"

// Values of a chart.
type Values = map[string]any

// Parse reads values in YAML; later texts take precedence, as files after -f do.
func Parse(texts ...string) (Values, error) {
	values := Values{}
	for _, text := range texts {
		next := Values{}
		if err := yaml.UnmarshalStrict([]byte(text), &next); err != nil {
			return nil, fmt.Errorf("values %q: %w", text, err)
		}
		merge(values, next)
	}
	return values, nil
}

// merge lays next over values: lists are replaced, and null removes a key.
func merge(values, next Values) {
	for key, value := range next {
		into, isMap := values[key].(Values)
		from, both := value.(Values)
		switch {
		case value == nil:
			delete(values, key)
		case both && isMap:
			merge(into, from)
		default:
			values[key] = value
		}
	}
}

// Load reads a chart from its folder or archive.
func Load(path string) (*chart.Chart, error) {
	loaded, err := loader.Load(path)
	if err != nil {
		return nil, fmt.Errorf("load chart %s: %w", filepath.Base(path), err)
	}
	return loaded, nil
}

// Named is the release that a chart is rendered as.
type Named struct {
	// Name and Namespace of the release.
	Name, Namespace string
}

// Rendered is what a chart renders.
type Rendered struct {
	// Objects are those of the release, Hooks those of its hooks, such as tests.
	Objects, Hooks []*unstructured.Unstructured
	// Notes are what Helm prints after an install (NOTES.txt).
	Notes string
}

// Render answers what an install of a chart would create. It asks no cluster.
func Render(c *chart.Chart, as Named, values Values) (Rendered, error) {
	version, err := common.ParseKubeVersion(kubernetes)
	if err != nil {
		return Rendered{}, err
	}
	install := action.NewInstall(action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler)))
	install.DryRunStrategy, install.KubeVersion = action.DryRunClient, version
	install.ReleaseName, install.Namespace = as.Name, as.Namespace
	answer, err := install.Run(c, values)
	if err != nil {
		return Rendered{}, fmt.Errorf("render chart %s: %w", c.Name(), err)
	}
	return read(answer.(*release.Release))
}

// read parses what was rendered.
func read(r *release.Release) (Rendered, error) {
	rendered := Rendered{Notes: r.Info.Notes}
	var err error
	if rendered.Objects, err = controlplane.ParseObjects([]byte(r.Manifest)); err != nil {
		return Rendered{}, fmt.Errorf("chart %s renders no YAML: %w", r.Chart.Name(), err)
	}
	for _, hook := range r.Hooks {
		objects, err := controlplane.ParseObjects([]byte(hook.Manifest))
		if err != nil {
			return Rendered{}, fmt.Errorf("hook %s of chart %s is no YAML: %w", hook.Path, r.Chart.Name(), err)
		}
		rendered.Hooks = append(rendered.Hooks, objects...)
	}
	return rendered, nil
}

// Lint answers what `helm lint --strict` finds, one finding a line.
func Lint(path string, values Values) error {
	version, err := common.ParseKubeVersion(kubernetes)
	if err != nil {
		return err
	}
	lint := action.NewLint()
	lint.Strict, lint.Namespace, lint.KubeVersion = true, "lint", version
	result := lint.Run([]string{path}, values)
	var findings []string
	for _, finding := range result.Errors {
		findings = append(findings, finding.Error())
	}
	if len(findings) > 0 {
		return fmt.Errorf("chart %s: %s", filepath.Base(path), strings.Join(findings, "\n"))
	}
	return nil
}
