package gitops

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
)

// Check says what of config/gitops in the checkout at root cannot work: generated
// files that are not current, images without a digest, two environments with one
// host or namespace, and NodePorts that the load balancer does not send to.
func Check(root string) error {
	components, err := Components(root)
	if err != nil {
		return err
	}
	files, err := Files(components)
	if err != nil {
		return err
	}
	platforms, err := Platforms(root)
	if err != nil {
		return err
	}
	return errors.Join(current(root, files), byDigest(platforms), apart(platforms), nodePorts(root, components))
}

// Platforms renders the BlogPlatform of each environment, as Argo CD and Flux do.
func Platforms(root string) (map[string]*v1alpha1.BlogPlatform, error) {
	dirs, err := filepath.Glob(filepath.Join(root, folder, "environments/*"))
	if err != nil || len(dirs) == 0 {
		return nil, errors.Join(fmt.Errorf("there are no environments in %s/environments", folder), err)
	}
	platforms := map[string]*v1alpha1.BlogPlatform{}
	for _, dir := range dirs {
		name := filepath.Base(dir)
		resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
		if err != nil {
			return nil, fmt.Errorf("render environment %s: %w", name, err)
		}
		for _, resource := range resources.Resources() {
			if resource.GetKind() != "BlogPlatform" {
				continue
			}
			text, err := resource.AsYAML()
			if err != nil {
				return nil, fmt.Errorf("environment %s: %w", name, err)
			}
			p := &v1alpha1.BlogPlatform{}
			if err := yaml.UnmarshalStrict(text, p); err != nil {
				return nil, fmt.Errorf("environment %s: BlogPlatform %s: %w", name, resource.GetName(), err)
			}
			platforms[name] = p
		}
		if platforms[name] == nil {
			return nil, fmt.Errorf("environment %s has no BlogPlatform; add one to its kustomization.yaml", name)
		}
	}
	return platforms, nil
}

// digest ends the reference of an image that is named by it.
var digest = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

func byDigest(platforms map[string]*v1alpha1.BlogPlatform) error {
	var problems []error
	for _, name := range sorted(platforms) {
		images := platforms[name].Spec.Release.Images
		for _, image := range []struct{ field, reference string }{
			{"frontend", images.Frontend}, {"user", images.User}, {"content", images.Content}, {"comment", images.Comment},
		} {
			if !digest.MatchString(image.reference) {
				problems = append(problems, fmt.Errorf("environment %s: spec.release.images.%s is %q; name it by digest, such as %s@sha256:…", name, image.field, image.reference, image.field))
			}
		}
	}
	return errors.Join(problems...)
}

// apart wants environments to share neither a host nor a namespace.
func apart(platforms map[string]*v1alpha1.BlogPlatform) error {
	var problems []error
	hosts, namespaces := map[string]string{}, map[string]string{}
	for _, name := range sorted(platforms) {
		p := platforms[name]
		for _, host := range p.Spec.Hosts {
			if other := hosts[host]; other != "" {
				problems = append(problems, fmt.Errorf("environments %s and %s: both have %s in spec.hosts; give it to one of them", other, name, host))
			}
			hosts[host] = name
		}
		if other := namespaces[p.Namespace]; other != "" {
			problems = append(problems, fmt.Errorf("environments %s and %s: both have metadata.namespace %s; give each its own", other, name, p.Namespace))
		}
		namespaces[p.Namespace] = name
	}
	return errors.Join(problems...)
}

func sorted(platforms map[string]*v1alpha1.BlogPlatform) []string {
	var names []string
	for name := range platforms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// gateway is the component that receives what the load balancer sends.
const gateway = "istio-ingress"

// defaultPorts is how terraform/modules/ingress says which ports the load balancer sends to.
var defaultPorts = regexp.MustCompile(`variable "node_ports" \{[^}]*\}[^}]*default\s*=\s*\{ http = (\d+), https = (\d+) \}`)

func nodePorts(root string, components []Component) error {
	const file = "terraform/modules/ingress/variables.tf"
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return err
	}
	found := defaultPorts.FindSubmatch(text)
	if found == nil {
		return fmt.Errorf("%s: the default of node_ports was not found; correct hack/gitops", file)
	}
	i := slices.IndexFunc(components, func(c Component) bool { return c.Name == gateway })
	if i < 0 {
		return fmt.Errorf("there is no component %s; the load balancer has nothing to send to", gateway)
	}
	var problems []error
	for n, name := range []string{"http2", "https"} {
		want, _ := strconv.Atoi(string(found[n+1]))
		if got := components[i].nodePort(name); got != want {
			problems = append(problems, fmt.Errorf("component %s: values.service.ports %s has nodePort %d, and node_ports of %s sends to %d; make them equal", gateway, name, got, file, want))
		}
	}
	return errors.Join(problems...)
}

// nodePort of a port of the component's Service, or 0.
func (c Component) nodePort(name string) int {
	service, _ := c.Values["service"].(object)
	ports, _ := service["ports"].([]any)
	for _, port := range ports {
		fields, _ := port.(object)
		if number, ok := fields["nodePort"].(float64); ok && fields["name"] == name {
			return int(number)
		}
	}
	return 0
}
