package gitops

import "strings"

// fluxNamespace is where Flux and its objects are.
const fluxNamespace = "flux-system"

// release is a component as a HelmRelease of Flux, with the source of its chart.
// It waits for the components that are installed before it.
func (c Component) release(before []string) []object {
	source := object{"interval": "1h", "url": c.Chart.Repository}
	if strings.HasPrefix(c.Chart.Repository, oci) {
		source["type"] = "oci"
	}
	spec := object{
		"interval": "1h", "releaseName": c.Name, "targetNamespace": c.Namespace, "storageNamespace": c.Namespace,
		"chart": object{"spec": object{
			"chart": c.Chart.Name, "version": c.Chart.Version,
			"sourceRef": object{"kind": "HelmRepository", "name": c.Name},
		}},
		"install":        object{"createNamespace": true, "crds": "CreateReplace", "remediation": object{"retries": 10}},
		"upgrade":        object{"crds": "CreateReplace", "remediation": object{"retries": 3}},
		"driftDetection": c.drift(),
		"values":         c.Values,
	}
	if len(before) > 0 {
		var names []object
		for _, name := range before {
			names = append(names, object{"name": name})
		}
		spec["dependsOn"] = names
	}
	return []object{
		{"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository", "metadata": object{"name": c.Name, "namespace": fluxNamespace}, "spec": source},
		{"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": object{"name": c.Name, "namespace": fluxNamespace}, "spec": spec},
	}
}

// drift says which changes by others Flux takes back. It cannot tell by field manager
// who has written a field, so the webhooks that a controller writes into are left to it.
func (c Component) drift() object {
	drift := object{"mode": "enabled"}
	var ignored []object
	for _, i := range c.IgnoreDifferences {
		fields := i.Fields
		if i.Manager != "" {
			fields = append([]string{"/webhooks"}, fields...)
		}
		target := object{"kind": i.Kind, "group": i.Group}
		if i.Name != "" {
			target["name"] = i.Name
		}
		ignored = append(ignored, object{"paths": fields, "target": target})
	}
	if len(ignored) > 0 {
		drift["ignore"] = ignored
	}
	return drift
}
