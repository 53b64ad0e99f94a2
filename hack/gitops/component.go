package gitops

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Component is a part of the cluster that a Helm chart installs: a file in
// config/gitops/components.
type Component struct {
	// Name of the release, which is that of the file.
	Name string `json:"-"`
	// Wave in which it is installed: after all components of lower waves are healthy.
	Wave int `json:"wave"`
	// Namespace of the release.
	Namespace string `json:"namespace"`
	// Chart that installs it.
	Chart Chart `json:"chart"`
	// Unrendered says why no test renders the chart, or is empty.
	Unrendered string `json:"unrendered,omitempty"`
	// Values of the chart.
	Values map[string]any `json:"values"`
	// IgnoreDifferences are the fields that a controller owns, whoever has applied the object.
	IgnoreDifferences []Ignored `json:"ignoreDifferences,omitempty"`
}

// Chart names a Helm chart, pinned.
type Chart struct {
	// Repository begins with https:// or oci://.
	Repository string `json:"repository"`
	// Name and Version of the chart.
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Ignored are fields of objects that a controller owns: those that it has written
// (Manager), or those that are named (Fields, as JSON pointers).
type Ignored struct {
	Group   string   `json:"group"`
	Kind    string   `json:"kind"`
	Name    string   `json:"name,omitempty"`
	Manager string   `json:"manager,omitempty"`
	Fields  []string `json:"fields,omitempty"`
}

// waves is how many there are.
const waves = 5

// pinned is one version and no range of them.
var pinned = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)

// Components reads those of the checkout at root, in the order in which they are installed.
func Components(root string) ([]Component, error) {
	files, err := filepath.Glob(filepath.Join(root, folder, "components/*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(fmt.Errorf("there are no components in %s/components", folder), err)
	}
	var components []Component
	for _, file := range files {
		c, err := readComponent(file)
		if err != nil {
			return nil, err
		}
		components = append(components, c)
	}
	slices.SortFunc(components, func(a, b Component) int {
		return cmp.Or(cmp.Compare(a.Wave, b.Wave), cmp.Compare(a.Name, b.Name))
	})
	return components, nil
}

func readComponent(file string) (Component, error) {
	c := Component{Name: strings.TrimSuffix(filepath.Base(file), ".yaml")}
	text, err := os.ReadFile(file)
	if err != nil {
		return c, err
	}
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		return c, fmt.Errorf("component %s: %w", c.Name, err)
	}
	if problem := c.problem(); problem != "" {
		return c, fmt.Errorf("component %s: %s", c.Name, problem)
	}
	return c, nil
}

// problem says what a component lacks, and what to write.
func (c Component) problem() string {
	switch {
	case c.Wave < 0 || c.Wave >= waves:
		return fmt.Sprintf("wave is %d; write one from 0 to %d", c.Wave, waves-1)
	case c.Namespace == "":
		return "namespace is empty; name that of the release"
	case !strings.HasPrefix(c.Chart.Repository, "https://") && !strings.HasPrefix(c.Chart.Repository, oci):
		return fmt.Sprintf("chart.repository is %q; write an address that begins with https:// or %s", c.Chart.Repository, oci)
	case !pinned.MatchString(c.Chart.Version):
		return fmt.Sprintf("chart.version is %q; name one version, such as 1.2.3", c.Chart.Version)
	}
	for i, ignored := range c.IgnoreDifferences {
		if ignored.Kind == "" || ignored.Manager == "" && len(ignored.Fields) == 0 {
			return fmt.Sprintf("ignoreDifferences[%d] ignores whole objects; name the kind, and the field manager or the fields that a controller owns", i)
		}
	}
	return ""
}
